import { opsMigrations } from "@metka/core/OpsSchema"
import { embedded } from "../../core/test/DatabaseLayers.ts"
import { ddsMigrations } from "../src/DdsSchema.ts"
import { ddsRepositoryContract } from "./ddsRepositoryContract.ts"

ddsRepositoryContract("DdsRepository on PGlite", embedded(opsMigrations, ddsMigrations))
