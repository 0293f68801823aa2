/** `metka rules`: what the tag rules are, and making them what a file says. */
import { applyRules, previewRules } from "@metka/cdm/ApplyRules"
import type { RuleChange } from "@metka/cdm/rules"
import { activeRules } from "@metka/cdm/TagRepository"
import * as Database from "@metka/core/Database"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readRulesFile } from "../RulesFile.ts"
import { appliedText, changeText, conditionText, unknownCategoryText } from "../RulesText.ts"

const report = Effect.fnUntraced(function* (
  changes: ReadonlyArray<RuleChange>,
  unknownCategories: ReadonlyArray<string>
) {
  for (const change of changes) yield* Console.log(changeText(change))
  for (const category of unknownCategories) yield* Console.warn(unknownCategoryText(category))
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
      yield* Console.log(appliedText(applied))
    }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("Make the tag rules what the file says; rules that are not in it are retired"))

const list = Command.make("list", {}, () =>
  Effect.gen(function* () {
    const rules = yield* activeRules
    if (rules.length === 0) yield* Console.log("There are no rules yet. `metka rules apply FILE.yaml` makes some.")
    for (const rule of rules) {
      yield* Console.log(`«${rule.tag}»: ${conditionText(rule.threshold, rule.categoryName)} (version ${rule.version})`)
    }
  }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("List the active tag rules"))

export const rules = Command.make("rules").pipe(
  Command.withDescription("Tag rules: a guest has a tag while a category's counter is greater than the threshold"),
  Command.withSubcommands([apply, list])
)
