/** Makes the tag rules what a marketer's file says, and applies them to the guests that are already there. */
import { int4s } from "@metka/core/arrays"
import { endingWithin } from "@metka/core/endingWithin"
import { inSnapshot, transaction } from "@metka/core/transaction"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { guestChanges } from "./GuestTags.ts"
import { knownCategories, type UnknownCategory } from "./KnownCategories.ts"
import {
  diffRules,
  type HeldTag,
  type RuleChange,
  type RuleRequest,
  type TagChanges,
  tagOf,
  type TagRule
} from "./rules.ts"
import * as Tags from "./TagRepository.ts"

/** Guests who get a tag, and who lose it. */
export interface MovedGuests {
  readonly given: number
  readonly taken: number
}

export interface AppliedRules extends MovedGuests {
  readonly changes: ReadonlyArray<RuleChange>
  readonly ofTags: ReadonlyMap<string, MovedGuests>
  readonly unknownCategories: ReadonlyArray<UnknownCategory>
}

const writeRules = Effect.fnUntraced(function* (
  changes: ReadonlyArray<RuleChange>,
  keyOf: (category: string) => string
) {
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const ended = changes.filter((change) => change._tag === "Retired" || change._tag === "Changed").map(tagOf)
  if (ended.length > 0) {
    yield* sql`update cdm.tag_rules set active = false, retired_at = ${now}::timestamptz
      where active and tag = any(${ended}::text[])`
  }
  const begun = changes.flatMap((change) =>
    change._tag === "Added" || change._tag === "Changed" ? [change.request] : []
  )
  if (begun.length > 0) {
    yield* sql`
      insert into cdm.tag_rules
        (tag, version, category_id, category_name, threshold, window_days, exit_threshold, active, applied_at)
      select tag, 1 + coalesce((select max(version) from cdm.tag_rules before where before.tag = requested.tag), 0),
        category_id, category_name, threshold, window_days, exit_threshold, true, ${now}::timestamptz
      from unnest(${begun.map((rule) => rule.tag)}::text[], ${begun.map((rule) => keyOf(rule.category))}::uuid[],
        ${begun.map((rule) => rule.category)}::text[], ${begun.map((rule) => rule.threshold)}::int[],
        ${int4s(begun.map((rule) => rule.window?.days ?? null))}::int[], ${int4s(begun.map((rule) => rule.window?.exitThreshold ?? null))}::int[])
        as requested (tag, category_id, category_name, threshold, window_days, exit_threshold)`
  }
})

type Moved = Pick<AppliedRules, "given" | "taken" | "ofTags">

const nobody: Moved = { given: 0, taken: 0, ofTags: new Map() }

const alsoMoved = (moved: Moved, { given, taken }: TagChanges): Moved => {
  const ofTags = new Map(moved.ofTags)
  const count = (tags: ReadonlyArray<HeldTag>, given: number, taken: number) => {
    for (const { tag } of tags) {
      const before = ofTags.get(tag) ?? { given: 0, taken: 0 }
      ofTags.set(tag, { given: before.given + given, taken: before.taken + taken })
    }
  }
  count(given, 1, 0)
  count(taken, 0, 1)
  return { given: moved.given + given.length, taken: moved.taken + taken.length, ofTags }
}

/**
 * What these rules change among the guests, whoever they are: those of their tags, and of others that are touched. The
 * whole audience may be more than the memory holds, so it is decided about page by page.
 */
const decide = Effect.fnUntraced(function* <E, R>(
  rules: ReadonlyArray<TagRule>,
  touched: ReadonlySet<string>,
  use: (tags: TagChanges) => Effect.Effect<void, E, R>
) {
  let moved = nobody
  if (touched.size === 0) return moved
  yield* Tags.forEachGuestPage(rules, [...touched], (guests) => {
    const tags = guestChanges(rules, guests)
    moved = alsoMoved(moved, tags)
    return use(tags)
  })
  return moved
})

/** Gives and takes these tags as the active rules say, all at one moment. Needs the rules alone. */
const decideAnew = Effect.fnUntraced(function* (touched: ReadonlySet<string>) {
  const rules = (yield* Tags.activeRules).filter((rule) => touched.has(rule.tag))
  const now = new Date(yield* Clock.currentTimeMillis)
  return yield* decide(rules, touched, (tags) => Tags.writeTags(tags, now, () => undefined))
})

/**
 * Binds rules to categories that have come to their names by a renaming, when guests had counters already. A batch that
 * renames cannot: it shares the rules.
 */
export const bindRenamed = Effect.gen(function* () {
  if ((yield* endingWithin(Tags.unboundRules, "1 minute")).length === 0) return
  yield* transaction(
    Effect.gen(function* () {
      yield* Tags.lockRules
      yield* decideAnew(new Set(yield* Tags.bindRules()))
    })
  )
})

const touchedBy = (changes: ReadonlyArray<RuleChange>): ReadonlySet<string> =>
  new Set(changes.filter((change) => change._tag !== "Kept").map(tagOf))

/** Applies in one transaction; batches wait meanwhile. Tags that nothing moved keep their `given_at`. */
export const applyRules = Effect.fnUntraced(function* (requests: ReadonlyArray<RuleRequest>) {
  yield* Tags.lockRules
  const bound = yield* Tags.bindRules()
  const changes = diffRules(yield* Tags.activeRules, requests, bound)
  const { keyOf, unknownIn } = yield* knownCategories
  yield* writeRules(changes, keyOf)
  const applied: AppliedRules = {
    changes,
    unknownCategories: unknownIn(requests),
    ...(yield* decideAnew(touchedBy(changes)))
  }
  return applied
}, transaction)

/** The rule as it would be; its version is not known before it is written. */
const ruleAfter = (change: RuleChange, keyOf: (category: string) => string): ReadonlyArray<TagRule> => {
  switch (change._tag) {
    case "Added":
    case "Changed": {
      const { category, ...asked } = change.request
      return [{ ...asked, categoryId: keyOf(category), categoryName: category, version: 0 }]
    }
    case "Bound":
      return [{ ...change.rule, categoryId: keyOf(change.rule.categoryName) }]
    case "Kept":
    case "Retired":
      return []
  }
}

/** What applying would change, as of one moment. Nothing is written or locked: reading the marts is enough. */
export const previewRules = Effect.fnUntraced(function* (requests: ReadonlyArray<RuleRequest>) {
  const changes = diffRules(yield* Tags.activeRules, requests, yield* Tags.unboundRules)
  const { keyOf, unknownIn } = yield* knownCategories
  const rules = changes.flatMap((change) => ruleAfter(change, keyOf))
  const preview: AppliedRules = {
    changes,
    unknownCategories: unknownIn(requests),
    ...(yield* decide(rules, touchedBy(changes), () => Effect.void))
  }
  return preview
}, inSnapshot)
