/** The thread of `PgliteInThread`. */
import { parentPort, workerData } from "node:worker_threads"
import { open } from "./PgliteHere.ts"

/** Frontend messages of PostgreSQL's protocol, whole ones; or the wish to close. */
export type PgliteRequest = Uint8Array | "close"

/** The answer to each request, in their order. The first one, to none, says that the database is open. */
export type PgliteReply =
  | { readonly _tag: "Answered"; readonly messages: Uint8Array }
  | { readonly _tag: "Failed"; readonly message: string }

/** Not every error can be sent to another thread. */
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const serve = async (port: NonNullable<typeof parentPort>, directory: string | undefined): Promise<void> => {
  const reply = (answer: PgliteReply) => port.postMessage(answer)
  const database = await open(directory)
  let last: Promise<void> = Promise.resolve()
  const answer = async (request: PgliteRequest): Promise<void> => {
    if (request === "close") {
      try {
        await database.close()
      } finally {
        port.close()
      }
    } else {
      reply({ _tag: "Answered", messages: await database.ask(request) })
    }
  }
  port.on("message", (request: PgliteRequest) => {
    last = last
      .then(() => answer(request))
      .catch((error: unknown) => reply({ _tag: "Failed", message: messageOf(error) }))
  })
  reply({ _tag: "Answered", messages: new Uint8Array(0) })
}

if (parentPort !== null) {
  const port = parentPort
  serve(port, workerData as string | undefined).catch((error: unknown) => {
    port.postMessage({ _tag: "Failed", message: messageOf(error) } satisfies PgliteReply)
    port.close()
  })
}
