import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Kafka as KafkaClient, logLevel, type SASLOptions } from "kafkajs"
import { kafkaError } from "../src/KafkaJsErrors.ts"
import { fakeBroker, type Login } from "./fakeBroker.ts"
import { connected } from "./foreignClient.ts"

const credentials = { username: "metka", password: "secret" }
const logins: ReadonlyArray<SASLOptions> = [
  { mechanism: "plain", ...credentials },
  { mechanism: "scram-sha-256", ...credentials },
  { mechanism: "scram-sha-512", ...credentials }
]

const adminOf = (brokers: ReadonlyArray<string>, sasl: SASLOptions) =>
  new KafkaClient({
    brokers: [...brokers],
    clientId: "test",
    logLevel: logLevel.NOTHING,
    requestTimeout: 200,
    retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 2 },
    sasl
  }).admin()

/** A client begins with any of the brokers; of so many some begin with the one that matters. */
const clients = 20

const loginFailure = (login: Login, sasl: SASLOptions) =>
  Effect.gen(function* () {
    const { address } = yield* fakeBroker(() => [], login)
    const admin = adminOf([address], sasl)
    const connect = Effect.tryPromise({ try: () => admin.connect(), catch: kafkaError("ping") })
    return yield* Effect.ensuring(
      Effect.flip(connect),
      Effect.promise(() => admin.disconnect())
    )
  }).pipe(Effect.scoped)

describe("A login to Kafka, as kafkajs is patched here", () => {
  it.live("that one broker cuts is tried with the next one", () =>
    Effect.gen(function* () {
      const stopping = yield* fakeBroker(() => [], "cut")
      const well = yield* fakeBroker(() => [])
      yield* Effect.forEach(
        Array.from({ length: clients }),
        () => connected(() => adminOf([stopping.address, well.address], { mechanism: "plain", ...credentials })),
        { concurrency: "unbounded" }
      )
    }).pipe(Effect.scoped)
  )

  for (const sasl of logins) {
    it.live(`${sasl.mechanism}: whose connection is cut is an outage, and no refusal`, () =>
      Effect.map(loginFailure("cut", sasl), ({ message, reason }) =>
        assert.strictEqual(reason._tag, "KafkaUnavailable", message)
      )
    )

    it.live(`${sasl.mechanism}: that is not answered is an outage, and no refusal`, () =>
      Effect.map(loginFailure("leave unanswered", sasl), ({ message, reason }) =>
        assert.strictEqual(reason._tag, "KafkaUnavailable", message)
      )
    )

    it.live(`${sasl.mechanism}: that the broker refuses is a refusal`, () =>
      Effect.map(loginFailure("refuse", sasl), ({ message, reason }) =>
        assert.strictEqual(reason._tag, "KafkaRefused", message)
      )
    )
  }
})
