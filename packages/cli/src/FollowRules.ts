/** The tag rules of the embedded system as a marketer's file says them, and again each time the file is saved. */
import { type AppliedRules, applyRules, type UnknownCategory, unknownCategories } from "@metka/cdm/ApplyRules"
import { tagOf } from "@metka/cdm/rules"
import { Console, Effect, Schedule } from "effect"
import { stat } from "node:fs/promises"
import { readRulesFile } from "./RulesFile.ts"
import { appliedText, changeText, unknownCategoriesText } from "./RulesText.ts"

const lookAgain = "1 second"

/** Another one each time the file is written, or another file takes its place, as most editors do it. */
const stampOf = (file: string) =>
  Effect.promise(() =>
    stat(file).then(
      ({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`,
      () => "no file"
    )
  )

const warn = (unknown: ReadonlyArray<UnknownCategory>) =>
  Effect.forEach(unknownCategoriesText(unknown), (line) => Console.warn(line), { discard: true })

const tell = Effect.fnUntraced(function* (applied: AppliedRules) {
  for (const change of applied.changes) {
    if (change._tag !== "Kept") yield* Console.log(changeText(change, applied.ofTags.get(tagOf(change))))
  }
  yield* warn(applied.unknownCategories)
  yield* Console.log(appliedText(applied))
})

/**
 * Applies the file; fails when it has a mistake. With what it returns the file is followed: a mistake made later is told,
 * and the rules stay as they were.
 */
export const startWithRules = Effect.fnUntraced(function* (file: string) {
  let stamp = yield* stampOf(file)
  const requests = yield* readRulesFile(file)
  yield* applyRules(requests)

  const look = Effect.gen(function* () {
    const before = stamp
    // Before it is read: what is written meanwhile is read the next time.
    stamp = yield* stampOf(file)
    if (stamp === before) return
    yield* Effect.flatMap(readRulesFile(file), applyRules).pipe(
      Effect.flatMap(tell),
      Effect.catchTag("RulesFileInvalid", ({ message }) =>
        Console.error(`${message}\nThe rules stay as they were: mend the file and save it again.`)
      )
    )
  })

  return Effect.gen(function* () {
    // Not earlier: while nothing is loaded, nobody has ordered from any category.
    yield* warn(yield* unknownCategories(requests))
    yield* Console.log(`  Save ${file}, and what it says then applies.\n`)
    yield* Effect.repeat(look, Schedule.spaced(lookAgain))
  })
})
