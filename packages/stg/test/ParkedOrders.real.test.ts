import { describe } from "@effect/vitest"
import { isMissing } from "@metka/testing/realServers"
import { real } from "../../core/test/DatabaseLayers.ts"
import { opsMigrations } from "../../core/src/OpsSchema.ts"
import { stgMigrations } from "../src/StgSchema.ts"
import { parkedOrdersContract } from "./parkedOrdersContract.ts"

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  parkedOrdersContract("parked orders", real(opsMigrations, stgMigrations))
})
