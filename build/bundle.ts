/** One program with all it imports, minified, in ES modules that need nothing but Node.js. */
import { rolldown } from "rolldown"
import type { LogLevel, RolldownLog } from "rolldown"
import { repository } from "./paths.ts"

/** A warning is something that would be found out in production: an import that is not there, a cycle that breaks. */
const refuse = (level: LogLevel, log: RolldownLog): void => {
  // Emscripten's code in PGlite evaluates text that is its own.
  if (level !== "warn" || (log.code === "EVAL" && log.message.includes("@electric-sql/pglite"))) return
  throw new Error(log.message)
}

/** Writes `<name>.mjs` and what it imports on demand, each with its source map; returns the modules that are in it. */
export const bundle = async (options: {
  readonly name: string
  readonly entry: string
  readonly folder: string
}): Promise<ReadonlyArray<string>> => {
  const build = await rolldown({
    input: { [options.name]: options.entry },
    cwd: repository,
    platform: "node",
    onLog: refuse
  })
  const { output } = await build.write({
    dir: options.folder,
    format: "esm",
    minify: true,
    // THIRD-PARTY-LICENSES.txt has them all, whole.
    comments: { legal: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: "[name].mjs",
    chunkFileNames: `${options.name}-[name]-[hash].mjs`
  })
  await build.close()
  return output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
}
