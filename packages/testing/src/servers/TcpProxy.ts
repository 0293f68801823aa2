/** A way to a server that can be cut or held up, as networks are, while the server itself is well. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { createConnection, createServer, type Socket } from "node:net"
import { freePort } from "./freePort.ts"

export interface TcpProxy {
  /** On 127.0.0.1, in place of the server's own. */
  readonly port: number
  /** Resets every connection; new ones are taken at once. */
  readonly cut: Effect.Effect<void>
  /** Passes nothing on any more on the connections there are, without a word; new ones are served. */
  readonly strand: Effect.Effect<void>
  /** Leads new connections to this port of 127.0.0.1; those there are stay where they are, as after a change in the DNS. */
  readonly leadTo: (serverPort: number) => Effect.Effect<void>
  /** Passes nothing on, either way and for new connections too, for as long as the effect runs. */
  readonly stallDuring: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  isStranded: boolean
}

const ends = ({ client, server }: Pair) => [client, server]

/** Leads to this port of 127.0.0.1, whether anybody listens there yet or not. */
export const tcpProxy = Effect.fnUntraced(function* (
  firstServerPort: number
): Effect.fn.Return<TcpProxy, never, Scope.Scope> {
  const pairs = new Set<Pair>()
  let serverPort = firstServerPort
  let isStalled = false
  const close = (pair: Pair) => {
    pairs.delete(pair)
    for (const end of ends(pair)) end.resetAndDestroy()
  }
  const pass = (from: Socket, to: Socket, pair: Pair) => {
    from.on("data", (bytes) => {
      if (!to.write(bytes)) from.pause()
    })
    to.on("drain", () => {
      if (!isStalled && !pair.isStranded) from.resume()
    })
    from.on("end", () => to.end())
  }
  const open = (client: Socket) => {
    const server = createConnection({ port: serverPort, host: "127.0.0.1", noDelay: true })
    const pair: Pair = { client, server, isStranded: false }
    pairs.add(pair)
    client.setNoDelay(true)
    for (const end of ends(pair)) {
      end.on("error", () => close(pair))
      end.on("close", () => close(pair))
    }
    pass(client, server, pair)
    pass(server, client, pair)
    if (isStalled) for (const end of ends(pair)) end.pause()
  }
  const setStalled = (stalled: boolean) => {
    isStalled = stalled
    for (const end of [...pairs].filter((pair) => !pair.isStranded).flatMap(ends)) {
      if (stalled) end.pause()
      else end.resume()
    }
  }

  const port = yield* freePort
  yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const listener = createServer({ allowHalfOpen: true }, open)
      listener.listen({ port, host: "127.0.0.1" }, () => resume(Effect.succeed(listener)))
    }),
    (listener) =>
      Effect.sync(() => {
        listener.close()
        for (const pair of pairs) close(pair)
      })
  )
  return {
    port,
    cut: Effect.sync(() => {
      for (const pair of pairs) close(pair)
    }),
    strand: Effect.sync(() => {
      for (const pair of pairs) {
        pair.isStranded = true
        for (const end of ends(pair)) end.pause()
      }
    }),
    leadTo: (port) =>
      Effect.sync(() => {
        serverPort = port
      }),
    stallDuring: (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => setStalled(true)),
        () => effect,
        () => Effect.sync(() => setStalled(false))
      )
  }
})
