/**
 * All tests, in two projects: "quick" needs no server, "real" runs on Kafka, Redis and PostgreSQL.
 * Vitest reads this file only when told to: `vitest --config vitest.workspace.ts`.
 */
import { defineConfig } from "vitest/config"
import { SkipReporter } from "./packages/testing/src/SkipReporter.ts"

const real = "packages/*/test/**/*.real.test.ts"

export default defineConfig({
  test: {
    reporters: ["default", new SkipReporter()],
    projects: [
      {
        test: {
          name: "quick",
          include: ["packages/*/test/**/*.test.ts"],
          exclude: [real],
          // Vitest would leave one core for itself, which on a small machine is half of it.
          maxWorkers: "100%",
          // A machine that does other work beside the tests is no failure of theirs.
          testTimeout: 30_000,
          sequence: { groupOrder: 1 }
        }
      },
      {
        test: {
          name: "real",
          include: [real],
          globalSetup: ["packages/testing/src/globalSetup.ts"],
          // The servers need the cores that other test files would take.
          fileParallelism: false,
          // After "quick": timings and timeouts here mean something only on a machine with nothing else to do.
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      }
    ]
  }
})
