/** What a command does while a server is away: it says so, and goes on when the server is back. */
import { retryWhile } from "@metka/core/Outage"
import { Console, Effect } from "effect"

/** Tries again for as long as it fails. */
export const waitOut = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.tapError((error) => Console.error(`Waiting: ${error.message}`)),
    Effect.retry(retryWhile<E>(() => true))
  )
