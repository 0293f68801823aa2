import { describe } from "@effect/vitest"
import { isMissing } from "@metka/testing/realServers"
import { opsMigrations } from "@metka/core/OpsSchema"
import { real } from "@metka/testing/databaseLayers"
import { stgMigrations } from "../src/StgSchema.ts"
import { parkedOrdersContract } from "./parkedOrdersContract.ts"

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  parkedOrdersContract("parked orders", real(opsMigrations, stgMigrations))
})
