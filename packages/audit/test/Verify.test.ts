import { Layer } from "effect"
import { memoryDatabase } from "../../cli/test/memorySystem.ts"
import { messyDatabase } from "./messyDatabase.ts"
import { verifyContract } from "./verifyContract.ts"

verifyContract("verify on PGlite", Layer.provideMerge(messyDatabase, memoryDatabase))
