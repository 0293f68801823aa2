/** What telemetry costs: the same backlog with and without it, in turn. */
import { Deferred, Effect } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type BackfillMeasured, measureBackfill } from "../backfill.ts"
import { atMost, type Figure, figureOf } from "../figures.ts"
import { makeFilledWorkplace } from "../round.ts"
import { type Bench, inRounds, type Measured, say } from "../run.ts"

interface Sink {
  readonly url: string
  /** Of request bodies, so far. */
  readonly received: () => number
}

const startSink = Effect.gen(function* () {
  const port = yield* Deferred.make<number>()
  let bytes = 0
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = fork(fileURLToPath(new URL("../telemetrySink.ts", import.meta.url)))
      child.on("message", (message: { readonly port?: number; readonly bytes?: number }) => {
        if (message.port !== undefined) Deferred.doneUnsafe(port, Effect.succeed(message.port))
        bytes += message.bytes ?? 0
      })
      return child
    }),
    (child) => Effect.sync(() => child.kill())
  )
  const sink: Sink = { url: `http://127.0.0.1:${yield* Deferred.await(port)}`, received: () => bytes }
  return sink
})

const once = (bench: Bench, env: Readonly<Record<string, string>>) =>
  Effect.scoped(
    Effect.flatMap(makeFilledWorkplace(bench, bench.orders), ({ workplace }) =>
      measureBackfill(bench.servers, workplace, { folder: bench.folder, env })
    )
  )

const servicesCpu = ({ cpu }: BackfillMeasured): number => cpu.stg + cpu.dds + cpu.cdm

export interface Pair {
  readonly on: BackfillMeasured
  readonly off: BackfillMeasured
  readonly sentMib: number
}

const telemetryFigures = (pairs: ReadonlyArray<Pair>): ReadonlyArray<Figure> => [
  figureOf(
    "telemetry.ratio",
    "time with telemetry ÷ without",
    "×",
    pairs.map(({ off, on }) => on.seconds / off.seconds),
    atMost(1.03, "ratio")
  ),
  figureOf(
    "telemetry.cpu",
    "  CPU of the services, with ÷ without",
    "×",
    pairs.map(({ off, on }) => servicesCpu(on) / servicesCpu(off))
  ),
  figureOf(
    "telemetry.sent",
    "  sent to the collector",
    "MiB",
    pairs.map(({ sentMib }) => sentMib)
  )
]

export const measureTelemetry = (bench: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sink = yield* startSink
      const pairs = yield* inRounds(bench.rounds, (round) =>
        Effect.gen(function* () {
          yield* say(`telemetry: round ${round} of ${bench.rounds}, without and with it`)
          // Whoever goes second may find the machine warmer, or hotter: they take turns.
          const isOnFirst = round % 2 === 0
          const before = sink.received()
          const first = yield* once(bench, isOnFirst ? { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url } : {})
          const second = yield* once(bench, isOnFirst ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url })
          const pair: Pair = {
            on: isOnFirst ? first : second,
            off: isOnFirst ? second : first,
            sentMib: (sink.received() - before) / 1_048_576
          }
          return pair
        })
      )
      const result: Measured = { figures: telemetryFigures(pairs) }
      return result
    })
  )
