/** `metka dead-letters`: the messages that could not be used, and sending them again. */
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { badRecordReasons } from "@metka/core/messages/BadRecord"
import { Topology } from "@metka/core/Topology"
import { Console, Effect, Layer, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import {
  deadLettersText,
  deadLetterText,
  readDeadLetter,
  readDeadLetters,
  type Selection,
  services
} from "../DeadLetters.ts"
import { limitFlag } from "../flags.ts"
import { withProgress } from "../Progress.ts"
import { planReplay, type Replay, replay as replayLetters, type ReplayPlan } from "../ReplayDeadLetters.ts"

class NoSuchLetter extends Schema.TaggedError<NoSuchLetter>()("NoSuchLetter", { message: Schema.String }) {}

class NothingSelected extends Schema.TaggedError<NothingSelected>()("NothingSelected", { message: Schema.String }) {}

class NotAllSent extends Schema.TaggedError<NotAllSent>()("NotAllSent", { message: Schema.String }) {}

const filters = {
  service: Flag.Literals("service", services).pipe(Flag.withDescription("Only those of this service"), Flag.optional),
  reason: Flag.Literals("reason", badRecordReasons).pipe(
    Flag.withDescription("Only those with this reason"),
    Flag.optional
  ),
  replayed: Flag.Boolean("replayed").pipe(
    Flag.withDescription("Also those that were sent again already"),
    Flag.withDefault(false)
  )
}

const idArgument = Argument.Int("id").pipe(Argument.withDescription("As the list has it"))

const list = Command.make(
  "list",
  { ...filters, limit: limitFlag("dead letters") },
  ({ limit, reason, replayed, service }) =>
    readDeadLetters(
      { service: Option.getOrUndefined(service), reason: Option.getOrUndefined(reason), replayed },
      limit
    ).pipe(
      Effect.flatMap((letters) => Console.log(deadLettersText(letters))),
      Effect.provide(Database.layer("metka dead-letters"))
    )
).pipe(Command.withDescription("List the messages that could not be used and were not sent again, the newest first"))

const writeBytes = (bytes: Uint8Array) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(bytes, () => resume(Effect.void))
  })

const show = Command.make(
  "show",
  {
    id: idArgument,
    raw: Flag.Boolean("raw").pipe(
      Flag.withDescription("Write the message's value as it came, and nothing else"),
      Flag.withDefault(false)
    )
  },
  ({ id, raw }) =>
    Effect.gen(function* () {
      const letter = yield* readDeadLetter(id)
      if (letter === undefined) return yield* new NoSuchLetter({ message: `there is no dead letter ${id}` })
      yield* raw ? writeBytes(letter.value ?? new Uint8Array()) : Console.log(deadLetterText(letter))
    }).pipe(Effect.provide(Database.layer("metka dead-letters")))
).pipe(Command.withDescription("Print all of one: why it could not be used, its headers and its value"))

const messages = (count: number): string => `${count} ${count === 1 ? "message" : "messages"}`

/** What of the plan is not sent, and what to do about it. */
const leftOut = ({ toRepublish, withoutValue }: ReplayPlan): ReadonlyArray<string> => [
  ...(withoutValue > 0 ? [`${messages(withoutValue)} without a value: there is nothing to send.`] : []),
  ...(toRepublish > 0
    ? [
        `${messages(toRepublish)} too large for the broker: STG holds the orders. ` +
          "Raise max.message.bytes of the topic, then: npx metka republish."
      ]
    : [])
]

const report = Effect.fnUntraced(function* ({ sent, tooLarge }: Replay) {
  for (const [topic, count] of Object.entries(sent)) yield* Console.log(`${messages(count)} sent to ${topic} again.`)
  if (Object.keys(sent).length > 0) {
    yield* Console.log("What still cannot be used comes back as a new dead letter: npx metka dead-letters list.")
  }
  if (tooLarge.length === 0) return
  return yield* new NotAllSent({
    message: `the broker takes no message as large as dead letter ${tooLarge.join(", ")}: raise max.message.bytes of the topic and run this again`
  })
})

const replay = Command.make(
  "replay",
  {
    ids: idArgument.pipe(Argument.variadic()),
    ...filters,
    all: Flag.Boolean("all").pipe(Flag.withDescription("All that were not sent again yet"), Flag.withDefault(false))
  },
  ({ all, ids, reason, replayed, service }) =>
    Effect.gen(function* () {
      const selection: Selection = {
        ...(ids.length === 0 ? {} : { ids }),
        service: Option.getOrUndefined(service),
        reason: Option.getOrUndefined(reason),
        replayed
      }
      if (!all && ids.length === 0 && Option.isNone(service) && Option.isNone(reason)) {
        return yield* new NothingSelected({ message: "say which: ids, --service, --reason, or --all" })
      }
      const plan = yield* planReplay(selection)
      for (const line of leftOut(plan)) yield* Console.warn(`Left out: ${line}`)
      if (plan.sendable === 0) {
        return yield* Console.log("Nothing to send. Those that were sent again are left alone without --replayed.")
      }
      const done = yield* withProgress({ label: "replay", total: plan.sendable, unit: "messages" }, (progress) =>
        replayLetters(selection, plan, progress.update)
      )
      yield* report(done)
    }).pipe(Effect.provide(Layer.mergeAll(Database.layer("metka dead-letters"), KafkaJs.layer, Topology.layer)))
).pipe(Command.withDescription("Send messages again to the service that could not use them, once the cause is mended"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("The messages that could not be used"),
  Command.withSubcommands([list, show, replay])
)
