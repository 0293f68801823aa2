/** A kafkajs client that connects when it is first needed, and is replaced when it fails. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { KafkaError, KafkaUnavailable } from "./Kafka.ts"
import { kafkaError } from "./KafkaJsErrors.ts"
import { within } from "./within.ts"

interface Connectable {
  readonly connect: () => Promise<void>
  readonly disconnect: () => Promise<void>
}

export interface Connection<C> {
  /** Runs with the connected client. An operation that takes longer than `timeoutMillis` is an outage. */
  use<A>(operation: string, run: (client: C) => Promise<A>, timeoutMillis: number): Effect.Effect<A, KafkaError>
}

interface Connecting<C> {
  readonly client: C
  readonly connected: Promise<void>
  /** When a caller gave up waiting, if the broker has answered nobody since. */
  silentSince: number | undefined
}

/** How long closing may take before the process goes on without it. */
const closeMillis = 500

const noAnswer = (operation: string, millis: number) => (): never => {
  throw new KafkaError({ operation, reason: new KafkaUnavailable({ message: `no answer within ${millis} ms` }) })
}

export const makeConnection = <C extends Connectable>(
  make: () => C
): Effect.Effect<Connection<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: Connecting<C> | undefined

    const connect = (): Connecting<C> => {
      const client = make()
      const connected = client.connect()
      connected.catch(() => drop(client))
      return { client, connected, silentSince: undefined }
    }

    // kafkajs mends most broken connections itself; a new client mends the others too. Its disconnect lets the
    // requests of others finish.
    const drop = (client: C): void => {
      if (current?.client !== client) return
      current = undefined
      client.disconnect().catch(() => {})
    }

    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        const closed = current?.client.disconnect().catch(() => {}) ?? Promise.resolve()
        current = undefined
        return within(closeMillis, closed, () => {})
      })
    )

    return {
      use: (operation, run, timeoutMillis) =>
        Effect.tryPromise({
          try: async (signal) => {
            const connecting = (current ??= connect())
            const { client, connected } = connecting
            const startedAt = performance.now()
            // Who waits for less than `timeoutMillis`, and in vain each time, would be left with a client that is stuck.
            // Once says little: who leaves a group gives up what is well under way, and does so with all at once.
            signal.addEventListener("abort", () => {
              if (connecting.silentSince === undefined) connecting.silentSince = performance.now()
              else if (connecting.silentSince <= startedAt) drop(client)
            })
            const ran = connected.then(() => run(client))
            const answer = await within(timeoutMillis, ran, noAnswer(operation, timeoutMillis)).catch(
              (cause: unknown) => {
                const error = kafkaError(operation)(cause)
                if (error.reason._tag !== "KafkaUnavailable") connecting.silentSince = undefined
                // Of a request that nobody waits for any more others must not suffer: they may be well served meanwhile.
                else if (!signal.aborted) drop(client)
                throw error
              }
            )
            connecting.silentSince = undefined
            return answer
          },
          catch: kafkaError(operation)
        })
    }
  })
