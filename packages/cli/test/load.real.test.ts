import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { metkaMain, runProcess, startProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { orderLines } from "../src/demo/demoFiles.ts"
import { demoWeek } from "../src/demo/demoWeek.ts"

describe.skipIf(isMissing("kafka"))("metka load --wait", () => {
  it.live("has told what it sent and what it left out before it waits, and broken off it is not done", () =>
    Effect.gen(function* () {
      const { kafkaBrokers } = yield* RealServers
      const file = join(yield* temporaryFolder, "orders.jsonl")
      const [order = ""] = orderLines(demoWeek({ orders: 1, seed: 1, endsAt: Date.UTC(2026, 0, 4) }))
      yield* Effect.promise(() => writeFile(file, `${order.trimEnd()}\nno json\n`))
      const loading = yield* startProcess([metkaMain, "load", "--wait", file], {
        KAFKA_BROKERS: yield* kafkaBrokers,
        TOPIC_ORDERS: `orders-${randomUUID()}`,
        GROUP_STG: `stg-${randomUUID()}`
      })
      // No service takes the order in.
      yield* eventuallyTrue(
        "it follows STG",
        Effect.sync(() => loading.stderr().includes("STG : 0/1 messages")),
        "40 seconds"
      )
      yield* loading.signal("SIGINT")
      assert.strictEqual((yield* loading.exit).code, 130)
      assert.strictEqual(loading.stdout(), `1 orders sent from ${file}.\n`)
      assert.include(loading.stderr(), `${file}:2: `)
    }).pipe(Effect.scoped, Effect.provide(RealServers.layer))
  )
})

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
