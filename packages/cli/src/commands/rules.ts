/** `metka rules`: what the tag rules are, and making them what a file says. */
import { applyRules, previewRules } from "@metka/cdm/ApplyRules"
import { type RuleChange, tagOf } from "@metka/cdm/rules"
import { activeRules } from "@metka/cdm/TagRepository"
import * as Database from "@metka/core/Database"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readRulesFile } from "../RulesFile.ts"

const describe = (change: RuleChange): string => {
  switch (change._tag) {
    case "Added":
      return `+ «${change.request.tag}»: more than ${change.request.threshold} orders with «${change.request.category}»`
    case "Changed":
      return (
        `~ «${change.request.tag}»: more than ${change.request.threshold} orders with «${change.request.category}»` +
        ` (was: more than ${change.before.threshold} with «${change.before.categoryName}»)`
      )
    case "Kept":
      return `= «${change.rule.tag}»: more than ${change.rule.threshold} orders with «${change.rule.categoryName}»`
    case "Bound":
      return (
        `~ «${change.rule.tag}»: more than ${change.rule.threshold} orders with «${change.rule.categoryName}»` +
        " (a category has this name now: guests with so many of it get the tag)"
      )
    case "Retired":
      return `- «${tagOf(change)}»: retired, nobody keeps it`
  }
}

const report = Effect.fnUntraced(function* (
  changes: ReadonlyArray<RuleChange>,
  unknownCategories: ReadonlyArray<string>
) {
  for (const change of changes) yield* Console.log(describe(change))
  for (const category of unknownCategories) {
    yield* Console.warn(
      `Warning: no guest has ordered from the category «${category}» yet. Is it spelled as in the menus?`
    )
  }
})

const apply = Command.make(
  "apply",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("YAML: rules: [{ tag, category, threshold }]; - for standard input")
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Print the difference and change nothing"),
      Flag.withDefault(false)
    )
  },
  ({ dryRun, file }) =>
    Effect.gen(function* () {
      const requests = yield* readRulesFile(file)
      if (dryRun) {
        const { changes, unknownCategories } = yield* previewRules(requests)
        yield* report(changes, unknownCategories)
        yield* Console.log("Nothing was changed (--dry-run).")
        return
      }
      const applied = yield* applyRules(requests)
      yield* report(applied.changes, applied.unknownCategories)
      yield* Console.log(`Applied: ${applied.given} tags given, ${applied.taken} taken.`)
    }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("Make the tag rules what the file says; rules that are not in it are retired"))

const list = Command.make("list", {}, () =>
  Effect.gen(function* () {
    const rules = yield* activeRules
    if (rules.length === 0) yield* Console.log("There are no rules yet. `metka rules apply FILE.yaml` makes some.")
    for (const rule of rules) {
      yield* Console.log(
        `«${rule.tag}»: more than ${rule.threshold} orders with «${rule.categoryName}» (version ${rule.version})`
      )
    }
  }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("List the active tag rules"))

export const rules = Command.make("rules").pipe(
  Command.withDescription("Tag rules: a guest has a tag while a category's counter is greater than the threshold"),
  Command.withSubcommands([apply, list])
)
