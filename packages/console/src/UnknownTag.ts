/** A tag that somebody asked for and that no active rule gives: mostly one that is spelled in another way. */
import { activeRules } from "@metka/cdm/TagRepository"
import { Effect, Schema } from "effect"

export class UnknownTag extends Schema.TaggedError<UnknownTag>()("UnknownTag", { message: Schema.String }) {}

export const noRules = "There are no tag rules: npx metka rules apply FILE"

/** @param rules the active ones */
export const unknownTag = (tag: string, rules: ReadonlyArray<{ readonly tag: string }>): UnknownTag =>
  new UnknownTag({
    message:
      `no active rule gives the tag «${tag}». ` +
      (rules.length === 0 ? noRules : `There are: ${rules.map((known) => `«${known.tag}»`).join(", ")}`)
  })

/** Fails where no active rule gives the tag. */
export const ruleOf = Effect.fnUntraced(function* (tag: string) {
  const rules = yield* activeRules
  return rules.find((rule) => rule.tag === tag) ?? (yield* unknownTag(tag, rules))
})
