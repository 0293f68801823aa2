/** What the auditor checks, what it may find, and what to do about it. */

/** Every check by name, in the order in which they are shown. */
export const checks = {
  payloads: "stored orders can be read, and each has its enrichment",
  parked: "orders without an enrichment wait, and only they",
  versions: "each stage holds the newest version of the one before",
  orders: "the vault says of an order what STG says",
  things: "guests, restaurants, dishes and categories of the orders are there, with their newest names",
  keys: "keys and hashdiffs follow from what they identify",
  vault: "every row has its parents, and an order that supports it",
  ledgerOfStg: "the ledger is what the orders in STG contribute",
  ledgerOfVault: "the ledger is what the orders in the vault contribute",
  counters: "counters are the sums of the ledger",
  names: "names are the newest that an order brought",
  guests: "the app's id of every guest is known",
  tags: "guests have the tags that the rules give for their counters",
  history: "the history of tags ends in the tags that guests have"
} as const

export type CheckName = keyof typeof checks

const isCheckName = (name: string): name is CheckName => name in checks

export const checkNames: ReadonlyArray<CheckName> = Object.keys(checks).filter(isCheckName)

/** The tables that a check looks at, as they are shown beside it. */
export const tablesOf: Readonly<Record<CheckName, string>> = {
  payloads: "stg.order_events",
  parked: "stg.parked_orders",
  versions: "stg, dds, cdm",
  orders: "dds: orders",
  things: "dds: names",
  keys: "dds: keys",
  vault: "dds: links",
  ledgerOfStg: "cdm: ledger",
  ledgerOfVault: "cdm: ledger",
  counters: "cdm: counters",
  names: "cdm: names",
  guests: "cdm.guests",
  tags: "cdm.user_tags",
  history: "cdm: history"
}

/** What to do about a difference. */
export const remedies = {
  rebuild: "npx metka rebuild",
  republish: "npx metka republish",
  retake:
    "delete all rows with the order's h_order_pk from dds.h_order, l_order_user, l_order_product, s_order_cost, " +
    "s_order_status, s_order_effectivity and s_order_product, and a row named here whose key is wrong; then " +
    "npx metka republish: DDS takes the order in again, its newest version alone",
  remove: "delete the row: no order supports it",
  removeLedger: "delete the row of cdm.order_contributions, then npx metka rebuild",
  restoreStg:
    "have the orders read anew, as Operation in README.md says; what Kafka does not hold any more a backup of " +
    "stg.order_events has",
  wait: "run the STG service: it removes or adds the row with the order's next version or attempt; else restore it"
} as const

export type Remedy = keyof typeof remedies

export interface Difference {
  readonly check: CheckName
  /** `object_id` of the order, or, of a mart's row, of the orders that count in it; null where there is none. */
  readonly order: string | null
  readonly table: string
  /** Which row. */
  readonly what: string
  readonly is: string
  readonly shouldBe: string
  readonly remedy: Remedy
  /** A row of a mart: the orders that count in it can be looked up. */
  readonly mart?: { readonly userId: string; readonly thingId: string }
}

/** Counts every difference and keeps the first ones of each check, so that a wreck does not fill the memory. */
export class Findings {
  readonly counts = new Map<CheckName, number>()
  readonly kept: Array<Difference> = []
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  add(found: ReadonlyArray<Difference>): void {
    for (const difference of found) {
      this.counts.set(difference.check, this.count(difference.check) + 1)
      if (this.count(difference.check) <= this.most) this.kept.push(difference)
    }
  }

  count(check: CheckName): number {
    return this.counts.get(check) ?? 0
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0)
  }
}
