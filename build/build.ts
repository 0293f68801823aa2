/** `npm run build`: a folder `dist/` that runs anywhere where Node.js does. */
import { makeCluster } from "@metka/core/PgliteCluster"
import { copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { bundle } from "./bundle.ts"
import { thirdPartyLicenses } from "./licenses.ts"
import { withLock } from "./lock.ts"
import { dist, entries, repository } from "./paths.ts"
import { isUpToDate, stampFile, stampOfSources } from "./stamp.ts"

/** PGlite, which `metka start` runs on, looks for them beside the file that holds its code. */
const pgliteFiles = ["pglite.wasm", "pglite.data", "initdb.wasm"]

const pglite = dirname(createRequire(join(repository, "packages/core/package.json")).resolve("@electric-sql/pglite"))

const write = async (folder: string, stamp: string): Promise<void> => {
  await mkdir(folder)
  const [modules] = await Promise.all([
    Promise.all(Object.entries(entries).map(([name, entry]) => bundle({ name, entry, folder }))),
    makeCluster().then((cluster) => writeFile(join(folder, "cluster.tar.gz"), cluster.stream()))
  ])
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await thirdPartyLicenses(modules.flat()))
  for (const file of pgliteFiles) await copyFile(join(pglite, file), join(folder, file))
  await writeFile(join(folder, stampFile), stamp)
}

/** Swapped in when complete: a `dist/` that exists can be run, whoever was killed while building. */
const build = async (stamp: string): Promise<void> => {
  process.stderr.write("building dist/ from the sources …\n")
  const startedAt = performance.now()
  const [unfinished, outdated] = [`${dist}.${process.pid}.new`, `${dist}.${process.pid}.old`]
  await Promise.all([unfinished, outdated].map((folder) => rm(folder, { recursive: true, force: true })))
  try {
    await write(unfinished, stamp)
    if (await stat(dist).catch(() => undefined)) await rename(dist, outdated)
    await rename(unfinished, dist)
  } finally {
    await Promise.all([unfinished, outdated].map((folder) => rm(folder, { recursive: true, force: true })))
  }
  process.stderr.write(`built in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`)
}

const lockFile = join(repository, "node_modules", ".cache", "metka", "build.lock")

/** Whoever else starts at the same time waits for this build, and then finds nothing to do. */
export const buildOnce = (stamp: string): Promise<void> =>
  withLock(lockFile, async () => {
    if (!isUpToDate(stamp)) await build(stamp)
  })

if (import.meta.main) await withLock(lockFile, () => build(stampOfSources()))
