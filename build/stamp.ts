/** Tells whether `dist/` was made from the sources as they are now. */
import { createHash } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { dist, repository } from "./paths.ts"

/** All that a bundle can depend on. The lock file stands for `node_modules`. */
const sources = [
  "packages/!(testing)/{package.json,src/**/*}",
  "build/*.ts",
  "patches/*",
  "package-lock.json",
  "tsconfig.json"
]

export const stampFile = "sources.sha256"

/** Content, not times: a checkout or a copy that changes nothing needs no build. */
export const stampOfSources = (): string => {
  const hash = createHash("sha256")
  const files = globSync(sources, { cwd: repository, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const file of files.map((entry) => join(entry.parentPath, entry.name)).toSorted()) {
    hash
      .update(`${file.slice(repository.length)}\0`)
      .update(readFileSync(file))
      .update("\0")
  }
  return hash.digest("hex")
}

export const isUpToDate = (stamp: string): boolean => {
  try {
    return readFileSync(join(dist, stampFile), "utf8") === stamp
  } catch {
    return false
  }
}
