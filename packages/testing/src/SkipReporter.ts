/** Says in the last lines of a test run what was skipped, why, and how not to: a skip nobody sees is a test lost. */
import type { Reporter, TestModule, TestProject, Vitest } from "vitest/node"
import { missingServers } from "./ServerAddresses.ts"

/** Skipped tests of a module, by the note they were skipped with. */
const skippedOf = (module: TestModule): ReadonlyArray<string> => {
  const skipped = [...module.children.allTests("skipped")]
  const notes = new Set(
    skipped.flatMap((test) => {
      const result = test.result()
      return result.state === "skipped" && result.note !== undefined ? [result.note] : []
    })
  )
  return skipped.length === 0
    ? []
    : [`  ${module.relativeModuleId}: ${skipped.length}${notes.size === 0 ? "" : ` (${[...notes].join("; ")})`}`]
}

const missingOf = (project: TestProject): ReadonlyArray<string> =>
  missingServers(project.getProvidedContext().realServers ?? {})

export class SkipReporter implements Reporter {
  private vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.vitest = vitest
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const vitest = this.vitest
    // Whoever filters by name has asked for the rest to be left out.
    if (vitest === undefined || vitest.config.testNamePattern !== undefined) return
    const missing = vitest.projects.flatMap(missingOf)
    const skipped = modules.flatMap(skippedOf)
    if (missing.length + skipped.length === 0) return
    vitest.logger.log(["SKIPPED tests:", ...(skipped.length === 0 ? ["  none"] : skipped), ...missing, ""].join("\n"))
  }
}
