import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Kafka as KafkaClient, logLevel } from "kafkajs"
import { fakeBroker, type FakeBroker } from "./fakeBroker.ts"
import { connected } from "./foreignClient.ts"

/** Nothing ends because kafkajs itself gives up. */
const requestTimeout = 300_000

const adminOf = (brokers: ReadonlyArray<string>) =>
  connected(() =>
    new KafkaClient({
      brokers: [...brokers],
      clientId: "test",
      logLevel: logLevel.NOTHING,
      requestTimeout,
      authenticationTimeout: requestTimeout,
      sasl: { mechanism: "plain", username: "metka", password: "secret" }
    }).admin()
  )

const addressesOf = (admin: Effect.Success<ReturnType<typeof adminOf>>) =>
  Effect.map(
    Effect.promise(() => admin.describeCluster()),
    ({ brokers }) => brokers.map(({ host, port }) => `${host}:${port}`)
  )

/** A client begins with any of the brokers; of so many some begin with the one that matters. */
const clients = 20

/** kafkajs logs in anew 10 s before the end of a session. */
const dueAtOnce = 1

describe("A client of several brokers, as kafkajs is patched here", () => {
  const asksTheOthers = (sessionMillis: number, before: (brokers: ReadonlyArray<FakeBroker>) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const addresses: Array<string> = []
      const started = fakeBroker(() => addresses, "accept", sessionMillis)
      const [frozen, ...well] = yield* Effect.all([started, started, started])
      const brokers = [frozen, ...well]
      addresses.push(...brokers.map(({ address }) => address))
      const admins = yield* Effect.all(Array.from({ length: clients }, () => adminOf(addresses)))
      const ask = Effect.forEach(admins, addressesOf, { concurrency: "unbounded" })
      yield* ask
      yield* before(brokers)
      frozen.freeze()
      const answers = yield* ask.pipe(Effect.timeout("20 seconds"), Effect.ensuring(frozen.stop))
      for (const answer of answers) assert.deepStrictEqual(answer, addresses)
    }).pipe(Effect.scoped)

  it.live("asks the others when its connections were idle and closed, and one of the brokers answers nothing", () =>
    asksTheOthers(0, (brokers) => Effect.forEach(brokers, ({ closeIdle }) => closeIdle, { discard: true }))
  )

  it.live("asks the others when it has to log in anew everywhere, and one of the brokers answers nothing", () =>
    asksTheOthers(dueAtOnce, () => Effect.void)
  )

  it.live("goes back to where it began when none of the brokers it knows of can be connected to", () =>
    Effect.gen(function* () {
      const members: Array<string> = []
      const entrance = yield* fakeBroker(() => members)
      const [first, second] = yield* Effect.all([fakeBroker(() => members), fakeBroker(() => members)])
      members.push(first.address)
      const admin = yield* adminOf([entrance.address])
      yield* addressesOf(admin)
      yield* entrance.closeIdle
      yield* first.stop
      members.splice(0, 1, second.address)
      assert.deepStrictEqual(yield* Effect.timeout(addressesOf(admin), "30 seconds"), [second.address])
    }).pipe(Effect.scoped)
  )
})
