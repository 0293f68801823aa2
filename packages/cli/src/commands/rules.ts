/** `metka rules`: what the tag rules are, and making them what a file says. */
import { type AppliedRules, applyRules, previewRules } from "@metka/cdm/ApplyRules"
import { tagOf } from "@metka/cdm/rules"
import { activeRules } from "@metka/cdm/TagRepository"
import * as Database from "@metka/core/Database"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readRulesFile, rulesFileText } from "../RulesFile.ts"
import { askedText } from "@metka/console/words"
import { appliedText, changeText, previewText, unknownCategoriesText } from "../RulesText.ts"
import { printable } from "../terminal.ts"

const report = Effect.fnUntraced(function* ({ changes, ofTags, unknownCategories }: AppliedRules) {
  for (const change of changes) yield* Console.log(changeText(change, ofTags.get(tagOf(change))))
  for (const line of unknownCategoriesText(unknownCategories)) yield* Console.warn(line)
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
        const preview = yield* previewRules(requests)
        yield* report(preview)
        yield* Console.log(previewText(preview))
        return
      }
      const applied = yield* applyRules(requests)
      yield* report(applied)
      yield* Console.log(appliedText(applied))
    }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("Make the tag rules what the file says; rules that are not in it are retired"))

const listFlags = {
  yaml: Flag.Boolean("yaml").pipe(
    Flag.withDescription("As a file for rules apply, to begin a new one with"),
    Flag.withDefault(false)
  )
}

const list = Command.make("list", listFlags, ({ yaml }) =>
  Effect.gen(function* () {
    const rules = yield* activeRules
    if (yaml) return yield* Console.log(rulesFileText(rules))
    if (rules.length === 0) yield* Console.log("There are no rules yet. `metka rules apply FILE.yaml` makes some.")
    for (const rule of rules) {
      const asked = askedText(rule, rule.categoryName)
      yield* Console.log(printable(`«${rule.tag}»: ${asked} (version ${rule.version})`))
    }
  }).pipe(Effect.provide(Database.layer("metka rules")))
).pipe(Command.withDescription("List the active tag rules"))

export const rules = Command.make("rules").pipe(
  Command.withDescription("Tag rules: a guest has a tag while a category's counter is greater than the threshold"),
  Command.withSubcommands([apply, list])
)
