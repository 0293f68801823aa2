/** The categories that guests have ordered from, for rules that name them as the menus do. */
import { uuidOf } from "@metka/core/Uuid"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { RuleRequest } from "./rules.ts"

/** A category that no guest has ordered yet: perhaps a slip of the pen. */
export interface UnknownCategory {
  readonly category: string
  /** One that differs in capitals, spaces or ё alone. */
  readonly similar: string | undefined
}

const looseSpelling = (name: string): string => name.toLowerCase().replaceAll("ё", "е").replaceAll(/\s/g, "")

const derivedKey = (name: string): string => uuidOf("h_category", name)

/** `keyOf` gives the key under which a category has come; that of one nobody has ordered yet is derived from its name. */
export const knownCategories = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string; id: string }>`
    select category_name as name, category_id as id from cdm.category_names order by category_id desc`
  const keys = new Map(rows.map(({ id, name }) => [name, id]))
  for (const { id, name } of rows) if (id === derivedKey(name)) keys.set(name, id)
  const similar = new Map([...keys.keys()].map((name) => [looseSpelling(name), name]))
  return {
    keyOf: (name: string) => keys.get(name) ?? derivedKey(name),
    unknownIn: (requests: ReadonlyArray<RuleRequest>): ReadonlyArray<UnknownCategory> =>
      [...new Set(requests.map(({ category }) => category))]
        .filter((category) => !keys.has(category))
        .map((category) => ({ category, similar: similar.get(looseSpelling(category)) }))
  }
})
