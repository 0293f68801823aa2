import { assert, describe, it } from "@effect/vitest"
import { metkaMain, runProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"

describe.skipIf(isMissing("redis"))("metka references load", () => {
  it.live("ends with 1 over a line that is not UTF-8, and says which it is", () =>
    Effect.gen(function* () {
      const { redisUrl } = yield* RealServers
      const file = join(yield* temporaryFolder, "references.jsonl")
      const guest = (name: string) => JSON.stringify({ _id: randomUUID(), name, login: "kotova" })
      const inLatin1 = Buffer.from(guest("Zoë"), "latin1")
      const lines = Buffer.concat([Buffer.from(`${guest("Анна")}\n`), inLatin1, Buffer.from(`\n${guest("Иван")}\n`)])
      yield* Effect.promise(() => writeFile(file, lines))
      const finished = yield* runProcess([metkaMain, "references", "load", file], { REDIS_URL: yield* redisUrl })
      assert.strictEqual(finished.code, 1, finished.stderr)
      assert.include(finished.stdout, `2 references written from ${file}.`)
      assert.include(finished.stderr, `${file}:2: the document is not UTF-8 text\n`)
    }).pipe(Effect.scoped, Effect.provide(RealServers.layer))
  )
})
