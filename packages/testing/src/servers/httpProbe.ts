/** Whether a server answers over HTTP with a status of success. */
import { Effect } from "effect"
import { NoAnswer } from "./probe.ts"

/** Fails with `NoAnswer` when refused, answered with an error, or not answered within a second. */
export const httpProbe = (url: string): Effect.Effect<void, NoAnswer> =>
  Effect.tryPromise({
    try: async () => {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
      await response.arrayBuffer()
      if (!response.ok) throw new Error(`status ${response.status}`)
    },
    catch: (error) => new NoAnswer({ reason: String(error) })
  })
