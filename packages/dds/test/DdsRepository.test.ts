import { opsMigrations } from "@metka/core/OpsSchema"
import { embedded } from "@metka/testing/databaseLayers"
import { ddsMigrations } from "../src/DdsSchema.ts"
import { ddsRepositoryContract } from "./ddsRepositoryContract.ts"

ddsRepositoryContract("DdsRepository on PGlite", embedded(opsMigrations, ddsMigrations))
