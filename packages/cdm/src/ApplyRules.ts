/** Makes the tag rules what a marketer's file says, and applies them to the guests that are already there. */
import { uuidOf } from "@metka/core/Uuid"
import { transaction } from "@metka/core/transaction"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { decideTags, diffRules, missingCounts, type RuleChange, type RuleRequest, tagOf } from "./rules.ts"
import * as Tags from "./TagRepository.ts"

export interface AppliedRules {
  readonly changes: ReadonlyArray<RuleChange>
  /** Categories that no guest has ordered yet: perhaps a slip of the pen. */
  readonly unknownCategories: ReadonlyArray<string>
  readonly given: number
  readonly taken: number
}

/** The keys of categories by name, as they have come; a category nobody has ordered yet is derived from its name. */
const categoriesOf = Effect.fnUntraced(function* (requests: ReadonlyArray<RuleRequest>) {
  const sql = yield* SqlClient.SqlClient
  const names = [...new Set(requests.map((request) => request.category))]
  if (names.length === 0) return { keyOf: derivedKey, unknown: [] }
  const rows = yield* sql<{ category_name: string; category_id: string }>`
    select category_name, category_id from cdm.category_names where category_name = any(${names}::text[])
    order by category_id desc`
  const keys = new Map(rows.map((row) => [row.category_name, row.category_id]))
  for (const row of rows) {
    if (row.category_id === derivedKey(row.category_name)) keys.set(row.category_name, row.category_id)
  }
  return {
    keyOf: (name: string) => keys.get(name) ?? derivedKey(name),
    unknown: names.filter((name) => !keys.has(name))
  }
})

const derivedKey = (name: string): string => uuidOf("h_category", name)

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
      insert into cdm.tag_rules (tag, version, category_id, category_name, threshold, active, applied_at)
      select tag, 1 + coalesce((select max(version) from cdm.tag_rules before where before.tag = requested.tag), 0),
        category_id, category_name, threshold, true, ${now}::timestamptz
      from unnest(${begun.map((rule) => rule.tag)}::text[], ${begun.map((rule) => keyOf(rule.category))}::uuid[],
        ${begun.map((rule) => rule.category)}::text[], ${begun.map((rule) => rule.threshold)}::int[])
        as requested (tag, category_id, category_name, threshold)`
  }
})

/** What applying would change, without changing anything. */
export const previewRules = Effect.fnUntraced(function* (requests: ReadonlyArray<RuleRequest>) {
  return {
    changes: diffRules(yield* Tags.activeRules, requests, yield* Tags.unboundRules),
    unknownCategories: (yield* categoriesOf(requests)).unknown
  }
})

/** Gives and takes these tags as the active rules say, whoever the guest is. Needs the rules alone. */
const decideAnew = Effect.fnUntraced(function* (touched: ReadonlySet<string>) {
  const rules = (yield* Tags.activeRules).filter((rule) => touched.has(rule.tag))
  const held = yield* Tags.holdersOf([...touched])
  const counts = yield* Tags.countsFor(rules, [...new Set(held.map((tag) => tag.userId))])
  const tags = decideTags(rules, [...counts, ...missingCounts(rules, counts, held)], held)
  yield* Tags.writeTags(tags, () => undefined)
  return { given: tags.given.length, taken: tags.taken.length }
})

/**
 * Binds rules to categories that have come to their names by a renaming, when guests had counters already. A batch that
 * renames cannot: it shares the rules.
 */
export const bindRenamed = Effect.gen(function* () {
  if ((yield* Tags.unboundRules).length === 0) return
  yield* transaction(
    Effect.gen(function* () {
      yield* Tags.lockRules
      yield* decideAnew(new Set(yield* Tags.bindRules()))
    })
  )
})

/** Applies in one transaction; batches wait meanwhile. Tags that nothing moved keep their `given_at`. */
export const applyRules = Effect.fnUntraced(function* (requests: ReadonlyArray<RuleRequest>) {
  return yield* transaction(
    Effect.gen(function* () {
      yield* Tags.lockRules
      const bound = yield* Tags.bindRules()
      const changes = diffRules(yield* Tags.activeRules, requests, bound)
      const categories = yield* categoriesOf(requests)
      yield* writeRules(changes, categories.keyOf)
      const touched = new Set(changes.filter((change) => change._tag !== "Kept").map(tagOf))
      const applied: AppliedRules = {
        changes,
        unknownCategories: categories.unknown,
        ...(yield* decideAnew(touched))
      }
      return applied
    })
  )
})
