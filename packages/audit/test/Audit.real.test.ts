import { describe, layer } from "@effect/vitest"
import { real } from "@metka/testing/databaseLayers"
import { isMissing } from "@metka/testing/realServers"
import { Layer, References } from "effect"
import { allMigrations } from "../../cli/src/AllMigrations.ts"
import { messyDatabase } from "./messyDatabase.ts"
import { rebuildContract } from "./rebuildContract.ts"
import { verifyContract } from "./verifyContract.ts"
import { wreckContract } from "./wreckContract.ts"

describe.skipIf(isMissing("postgres"))("The auditor", () => {
  layer(Layer.provideMerge(messyDatabase, real(...allMigrations)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })("On real PostgreSQL", (it) => {
    verifyContract(it)
    rebuildContract(it)
  })

  layer(Layer.merge(real(...allMigrations), Layer.succeed(References.MinimumLogLevel, "None")), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })("On real PostgreSQL, a wreck", wreckContract)
})
