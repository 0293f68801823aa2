import { opsMigrations } from "@metka/core/OpsSchema"
import { embedded } from "@metka/testing/databaseLayers"
import { cdmMigrations } from "../src/CdmSchema.ts"
import { tagContract } from "./tagContract.ts"

tagContract("TagRepository on PGlite", embedded(opsMigrations, cdmMigrations))
