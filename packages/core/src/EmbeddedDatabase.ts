/** PostgreSQL in this process: the same `PgClient` over PGlite, for `npm start` and for tests. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Schema } from "effect"
import { mkdir } from "node:fs/promises"
import { dirname } from "node:path"
import { Duplex } from "node:stream"
import { arrayTypes } from "./arrays.ts"

export class EmbeddedDatabaseError extends Schema.TaggedError<EmbeddedDatabaseError>()("EmbeddedDatabaseError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** PGlite, wherever it runs. It has one connection, and answers what it is asked one after the other. */
export interface Pglite {
  /** Whole frontend messages of PostgreSQL's protocol → the backend's messages in answer. */
  readonly ask: (messages: Uint8Array) => Promise<Uint8Array>
  readonly close: () => Promise<void>
}

const terminate = "X".charCodeAt(0)

const simpleQuery = (statement: string): Buffer => {
  const text = Buffer.from(`${statement}\0`)
  const head = Buffer.from("Q\0\0\0\0", "latin1")
  head.writeUInt32BE(4 + text.length, 1)
  return Buffer.concat([head, text])
}

const sync = Buffer.from("S\0\0\0\u0004", "latin1")

const cancelRequestCode = 80_877_102

/** It comes by a socket of its own, instead of a startup packet. PGlite cannot stop what it is doing. */
const isCancelRequest = (frame: Buffer): boolean => frame.length === 16 && frame.readUInt32BE(4) === cancelRequestCode

/** What the end of a connection does elsewhere. */
const reset = Buffer.concat([sync, simpleQuery("rollback"), simpleQuery("deallocate all")])

/**
 * A socket to PGlite: cuts what the client writes into PostgreSQL's frontend messages and hands whole ones to PGlite.
 * Terminate is swallowed, since PGlite outlives a connection; the startup packet has no type byte. A client that breaks
 * off leaves its transaction open, as there is no connection whose end would roll it back: the next one does.
 */
class PgliteSocket extends Duplex {
  private readonly database: Pglite
  private waiting: Buffer = Buffer.alloc(0)
  private started = false
  private isClean: boolean

  /** @param isFirst whether no other socket has asked this PGlite before */
  constructor(database: Pglite, isFirst: boolean) {
    super()
    this.database = database
    this.isClean = isFirst
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.waiting = this.waiting.length === 0 ? chunk : Buffer.concat([this.waiting, chunk])
    // PGlite may answer within one turn of the event loop: without a pause, timers and sockets would starve.
    this.drain().then(() => setImmediate(done), done)
  }

  private async drain(): Promise<void> {
    // PGlite takes the messages of a statement at once in less time than one by one; the startup packet comes alone.
    for (let frames = this.nextFrames(); frames.length > 0; frames = this.nextFrames()) {
      if (isCancelRequest(frames)) {
        this.push(null)
        return
      }
      if (!this.isClean) {
        this.isClean = true
        await this.database.ask(reset)
      }
      const answer = await this.database.ask(frames)
      if (answer.length > 0) this.push(Buffer.from(answer))
    }
  }

  private nextFrames(): Buffer {
    const frames: Array<Buffer> = []
    for (let frame = this.nextFrame(); frame !== undefined; frame = this.nextFrame()) {
      if (!this.started) {
        this.started = true
        return frame
      }
      if (frame[0] !== terminate) frames.push(frame)
    }
    return Buffer.concat(frames)
  }

  private nextFrame(): Buffer | undefined {
    const typeBytes = this.started ? 1 : 0
    if (this.waiting.length < typeBytes + 4) return undefined
    const length = typeBytes + this.waiting.readUInt32BE(typeBytes)
    if (this.waiting.length < length) return undefined
    const frame = this.waiting.subarray(0, length)
    this.waiting = this.waiting.subarray(length)
    return frame
  }
}

/**
 * A new database in memory, or the one kept in `directory`, which no other process may have open: PGlite does not look.
 * Fails with what PGlite says when it cannot open it.
 * @param open where PGlite runs: `PgliteHere.open` or `PgliteInThread.open`
 */
export const layer = (
  open: (directory: string | undefined) => Promise<Pglite>,
  options?: { readonly directory?: string }
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.tryPromise({
          try: async () => {
            const directory = options?.directory
            if (directory !== undefined) await mkdir(dirname(directory), { recursive: true })
            return await open(directory)
          },
          catch: (cause) =>
            new EmbeddedDatabaseError({
              message: `The embedded PostgreSQL did not open${
                options?.directory === undefined ? "" : ` ${options.directory}`
              }: ${cause instanceof Error ? cause.message : String(cause)}`,
              cause
            })
        }),
        (database) => Effect.promise(() => database.close())
      )
      let isFirst = true
      const connect = () => {
        const socket = new PgliteSocket(database, isFirst)
        isFirst = false
        return socket
      }
      return PgClient.layer({
        stream: connect,
        types: arrayTypes,
        username: "postgres",
        database: "postgres",
        maxConnections: 1,
        startupParameters: { timezone: "UTC" }
      })
    })
  )
