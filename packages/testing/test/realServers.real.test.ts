import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { createConnection } from "node:net"
import { fileURLToPath } from "node:url"
import { isMissing, RealServers } from "../src/realServers.ts"

const accepts = (host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = createConnection({ host, port })
    socket.once("connect", () => resume(Effect.succeed(true)))
    socket.once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  })

const acceptsUrl = (text: string) => {
  const url = new URL(text)
  return accepts(url.hostname, Number(url.port))
}

describe("The servers of the test run", () => {
  layer(RealServers.layer, { excludeTestServices: true })((it) => {
    it.effect.skipIf(isMissing("kafka"))("has Kafka listening", () =>
      Effect.gen(function* () {
        const brokers = yield* (yield* RealServers).kafkaBrokers
        assert.isTrue(yield* acceptsUrl(`kafka://${brokers.split(",")[0]}`))
      })
    )

    it.effect.skipIf(isMissing("redis"))("has Redis listening", () =>
      Effect.gen(function* () {
        assert.isTrue(yield* acceptsUrl(yield* (yield* RealServers).redisUrl))
      })
    )

    it.effect.skipIf(isMissing("postgres"))("has PostgreSQL listening and a database for each test", () =>
      Effect.gen(function* () {
        const servers = yield* RealServers
        assert.isTrue(yield* acceptsUrl(yield* servers.postgresUrl))
        assert.notStrictEqual(yield* servers.database, yield* servers.database)
      })
    )
  })
})

/** A test run of this very file, on a machine without Java and with nothing on PATH. */
const runWithoutJava = (ci: string) =>
  Effect.callback<{ readonly failed: boolean; readonly lastLines: string; readonly output: string }>((resume) => {
    const repository = fileURLToPath(new URL("../../..", import.meta.url))
    const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "vitest.workspace.ts", "--project", "real"]
    const child = execFile(
      process.execPath,
      [...args, "packages/testing/test/realServers.real.test.ts"],
      {
        cwd: repository,
        env: { PATH: "/nonexistent", NO_COLOR: "1", CI: ci, METKA_NESTED_RUN: "1" }
      },
      (error, stdout, stderr) => {
        const output = stdout + stderr
        const lastLines = stdout.trimEnd().split("\n").slice(-8).join("\n")
        resume(Effect.succeed({ failed: error !== null, lastLines, output }))
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe.skipIf(process.env["METKA_NESTED_RUN"] !== undefined)("A machine without Java", () => {
  it.live("skips what needs Kafka, and the last lines of the run say so, why, and how to get it", () =>
    Effect.gen(function* () {
      const { failed, lastLines, output } = yield* runWithoutJava("false")
      assert.isFalse(failed, output)
      assert.match(lastLines, /SKIPPED/)
      assert.match(lastLines, /realServers\.real\.test\.ts: \d+/)
      assert.match(lastLines, /kafka is missing: no java on PATH/)
      assert.match(lastLines, /Install Java 17 or newer and Maven/)
    })
  )

  it.live("fails the run under CI=true, saying what is missing", () =>
    Effect.gen(function* () {
      const { failed, output } = yield* runWithoutJava("true")
      assert.isTrue(failed, output)
      assert.match(output, /kafka is missing: no java on PATH/)
    })
  )
})
