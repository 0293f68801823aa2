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

/**
 * A socket to PGlite: cuts what the client writes into PostgreSQL's frontend messages and hands whole ones to PGlite.
 * Terminate is swallowed, since PGlite outlives a connection; the startup packet has no type byte.
 */
class PgliteSocket extends Duplex {
  private readonly database: Pglite
  private waiting: Buffer = Buffer.alloc(0)
  private started = false

  constructor(database: Pglite) {
    super()
    this.database = database
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
      return PgClient.layer({
        stream: () => new PgliteSocket(database),
        types: arrayTypes,
        username: "postgres",
        database: "postgres",
        maxConnections: 1,
        startupParameters: { timezone: "UTC" }
      })
    })
  )
