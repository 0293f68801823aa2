import { embedded } from "../../core/test/DatabaseLayers.ts"
import { stgMigrations } from "../src/StgSchema.ts"
import { stgRepositoryContract } from "./stgRepositoryContract.ts"

stgRepositoryContract("StgRepository on PGlite", embedded(stgMigrations))
