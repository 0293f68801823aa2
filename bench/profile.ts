/**
 * `npm run profile -- stg|dds|cdm|all`: where the time of a stage goes, while a backlog runs through the three services.
 * Writes a flame graph and V8's own profile of the stage, and PostgreSQL's dearest statements. The stage runs from its
 * sources, and being watched costs: figures are those of `npm run bench`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ordersFlag, seedFlag } from "@metka/cli/flags"
import { runMain } from "@metka/core/runMain"
import { version } from "@metka/core/version"
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { entries, repository } from "../build/paths.ts"
import { measureBackfill } from "./backfill.ts"
import { callTree, type CpuProfile, dearestFunctions, type Frame } from "./cpuProfile.ts"
import { onDatabase } from "./database.ts"
import { flameGraph } from "./flameGraph.ts"
import { makeFilledWorkplace } from "./round.ts"
import { type Bench, say, temporaryFolder, warmUpOrders } from "./run.ts"
import { startServers } from "./servers.ts"
import { stageNames, type StageName } from "./stages.ts"
import { type StatementCost, statementCosts } from "./statementStats.ts"

const folder = join(repository, "bench/results/profile")
const shown = 25

const profileFile = (stage: StageName) => `${stage}.cpuprofile`

const nodeArgs = (stages: ReadonlyArray<StageName>) => (name: string) =>
  stages.some((stage) => stage === name)
    ? ["--cpu-prof", "--cpu-prof-interval=500", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
    : []

/** The bundles are minified: their functions have no names. */
const script = (stages: ReadonlyArray<StageName>) => (name: string) => {
  const stage = stages.find((stage) => stage === name)
  return stage === undefined ? undefined : entries[stage]
}

const functionsTable = (root: Frame): ReadonlyArray<string> =>
  dearestFunctions(root, shown).map(
    ({ name, self }) =>
      `${(self / 1_000).toFixed(0).padStart(7)} ms ${((self / root.total) * 100).toFixed(1).padStart(5)} %  ${name}`
  )

const statementText = ({ calls, meanMillis, query, rows, totalMillis, walMib }: StatementCost): string =>
  `${totalMillis} ms · ${calls} calls · ${meanMillis} ms each · ${rows} rows · ${walMib} MiB WAL\n  ${query}`

const reportStage = Effect.fnUntraced(function* (stage: StageName, orders: number) {
  const json = yield* Effect.promise(() => readFile(join(folder, profileFile(stage)), "utf8"))
  const root = callTree(JSON.parse(json) as CpuProfile)
  const svg = join(folder, `${stage}.svg`)
  yield* Effect.promise(() => writeFile(svg, flameGraph(`${stage}, ${orders} orders`, root)))
  yield* Console.log(
    [
      `\n${stage}: ${(root.total / 1_000_000).toFixed(2)} s on the CPU, functions by their own time`,
      ...functionsTable(root),
      `Flame graph: ${svg}`,
      `For Chrome's developer tools or speedscope: ${join(folder, profileFile(stage))}`
    ].join("\n")
  )
})

const command = Command.make(
  "profile",
  {
    stage: Argument.Literals("stage", [...stageNames, "all"]).pipe(
      Argument.withDescription("Which service to watch; all three at once with all")
    ),
    orders: ordersFlag,
    seed: seedFlag
  },
  ({ orders, seed, stage }) =>
    Effect.gen(function* () {
      const watched = stage === "all" ? stageNames : [stage]
      yield* Effect.promise(() => mkdir(folder, { recursive: true }))
      yield* say("starting Kafka, Redis and PostgreSQL")
      const servers = yield* startServers({ statementStats: true })
      const bench: Bench = { servers, folder: yield* temporaryFolder, orders, seed, rounds: 1 }
      const backfill = (size: number, watching: ReadonlyArray<StageName>) =>
        Effect.gen(function* () {
          const { workplace } = yield* makeFilledWorkplace(bench, size)
          yield* measureBackfill(servers, workplace, {
            folder: bench.folder,
            nodeArgs: nodeArgs(watching),
            script: script(watching)
          })
          return yield* onDatabase(workplace.databaseUrl, statementCosts)
        }).pipe(Effect.scoped)
      yield* say(`warming up with ${warmUpOrders} orders`)
      yield* backfill(warmUpOrders, [])
      yield* say(`${orders} orders, watching ${watched.join(", ")}`)
      const statements = yield* backfill(orders, watched)

      yield* Effect.forEach(watched, (name) => reportStage(name, orders), { discard: true })
      const statementsFile = join(folder, "statements.txt")
      yield* Effect.promise(() => writeFile(statementsFile, `${statements.map(statementText).join("\n\n")}\n`))
      yield* Console.log(
        [
          "\nPostgreSQL, statements of all services by total time",
          ...statements
            .slice(0, 12)
            .map(
              ({ calls, query, totalMillis }) =>
                `${totalMillis.padStart(7)} ms ${calls.padStart(6)} calls  ${query.replaceAll(/\s+/g, " ").slice(0, 90)}`
            ),
          `All of them: ${statementsFile}`
        ].join("\n")
      )
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Show where a stage spends its time"))

Command.run(command, { version }).pipe(Effect.provide(NodeServices.layer), runMain("metka profile"))
