import { opsMigrations } from "@metka/core/OpsSchema"
import { embedded } from "@metka/testing/databaseLayers"
import { cdmMigrations } from "../src/CdmSchema.ts"
import { cdmRepositoryContract } from "./cdmRepositoryContract.ts"

cdmRepositoryContract("CdmRepository on PGlite", embedded(opsMigrations, cdmMigrations))
