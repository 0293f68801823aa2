/**
 * Makes `dist/` unless it is what the sources say. `npm run stg` and the like do this first, and tests do (it is a
 * `globalSetup` of Vitest), so it loads nothing as long as there is nothing to do.
 */
import { isUpToDate, stampOfSources } from "./stamp.ts"

export default async function bringUpToDate(): Promise<void> {
  const stamp = stampOfSources()
  if (isUpToDate(stamp)) return
  const { buildOnce } = await import("./build.ts")
  await buildOnce(stamp)
}

if (import.meta.main) await bringUpToDate()
