/** How an order stands: which stage holds what of it, and whether each holds what it should. Pure. */
import { contribution, type Contribution } from "@metka/cdm/counters"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import { contributions, type VaultRows, type VersionedOrder } from "@metka/dds/vault"
import { Result } from "effect"
import type { Difference } from "./Difference.ts"
import type { OrderRecord } from "./OrderRecord.ts"
import { readStored } from "./readStored.ts"

/** A version that the next stage does not hold yet: on its way, or lost. */
export interface Waiting {
  readonly order: string
  readonly stage: "dds" | "cdm"
  readonly version: string
  /** What the stage holds instead. */
  readonly held: string | null
}

/** An order as STG has stored it, beside what every stage holds. */
export interface ReadOrder {
  readonly record: OrderRecord
  /** What STG has stored, where the vault holds this version too, and so must hold its content. */
  readonly inVault: VersionedOrder | undefined
  /** Likewise the ledger. */
  readonly inLedger: VersionedOrder | undefined
  /** Why STG's row cannot be right. */
  readonly unreadable: string | undefined
}

export const readOrder = (record: OrderRecord): ReadOrder => {
  const { cdm_version, dds_version, enrichment, order_id, payload, sent_dttm, stg_version } = record
  if (stg_version === null || payload === null || sent_dttm === null) {
    return { record, inVault: undefined, inLedger: undefined, unreadable: undefined }
  }
  const read = readStored({ object_id: order_id, order_version: stg_version, sent_dttm, payload, enrichment })
  const stored = Result.getOrElse(read, () => undefined)
  return {
    record,
    inVault: dds_version === stg_version ? stored : undefined,
    inLedger: cdm_version === stg_version ? stored : undefined,
    unreadable: Result.isFailure(read) ? read.failure : undefined
  }
}

export interface Judgement {
  readonly differences: ReadonlyArray<Difference>
  readonly waiting: Waiting | undefined
}

/** @param expected the vault's rows of `inVault` */
export const judgeOrder = (read: ReadOrder, expected: VaultRows["orders"][number] | undefined): Judgement => ({
  differences: [
    ...payloadDifferences(read),
    ...versionDifferences(read.record),
    ...(expected === undefined ? [] : vaultDifferences(read.record, expected)),
    ...(read.inLedger === undefined ? [] : ledgerDifferences(read.record, read.inLedger)),
    ...ledgerOfVaultDifferences(read.record)
  ],
  waiting: waitingOf(read.record)
})

const payloadDifferences = ({ record, unreadable }: ReadOrder): ReadonlyArray<Difference> => {
  const row = {
    check: "payloads",
    order: record.order_id,
    table: "stg.order_events",
    what: `object_id ${record.order_id}`,
    remedy: "restoreStg"
  } as const
  if (unreadable !== undefined) return [{ ...row, is: unreadable, shouldBe: "a payload that fits its version" }]
  // The services publish a version only after it was enriched.
  const isPublished =
    record.stg_version !== null &&
    (record.dds_version === record.stg_version || record.cdm_version === record.stg_version)
  return record.enrichment === null && isPublished
    ? [{ ...row, is: "enrichment null", shouldBe: "what this version was enriched with before it was sent to DDS" }]
    : []
}

/** A later stage that holds a newer version than STG: what STG has lost, or never had. */
const versionDifferences = (record: OrderRecord): ReadonlyArray<Difference> => {
  const { cdm_version, dds_version, order_id, stg_version } = record
  const row = { check: "versions", order: order_id, what: "order_version" } as const
  const newest = [stg_version ?? "", dds_version ?? ""].sort().at(-1) ?? ""
  return [
    ...(stg_version !== null && dds_version !== null && dds_version > stg_version
      ? [{ ...row, table: "dds.h_order", is: dds_version, shouldBe: stg_version, remedy: "restoreStg" } as const]
      : []),
    ...(newest !== "" && cdm_version !== null && cdm_version > newest
      ? [
          {
            ...row,
            table: "cdm.order_contributions",
            is: cdm_version,
            shouldBe: newest,
            remedy: "removeLedger"
          } as const
        ]
      : [])
  ]
}

const waitingOf = (record: OrderRecord): Waiting | undefined => {
  const { cdm_version, dds_version, enrichment, order_id: order, stg_version } = record
  if (stg_version !== null && enrichment !== null && (dds_version ?? "") < stg_version) {
    return { order, stage: "dds", version: stg_version, held: dds_version }
  }
  return dds_version !== null && (cdm_version ?? "") < dds_version
    ? { order, stage: "cdm", version: dds_version, held: cdm_version }
    : undefined
}

