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

/** How long closing may take before the process goes on without it. */
const closeMillis = 500

const noAnswer = (operation: string, millis: number) => (): never => {
  throw new KafkaError({ operation, reason: new KafkaUnavailable({ message: `no answer within ${millis} ms` }) })
}

export const makeConnection = <C extends Connectable>(
  make: () => C
): Effect.Effect<Connection<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: { readonly client: C; readonly connected: Promise<void> } | undefined

    const connect = () => {
      const client = make()
      const connected = client.connect()
      connected.catch(() => drop(client))
      return { client, connected }
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
            const { client, connected } = (current ??= connect())
            const ran = connected.then(() => run(client))
            return await within(timeoutMillis, ran, noAnswer(operation, timeoutMillis)).catch((cause: unknown) => {
              const error = kafkaError(operation)(cause)
              // Of a request that nobody waits for any more others must not suffer: they may be well served meanwhile.
              if (error.reason._tag === "KafkaUnavailable" && !signal.aborted) drop(client)
              throw error
            })
          },
          catch: kafkaError(operation)
        })
    }
  })
