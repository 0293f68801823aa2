/** A kafkajs client that connects when it is first needed, and is replaced when it fails. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { KafkaError, KafkaUnavailable } from "./Kafka.ts"
import { kafkaError } from "./KafkaJsErrors.ts"

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

export const makeConnection = <C extends Connectable>(
  make: () => C
): Effect.Effect<Connection<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: { readonly client: C; readonly connected: Promise<void> } | undefined

    const get = async (): Promise<C> => {
      if (current === undefined) {
        const client = make()
        current = { client, connected: client.connect() }
      }
      const { client, connected } = current
      try {
        await connected
      } catch (error) {
        drop(client)
        throw error
      }
      return client
    }

    // kafkajs mends most broken connections itself; a new client mends the others too. Its disconnect lets the
    // requests of others finish.
    const drop = (client: C): void => {
      if (current?.client === client) current = undefined
      client.disconnect().catch(() => {})
    }

    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        const closed = current?.client.disconnect().catch(() => {}) ?? Promise.resolve()
        current = undefined
        return Promise.race([closed, new Promise<void>((resolve) => setTimeout(resolve, closeMillis).unref())])
      })
    )

    return {
      use: (operation, run, timeoutMillis) =>
        Effect.suspend(() => {
          let client: C | undefined
          return Effect.tryPromise({
            try: async () => {
              client = await get()
              return await run(client)
            },
            catch: kafkaError(operation)
          }).pipe(
            Effect.timeoutOrElse({
              duration: timeoutMillis,
              orElse: () => {
                const message = `no answer within ${timeoutMillis} ms`
                return Effect.fail(new KafkaError({ operation, reason: new KafkaUnavailable({ message }) }))
              }
            }),
            Effect.tapError((error) =>
              Effect.sync(() => {
                const used = client ?? current?.client
                if (error.reason._tag === "KafkaUnavailable" && used !== undefined) drop(used)
              })
            )
          )
        })
    }
  })
