/**
 * All tests, in three projects: "quick" needs no server, "real" runs on Kafka, Redis and PostgreSQL, "k8s" on a
 * Kubernetes API server.
 * Vitest reads this file only when told to: `vitest --config vitest.workspace.ts`.
 */
import { defineConfig } from "vitest/config"
import { SkipReporter } from "./packages/testing/src/SkipReporter.ts"

const folders = "{packages/*,bench,build,chaos,k8s}/test"
const real = `${folders}/**/*.real.test.ts`
const k8s = "k8s/test/*.k8s.test.ts"

export default defineConfig({
  test: {
    reporters: ["default", new SkipReporter()],
    projects: [
      {
        test: {
          name: "quick",
          globalSetup: ["build/upToDate.ts"],
          include: [`${folders}/**/*.test.ts`],
          exclude: [real, k8s],
          // Vitest would leave one core for itself, which on a small machine is half of it.
          maxWorkers: "100%",
          sequence: { groupOrder: 1 },
          // They hang or they do not: a busy machine is no failure.
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        test: {
          name: "real",
          include: [real],
          globalSetup: ["build/upToDate.ts", "packages/testing/src/globalSetup.ts"],
          // The servers need the cores that other test files would take.
          fileParallelism: false,
          // After "quick": timings and timeouts here mean something only on a machine with nothing else to do.
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      { test: { name: "k8s", include: [k8s] } }
    ]
  }
})
