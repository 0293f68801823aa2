/** Loopback ports for servers that are going to be stopped and started again. */
import { Effect, Schedule, Schema } from "effect"
import { randomInt } from "node:crypto"
import { createServer } from "node:net"

class PortTaken extends Schema.TaggedError<PortTaken>()("PortTaken", { port: Schema.Int }) {}

const tryPort = (port: number): Effect.Effect<number, PortTaken> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.fail(new PortTaken({ port }))))
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => resume(Effect.succeed(port)))
    })
  })

/**
 * A TCP port on 127.0.0.1 that nobody listens on.
 *
 * Below 32768, where Linux begins to hand out ports to outgoing connections: a client that retries while its server
 * is down could otherwise be given the server's own port, connect to itself, and keep the server from coming back.
 */
export const freePort: Effect.Effect<number> = Effect.suspend(() => tryPort(randomInt(15_000, 32_000))).pipe(
  Effect.retry(Schedule.recurs(100)),
  Effect.orDie
)
