/** PGlite in the thread of whoever asks it: it answers within one turn of the event loop, as simulated time needs it. */
import { PGlite } from "@electric-sql/pglite"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Pglite } from "./EmbeddedDatabase.ts"

/** What `npm run build` has made: a new database that starts from it need not run `initdb`, which takes 2 s. */
const cluster = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../../dist/cluster.tar.gz" : "cluster.tar.gz", import.meta.url)
)

/**
 * Its files are in memory or in the page cache, so a large cache of its own would only hold them twice, as would files of
 * the write-ahead log that are kept for later.
 */
const settings = ["shared_buffers=32MB", "wal_recycle=off"]

/** Opens the database in `directory`, or one in memory. */
export const open = async (directory: string | undefined): Promise<Pglite> => {
  const isThere = directory !== undefined && existsSync(join(directory, "PG_VERSION"))
  const database = await PGlite.create({
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ["-c", setting])],
    ...(directory === undefined ? {} : { dataDir: directory }),
    ...(isThere || !existsSync(cluster) ? {} : { loadDataDir: new Blob([await readFile(cluster)]) })
  })
  return {
    ask: async (messages) => {
      const answer: Array<Uint8Array> = []
      // As a stream: else PGlite parses what it answers, for itself, at a tenth of the price of the answer.
      await database.execProtocolRawStream(messages, {
        syncToFs: false,
        onRawData: (part) => answer.push(part.slice())
      })
      return answer.length === 1 && answer[0] !== undefined ? answer[0] : Buffer.concat(answer)
    },
    close: () => database.close()
  }
}
