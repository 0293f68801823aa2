/** `metka dead-letters`: the messages that could not be used, and what an operator does about them. */
import { readDeadLetters, type Selection, services } from "@metka/console/DeadLetters"
import { counted } from "@metka/console/words"
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { badRecordReasons } from "@metka/core/messages/BadRecord"
import { Topology } from "@metka/core/Topology"
import { Console, Effect, Layer, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { closeDeadLetters, deadLettersText, deadLetterText, readDeadLetter, unknownIds } from "../DeadLetters.ts"
import { limitFlag } from "../flags.ts"
import { withProgress } from "../Progress.ts"
import { planReplay, type Replay, replay as replayLetters, type ReplayPlan } from "../ReplayDeadLetters.ts"

class NoSuchLetter extends Schema.TaggedError<NoSuchLetter>()("NoSuchLetter", { message: Schema.String }) {}

class NotSelected extends Schema.TaggedError<NotSelected>()("NotSelected", { message: Schema.String }) {}

const notSelected = (message: string) => new NotSelected({ message })

class NotAllSent extends Schema.TaggedError<NotAllSent>()("NotAllSent", { message: Schema.String }) {}

const filters = {
  service: Flag.Literals("service", services).pipe(
    Flag.withDescription("Only those of this service"),
    Flag.map((service): Partial<Selection> => ({ service })),
    Flag.withDefault({})
  ),
  reason: Flag.Literals("reason", badRecordReasons).pipe(
    Flag.withDescription("Only those with this reason"),
    Flag.map((reason): Partial<Selection> => ({ reason })),
    Flag.withDefault({})
  )
}

const closedFlag = Flag.Boolean("closed").pipe(
  Flag.withDescription("Also those that were sent again or closed"),
  Flag.withDefault(false)
)

const idArgument = Argument.Int("id").pipe(Argument.withDescription("As the list has it"))

const chosen = {
  ids: idArgument.pipe(Argument.variadic()),
  ...filters,
  all: Flag.Boolean("all").pipe(Flag.withDescription("All of them"), Flag.withDefault(false))
}

const noSuchLetter = (ids: ReadonlyArray<number>) =>
  new NoSuchLetter({ message: `there is no dead letter ${ids.join(", ")}` })

/** Those that are named, whatever became of them; else the open ones that the flags leave, or all with `closed`. */
const select = Effect.fnUntraced(function* (
  { all, ids, reason, service }: Command.Command.Config.Infer<typeof chosen>,
  closed: boolean
) {
  const limits: Partial<Selection> = { ...service, ...reason }
  const hasFlags = all || closed || Object.keys(limits).length > 0
  if (ids.length > 0 && hasFlags) return yield* notSelected("name ids, or say which by flags, and not both")
  if (ids.length === 0 && !all && Object.keys(limits).length === 0) {
    return yield* notSelected("say which: ids, --service, --reason, or --all")
  }
  const unknown = yield* unknownIds(ids)
  if (unknown.length > 0) return yield* noSuchLetter(unknown)
  const selection: Selection = ids.length > 0 ? { ids, closed: true } : { ...limits, closed }
  return selection
})

const list = Command.make(
  "list",
  { ...filters, closed: closedFlag, limit: limitFlag("dead letters") },
  ({ closed, limit, reason, service }) =>
    readDeadLetters({ ...service, ...reason, closed }, limit).pipe(
      Effect.flatMap((letters) => Console.log(deadLettersText(letters))),
      Effect.provide(Database.layer("metka dead-letters"))
    )
).pipe(Command.withDescription("List the messages that could not be used, the newest first"))

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
      if (letter === undefined) return yield* noSuchLetter([id])
      yield* raw ? writeBytes(letter.value ?? new Uint8Array()) : Console.log(deadLetterText(letter))
    }).pipe(Effect.provide(Database.layer("metka dead-letters")))
).pipe(Command.withDescription("Print all of one: why it could not be used, its headers and its value"))

/** What of the plan is not sent, and what to do about it. */
const leftOut = ({ toRepublish, unreadable, withoutValue }: ReplayPlan): ReadonlyArray<string> => [
  ...(withoutValue > 0
    ? [
        `${counted(withoutValue, "message has", "messages have")} no value, so there is nothing to send: ` +
          "npx metka dead-letters close."
      ]
    : []),
  ...(unreadable > 0
    ? [
        `${counted(unreadable, "message is", "messages are")} too large to be read back: their source must send them again.`
      ]
    : []),
  ...(toRepublish > 0
    ? [
        `${counted(toRepublish, "order is", "orders are")} too large for the broker. STG holds them: raise ` +
          "max.message.bytes of the topic, then npx metka republish, then npx metka dead-letters close."
      ]
    : [])
]

const report = Effect.fnUntraced(function* ({ sent, tooLarge }: Replay) {
  for (const [topic, count] of Object.entries(sent)) {
    yield* Console.log(`${counted(count, "message", "messages")} sent to ${topic} again.`)
  }
  if (Object.keys(sent).length > 0) {
    yield* Console.log("What still cannot be used comes back as a new dead letter: npx metka dead-letters list.")
  }
  if (tooLarge.length === 0) return
  return yield* new NotAllSent({
    message:
      `the broker takes no message as large as dead letter ${tooLarge.join(", ")}: ` +
      "raise max.message.bytes of the topic and run this again"
  })
})

const replay = Command.make("replay", { ...chosen, closed: closedFlag }, ({ closed, ...which }) =>
  Effect.gen(function* () {
    const selection = yield* select(which, closed)
    const plan = yield* planReplay(selection)
    for (const line of leftOut(plan)) yield* Console.warn(`Left out: ${line}`)
    if (plan.sendable === 0) return yield* Console.log("Nothing to send.")
    const done = yield* withProgress({ label: "replay", total: plan.sendable, unit: "messages" }, (progress) =>
      replayLetters(selection, plan, progress.update)
    )
    yield* report(done)
  }).pipe(Effect.provide(Layer.mergeAll(Database.layer("metka dead-letters"), KafkaJs.layer, Topology.layer)))
).pipe(Command.withDescription("Send messages again to the service that could not use them"))

const close = Command.make("close", chosen, (which) =>
  Effect.gen(function* () {
    const count = yield* closeDeadLetters(yield* select(which, false))
    yield* Console.log(`${counted(count, "dead letter", "dead letters")} closed. --closed lists them.`)
  }).pipe(Effect.provide(Database.layer("metka dead-letters")))
).pipe(Command.withDescription("List them no more: nothing is left to do about them"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("The messages that could not be used"),
  Command.withSubcommands([list, show, replay, close])
)
