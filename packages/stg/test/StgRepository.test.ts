import { embedded } from "@metka/testing/databaseLayers"
import { stgMigrations } from "../src/StgSchema.ts"
import { stgRepositoryContract } from "./stgRepositoryContract.ts"

stgRepositoryContract("StgRepository on PGlite", embedded(stgMigrations))