/** An item as text; equal amounts are spelled equally. */
const itemText = (orderProductPk: string, categoryPk: string, price: number, quantity: number): string =>
  `${orderProductPk} category ${categoryPk} price ${price} quantity ${quantity}`

const heldItems = (json: string | null): ReadonlyArray<string> => {
  if (json === null) return []
  const items: ReadonlyArray<readonly [string, string, string, string]> = JSON.parse(json)
  return items.map(([orderProductPk, categoryPk, price, quantity]) =>
    itemText(orderProductPk, categoryPk, Number(price), Number(quantity))
  )
}

const vaultDifferences = (record: OrderRecord, expected: VaultRows["orders"][number]): ReadonlyArray<Difference> => {
  const differs = (table: string, is: string, shouldBe: string): ReadonlyArray<Difference> =>
    is === shouldBe
      ? []
      : [
          {
            check: "orders",
            order: record.order_id,
            table,
            what: `h_order_pk ${expected.pk} version_no ${record.version_no}`,
            is,
            shouldBe,
            remedy: "retake"
          }
        ]
  const cost = record.cost === null ? "no row" : `cost ${Number(record.cost)} payment ${Number(record.payment)}`
  const parties =
    record.h_user_pk === null ? "no row" : `h_user_pk ${record.h_user_pk} h_restaurant_pk ${record.h_restaurant_pk}`
  const held = new Set(heldItems(record.items))
  const wanted = new Set(
    expected.items.map((item) => itemText(item.orderProductPk, item.categoryPk, item.price, item.quantity))
  )
  return [
    ...differs("dds.h_order", `h_order_pk ${record.h_order_pk}`, `h_order_pk ${expected.pk}`),
    ...differs("dds.h_order", `order_dt ${record.order_dt}`, `order_dt ${expected.date}`),
    ...differs("dds.s_order_cost", cost, `cost ${expected.cost} payment ${expected.payment}`),
    ...differs("dds.s_order_status", record.status ?? "no row", expected.status),
    ...differs(
      "dds.s_order_effectivity",
      parties,
      `h_user_pk ${expected.userPk} h_restaurant_pk ${expected.restaurantPk}`
    ),
    ...[...wanted.difference(held)].flatMap((item) => differs("dds.s_order_product", "no such row", item)),
    ...[...held.difference(wanted)].flatMap((item) => differs("dds.s_order_product", item, "no such row"))
  ]
}

/** What an order contributes, as CDM takes it from the message that DDS makes of it. */
export const contributionOf = ({ order, orderVersion }: VersionedOrder): Contribution => {
  const stats = contributions(order)
  return contribution({
    orderId: String(order.object_id),
    version: orderVersion,
    userId: stats[0]?.user_id ?? null,
    orderDate: fixedWidth(order.payload.date),
    productIds: stats.map((stat) => stat.product_id),
    categoryIds: stats.map((stat) => stat.category_id)
  })
}

const ledgerDifferences = (record: OrderRecord, stored: VersionedOrder): ReadonlyArray<Difference> => {
  const expected = contributionOf(stored)
  const differs = (column: string, is: string | null, shouldBe: string | null): ReadonlyArray<Difference> =>
    is === shouldBe
      ? []
      : [
          {
            check: "ledgerOfStg",
            order: record.order_id,
            table: "cdm.order_contributions",
            what: column,
            is: String(is),
            shouldBe: String(shouldBe),
            remedy: "rebuild"
          }
        ]
  return [
    ...differs("user_id", record.ledger_user, expected.userId),
    ...differs("order_dt", record.ledger_dt, expected.orderDate),
    ...differs("product_ids", record.product_ids, `{${expected.productIds.join(",")}}`),
    ...differs("category_ids", record.category_ids, `{${expected.categoryIds.join(",")}}`)
  ]
}

/** PostgreSQL has compared them. */
const ledgerOfVaultDifferences = ({ ledger_row, order_id, vault_row }: OrderRecord): ReadonlyArray<Difference> =>
  ledger_row === null || vault_row === null
    ? []
    : [
        {
          check: "ledgerOfVault",
          order: order_id,
          table: "cdm.order_contributions",
          what: "user_id, order_dt, product_ids, category_ids",
          is: ledger_row,
          shouldBe: vault_row,
          remedy: "rebuild"
        }
      ]
