import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { freePort, tcpProxy } from "@metka/testing/servers"
import { Effect } from "effect"
import { once } from "node:events"
import { createConnection, createServer } from "node:net"

/** A server that says back what it is told. */
const echo = Effect.fnUntraced(function* (port: number) {
  return yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((socket) => {
        // A connection that is reset is what these tests are about.
        socket.on("error", () => {})
        socket.pipe(socket)
      }).listen(port, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  )
})

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = createConnection(port, "127.0.0.1")
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const saysBack = (socket: ReturnType<typeof createConnection>, text: string) =>
  Effect.promise(async () => {
    socket.write(text)
    const [bytes] = await once(socket, "data")
    return String(bytes) === text
  })

const proxied = Effect.gen(function* () {
  const port = yield* freePort
  yield* echo(port)
  return yield* tcpProxy(port)
})

describe("A proxy", () => {
  it.live("passes on both ways, and resets every connection when it is cut", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* proxied
        const socket = yield* connect(proxy.port)
        assert.isTrue(yield* saysBack(socket, "before"))
        const failure = once(socket, "error")
        yield* proxy.cut
        const [error] = yield* Effect.promise(() => failure)
        assert.match(String(error), /ECONNRESET/)
        assert.isTrue(yield* saysBack(yield* connect(proxy.port), "after"))
      })
    )
  )

  it.live("passes nothing on while it stalls, on old and new connections, and all of it afterwards", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* proxied
        const old = yield* connect(proxy.port)
        assert.isTrue(yield* saysBack(old, "before"))
        let received = ""
        yield* proxy.stallDuring(
          Effect.gen(function* () {
            const fresh = yield* connect(proxy.port)
            for (const socket of [old, fresh]) {
              socket.on("data", (bytes) => {
                received += String(bytes)
              })
              socket.write("held")
            }
            // An echo that is not held takes less than one around another server.
            const port = yield* freePort
            yield* echo(port)
            assert.isTrue(yield* saysBack(yield* connect((yield* tcpProxy(port)).port), "not held"))
            assert.strictEqual(received, "")
          })
        )
        yield* eventuallyTrue(
          "all that was held arrives",
          Effect.sync(() => received === "heldheld")
        )
      })
    )
  )

  it.live("says nothing any more on connections that are stranded, and serves new ones", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* proxied
        const old = yield* connect(proxy.port)
        assert.isTrue(yield* saysBack(old, "before"))
        yield* proxy.strand
        yield* proxy.stallDuring(Effect.void)
        let received = ""
        old.on("data", (bytes) => {
          received += String(bytes)
        })
        old.write("lost")
        assert.isTrue(yield* saysBack(yield* connect(proxy.port), "after"))
        assert.strictEqual(received, "")
      })
    )
  )

  it.live("leads new connections to another server, and leaves those there are where they are", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* proxied
        const old = yield* connect(proxy.port)
        assert.isTrue(yield* saysBack(old, "before"))
        yield* proxy.leadTo(yield* freePort)
        const fresh = yield* connect(proxy.port)
        fresh.on("error", () => {})
        yield* Effect.promise(() => new Promise((resolve) => fresh.once("close", resolve)))
        assert.isTrue(yield* saysBack(old, "after"))
      })
    )
  )

  it.live("closes a connection to a server that does not listen", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* tcpProxy(yield* freePort)
        const socket = yield* connect(proxy.port)
        socket.on("error", () => {})
        yield* Effect.promise(() => new Promise((resolve) => socket.once("close", resolve)))
      })
    )
  )
})
