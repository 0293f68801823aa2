import { layer } from "@effect/vitest"
import { memoryDatabase } from "@metka/testing/memorySystem"
import { Layer } from "effect"
import { messyDatabase } from "./messyDatabase.ts"
import { rebuildContract } from "./rebuildContract.ts"
import { verifyContract } from "./verifyContract.ts"
import { wreckContract } from "./wreckContract.ts"

layer(Layer.provideMerge(messyDatabase, memoryDatabase), { excludeTestServices: true, timeout: "60 seconds" })(
  "On PGlite",
  (it) => {
    verifyContract(it)
    rebuildContract(it)
  }
)

layer(memoryDatabase, { excludeTestServices: true, timeout: "60 seconds" })("On PGlite, a wreck", wreckContract)
