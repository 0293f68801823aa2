/** Asks a server on loopback one question in its own protocol: a port that accepts is not yet a server that answers. */
import { Effect, Schema } from "effect"
import { createConnection } from "node:net"
import { connect } from "node:tls"

export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { reason: Schema.String }) {}

/**
 * Sends `question` to 127.0.0.1:`port` on a new connection and succeeds once what has come back satisfies `isAnswer`.
 * Fails with `NoAnswer` when refused, cut off, or silent for a second.
 */
export const probe = (options: {
  readonly port: number
  readonly question: Uint8Array
  readonly isAnswer: (received: Buffer) => boolean
  /** Over TLS, whatever its certificate. */
  readonly secure?: boolean
}): Effect.Effect<void, NoAnswer> =>
  Effect.callback((resume) => {
    let received = Buffer.alloc(0)
    const address = { port: options.port, host: "127.0.0.1" }
    const socket =
      options.secure === true ? connect({ ...address, rejectUnauthorized: false }) : createConnection(address)
    const end = (outcome: Effect.Effect<void, NoAnswer>) => {
      socket.destroy()
      resume(outcome)
    }
    socket.setTimeout(1000, () => end(Effect.fail(new NoAnswer({ reason: "silent for a second" }))))
    socket.on("error", (error) => end(Effect.fail(new NoAnswer({ reason: error.message }))))
    socket.on("close", () => end(Effect.fail(new NoAnswer({ reason: "closed the connection" }))))
    socket.on(options.secure === true ? "secureConnect" : "connect", () => socket.write(options.question))
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      if (options.isAnswer(received)) end(Effect.void)
    })
    return Effect.sync(() => socket.destroy())
  })
