/** `npm start`: the whole system in one process, without a server. */
import { Effect, Fiber } from "effect"
import { atMost, figureOf } from "../figures.ts"
import { type Bench, inRounds, type Measured, say } from "../run.ts"
import { answers, startProgram } from "../stages.ts"

const measureOnce = (bench: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const args = ["--orders", String(bench.orders), "--seed", String(bench.seed), "--once"]
      const program = yield* startProgram("start", {}, { folder: bench.folder, args })
      const sinceStart = Effect.sync(() => (performance.now() - program.startedAt) / 1_000)
      const answering = yield* Effect.forkChild(Effect.andThen(answers(program.port), sinceStart))
      yield* program.ends
      const seconds = yield* sinceStart
      return { answersAfter: yield* Fiber.join(answering), seconds }
    })
  )

export const measureEmbedded = Effect.fnUntraced(function* (bench: Bench) {
  const measured = yield* inRounds(bench.rounds, (round) =>
    Effect.andThen(say(`embedded: round ${round} of ${bench.rounds}`), measureOnce(bench))
  )
  const result: Measured = {
    figures: [
      figureOf(
        "embedded.answers",
        "npm start: from start until its port answers",
        "s",
        measured.map(({ answersAfter }) => answersAfter),
        atMost(3)
      ),
      figureOf(
        "embedded.loaded",
        `npm start --once: ${bench.orders} orders loaded, summary printed, ended`,
        "s",
        measured.map(({ seconds }) => seconds),
        atMost(15)
      )
    ]
  }
  return result
})
