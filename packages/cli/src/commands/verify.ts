/** `metka verify`: is every table what it must be? */
import { leftNothing } from "@metka/audit/LeftNothing"
import { assumeInFlight, lookAgain } from "@metka/audit/LookAgain"
import { verify as verifyTables, type VerifyOptions } from "@metka/audit/Verify"
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { describe } from "@metka/core/Outage"
import { Topology } from "@metka/core/Topology"
import { Config, Console, Effect, Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { withProgress } from "../Progress.ts"
import { leftNothingText, verdictText } from "../Verdict.ts"

/** Something is not what it must be. */
class Differences extends Schema.TaggedError<Differences>()("Differences", { message: Schema.String }) {}

const keptOfACheck = 5

const withBar = <E, R>(most: number, fateOf: VerifyOptions<E, R>["fateOf"]) =>
  withProgress({ label: "verify", total: 100, unit: "%" }, (progress) =>
    verifyTables({ most, fateOf, onProgress: progress.update })
  )

const withKafka = Effect.fnUntraced(function* (most: number) {
  const verdict = yield* withBar(most, lookAgain)
  // No table is wrong for it, and the verdict stands whether or not this can be told.
  const notes = yield* leftNothing.pipe(
    Effect.map(leftNothingText),
    Effect.catch((error) => Effect.succeed([`What STG has gone past is not known: ${describe(error)}`]))
  )
  return { verdict, notes }
})

export const verify = Command.make(
  "verify",
  {
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("List every difference, not the first ones of each check"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print the verdict as JSON"), Flag.withDefault(false))
  },
  ({ all, json }) =>
    Effect.gen(function* () {
      const startedAt = Date.now()
      const most = all ? Number.POSITIVE_INFINITY : keptOfACheck
      const brokers = yield* Config.option(Config.String("KAFKA_BROKERS"))
      const { notes, verdict } = Option.isNone(brokers)
        ? { verdict: yield* withBar(most, assumeInFlight), notes: [] }
        : yield* withKafka(most).pipe(Effect.provide(Layer.mergeAll(KafkaJs.layer, Topology.layer)))
      yield* Console.log(
        json ? JSON.stringify(verdict, null, 2) : verdictText(verdict, (Date.now() - startedAt) / 1_000)
      )
      for (const note of notes) yield* Console.warn(note)
      if (Option.isNone(brokers) && verdict.orders.inFlight > 0) {
        yield* Console.warn(
          "KAFKA_BROKERS is not set: an order whose message is lost looks like one in flight. Set it to tell them apart."
        )
      }
      if (verdict.total > 0) {
        return yield* new Differences({ message: `${verdict.total} differences, listed above with what to do` })
      }
    }).pipe(Effect.provide(Database.layer("metka verify")))
).pipe(Command.withDescription("Check every table against what it must follow from; exit code 1 if any differs"))
