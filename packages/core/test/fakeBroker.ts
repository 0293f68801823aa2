/** Brokers that a test can freeze, and whose logins it can cut. They know of no topic, and of no password. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { createServer, type Socket } from "node:net"

/** What a broker does with whoever logs in. */
export type Login = "accept" | "cut" | "refuse" | "leave unanswered"

export interface FakeBroker {
  readonly address: string
  /** Takes connections and bytes from here on, and answers nothing. */
  readonly freeze: () => void
  /** Closes all connections, as a broker does that are idle; resolves when the clients have closed them too. */
  readonly closeIdle: Effect.Effect<void>
  /** Listens no more. */
  readonly stop: Effect.Effect<void>
}

/** Source: Kafka protocol guide. */
const apiKeys = { metadata: 3, saslHandshake: 17, apiVersions: 18, saslAuthenticate: 36 }
const saslAuthenticationFailed = 58
const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
const noText = int16(-1)
const array = (values: ReadonlyArray<Buffer>): Buffer => Buffer.concat([int32(values.length), ...values])

/** In these versions, and in no other. */
const served = array(
  [
    [apiKeys.metadata, 1],
    [apiKeys.saslHandshake, 1],
    [apiKeys.apiVersions, 1],
    [apiKeys.saslAuthenticate, 1]
  ].map(([key = 0, version = 0]) => Buffer.concat([int16(key), int16(version), int16(version)]))
)

const portOf = (address: string): number => Number(address.split(":")[1])

const metadata = (addresses: ReadonlyArray<string>): Buffer =>
  Buffer.concat([
    array(
      addresses.map((address) =>
        Buffer.concat([int32(portOf(address)), text("127.0.0.1"), int32(portOf(address)), noText])
      )
    ),
    int32(-1),
    array([])
  ])

/**
 * @param members the addresses of the brokers of which it says that they are the cluster, when it is asked
 * @param sessionMillis how long a login holds; 0 for ever
 */
export const fakeBroker = (
  members: () => ReadonlyArray<string>,
  login: Login = "accept",
  sessionMillis = 0
): Effect.Effect<FakeBroker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let isFrozen = false

    const answer = (apiKey: number): Buffer => {
      if (apiKey === apiKeys.apiVersions) return Buffer.concat([int16(0), served, int32(0)])
      if (apiKey === apiKeys.metadata) return metadata(members())
      if (apiKey === apiKeys.saslHandshake) return Buffer.concat([int16(0), array(mechanisms.map(text))])
      return Buffer.concat([
        int16(login === "refuse" ? saslAuthenticationFailed : 0),
        noText,
        int32(0),
        int64(sessionMillis)
      ])
    }
    const serve = (socket: Socket) => {
      let received = Buffer.alloc(0)
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => {})
      socket.on("data", (bytes) => {
        received = Buffer.concat([received, Buffer.from(bytes)])
        while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
          const request = received.subarray(4, 4 + received.readInt32BE(0))
          received = received.subarray(4 + request.length)
          const apiKey = request.readInt16BE(0)
          const isLogin = apiKey === apiKeys.saslAuthenticate
          if (isFrozen || (isLogin && login === "leave unanswered")) continue
          if (isLogin && login === "cut") return socket.destroy()
          const body = answer(apiKey)
          socket.write(Buffer.concat([int32(4 + body.length), request.subarray(4, 8), body]))
        }
      })
    }
    const server = createServer(serve)
    const stop = Effect.sync(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
    const address = yield* Effect.acquireRelease(
      Effect.callback<string>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const bound = server.address()
          resume(Effect.succeed(`127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`))
        })
      }),
      () => stop
    )
    return {
      address,
      freeze: () => {
        isFrozen = true
      },
      closeIdle: Effect.promise(() =>
        Promise.all(
          [...sockets].map((socket) => {
            const closed = new Promise((resolve) => socket.once("close", resolve))
            socket.end()
            return closed
          })
        )
      ),
      stop
    }
  })
