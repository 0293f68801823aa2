/**
 * PGlite in a thread of its own, for `npm start`: PostgreSQL's backend takes as much of a core as the services do, and in
 * one thread each would wait for the other.
 */
import { Worker } from "node:worker_threads"
import type { Pglite } from "./EmbeddedDatabase.ts"
import type { PgliteReply, PgliteRequest } from "./PgliteThread.ts"

const threadUrl = new URL(import.meta.url.endsWith(".ts") ? "PgliteThread.ts" : "PgliteThread.mjs", import.meta.url)

class PgliteInThread implements Pglite {
  readonly #thread: Worker
  readonly #waiting: Array<PromiseWithResolvers<Uint8Array>> = []
  #ended: Error | undefined
  #isClosing = false

  constructor(directory: string | undefined, onLost: (error: Error) => void) {
    this.#thread = new Worker(threadUrl, { workerData: directory })
    this.#thread.on("message", (reply: PgliteReply) => {
      const first = this.#waiting.shift()
      if (reply._tag === "Answered") first?.resolve(reply.messages)
      else first?.reject(new Error(reply.message))
    })
    const end = (error: Error) => {
      this.#end(error)
      if (!this.#isClosing) onLost(error)
    }
    this.#thread.on("error", end)
    this.#thread.on("exit", () => end(new Error("its thread has ended")))
  }

  /** Rejects with what PGlite says when it cannot open the database. */
  async opened(): Promise<void> {
    await this.#answer()
  }

  ask(request: Uint8Array): Promise<Uint8Array> {
    const answer = this.#answer()
    if (this.#ended === undefined) this.#thread.postMessage(request, [])
    return answer
  }

  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#ended === undefined) this.#thread.postMessage("close" satisfies PgliteRequest, [])
    await new Promise<void>((resolve) => {
      if (this.#ended === undefined) this.#thread.once("exit", () => resolve())
      else resolve()
    })
  }

  #answer(): Promise<Uint8Array> {
    const waiting = Promise.withResolvers<Uint8Array>()
    if (this.#ended === undefined) this.#waiting.push(waiting)
    else waiting.reject(this.#ended)
    return waiting.promise
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended)
  }
}

/**
 * Opens the database in `directory`, or one in memory.
 * @param onLost is told when the thread ends by itself: nobody will answer any more
 */
export const open = async (
  directory: string | undefined,
  onLost: (error: Error) => void = () => {}
): Promise<Pglite> => {
  const pglite = new PgliteInThread(directory, onLost)
  await pglite.opened()
  return pglite
}
