/** A tag that somebody asked for and that no active rule gives: mostly one that is spelled in another way. */
import { Schema } from "effect"

export class UnknownTag extends Schema.TaggedError<UnknownTag>()("UnknownTag", { message: Schema.String }) {}

export const noRules = "There are no tag rules: npx metka rules apply FILE"

/** @param tags of the active rules */
export const unknownTag = (tag: string, tags: ReadonlyArray<string>): UnknownTag =>
  new UnknownTag({
    message:
      `no active rule gives the tag «${tag}». ` +
      (tags.length === 0 ? noRules : `There are: ${tags.map((known) => `«${known}»`).join(", ")}`)
  })
