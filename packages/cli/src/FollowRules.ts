/** The tag rules of the embedded system as a marketer's file says them, and again each time the file is saved. */
import { type AppliedRules, applyRules } from "@metka/cdm/ApplyRules"
import { knownCategories, type UnknownCategory } from "@metka/cdm/KnownCategories"
import { tagOf } from "@metka/cdm/rules"
import { Console, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { stat } from "node:fs/promises"
import { readRulesFile, RulesFileInvalid } from "./RulesFile.ts"
import { appliedText, changeText, unknownCategoriesText } from "./RulesText.ts"

const lookAgain = "500 millis"

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

/** The rules at the start, and what is still to be done about them. */
export interface StartedRules {
  /** Warns of what shows only when the week is loaded: before that nobody has ordered from any category. */
  readonly warnOnceLoaded: Effect.Effect<void, SqlError, SqlClient.SqlClient>
  readonly follow: Effect.Effect<never, SqlError, SqlClient.SqlClient>
}

/**
 * Applies the file; fails when it has a mistake. One that is made later, while the file is followed, is told, and the
 * rules stay as they were.
 */
export const startWithRules = Effect.fnUntraced(function* (file: string) {
  if (file === "-") {
    return yield* new RulesFileInvalid({
      message: "standard input cannot be followed: give --rules the name of a file"
    })
  }
  let applied = yield* stampOf(file)
  let seen = applied
  const requests = yield* readRulesFile(file)
  yield* applyRules(requests)

  const look = Effect.gen(function* () {
    const before = seen
    seen = yield* stampOf(file)
    // Half a file may be rules as well: whoever saves it must have been done for a while.
    if (seen !== before || seen === applied) return
    applied = seen
    yield* Effect.flatMap(readRulesFile(file), applyRules).pipe(
      Effect.flatMap(tell),
      Effect.catchTag("RulesFileInvalid", ({ message }) =>
        Console.error(`${message}\nThe rules stay as they were: mend the file and save it again.`)
      )
    )
  })

  const started: StartedRules = {
    warnOnceLoaded: Effect.flatMap(knownCategories, ({ unknownIn }) => warn(unknownIn(requests))),
    follow: Effect.andThen(
      Console.log(`  Save ${file}, and what it says then applies.\n`),
      Effect.forever(Effect.delay(look, lookAgain))
    )
  }
  return started
})
