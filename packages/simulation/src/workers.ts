/** Shares seeds out among worker threads. */
import { Cause, Effect, Queue, Schema, Stream } from "effect"
import { Worker } from "node:worker_threads"
import type { Assignment, SeedResult } from "./worker.ts"

export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** So many seeds a worker takes at once. */
const share = 20

/** The results of the seeds, as they come. */
export const runSeeds = (options: {
  readonly from: number
  readonly count: number
  readonly workers: number
}): Stream.Stream<SeedResult, WorkerFailed> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const results = yield* Queue.unbounded<SeedResult, WorkerFailed>()
      const end = options.from + options.count
      let next = options.from

      const assign = (): Assignment => {
        const from = next
        next = Math.min(end, next + share)
        return from < next ? { from, count: next - from } : undefined
      }

      const start = Effect.acquireRelease(
        Effect.sync(() => {
          const worker = new Worker(new URL("worker.ts", import.meta.url))
          worker.on("message", (message: "ready" | SeedResult) => {
            if (message === "ready") worker.postMessage(assign(), [])
            else Queue.offerUnsafe(results, message)
          })
          worker.on("error", (cause) =>
            Queue.failCauseUnsafe(
              results,
              Cause.fail(new WorkerFailed({ message: `a worker failed: ${String(cause)}`, cause }))
            )
          )
          return worker
        }),
        (worker) => Effect.promise(() => worker.terminate())
      )
      for (let worker = 0; worker < options.workers; worker++) yield* start
      return Stream.take(Stream.fromQueue(results), options.count)
    })
  )
