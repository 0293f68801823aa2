/** The data directory that every new embedded database starts from: made at build time, since `initdb` takes 2 s. */
import { PGlite } from "@electric-sql/pglite"

/** What `initdb` makes, as a compressed tar archive. */
export const makeCluster = async (): Promise<Blob> => {
  const database = await PGlite.create()
  const cluster = await database.dumpDataDir("gzip")
  await database.close()
  return cluster
}
