/** Where the build reads and writes. */
import { fileURLToPath } from "node:url"

export const repository = fileURLToPath(new URL("..", import.meta.url))

export const dist = `${repository}dist`

/** What each bundle starts from. */
export const entries = {
  stg: "packages/stg/src/main.ts",
  dds: "packages/dds/src/main.ts",
  cdm: "packages/cdm/src/main.ts",
  metka: "packages/cli/src/metka.ts",
  /** `metka start` runs it in a thread. */
  PgliteThread: "packages/core/src/PgliteThread.ts"
} as const
