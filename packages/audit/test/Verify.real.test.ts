import { describe } from "@effect/vitest"
import { isMissing } from "@metka/testing/realServers"
import { Layer } from "effect"
import { allMigrations } from "../../cli/src/AllMigrations.ts"
import { real } from "../../core/test/DatabaseLayers.ts"
import { messyDatabase } from "./messyDatabase.ts"
import { verifyContract } from "./verifyContract.ts"

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  verifyContract("verify", Layer.provideMerge(messyDatabase, real(...allMigrations)))
})
