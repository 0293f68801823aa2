/** An order message of the demo, as the food-ordering app would send it to the orders topic. */
import type { OrderDraft } from "./OrderDraft.ts"
import { utcText } from "./utcText.ts"

export type OrderStatus = "OPEN" | "COOKING" | "DELIVERING" | "CLOSED" | "CANCELLED"

export interface DemoMessage {
  /**
   * The Kafka key: the order's id in decimal, so that an order's messages share a partition. `demo-data` writes values
   * alone: `load`, which sends them, takes the guest's id for the key.
   */
  readonly key: string
  /** The JSON text. */
  readonly value: string
  readonly objectId: number
  readonly status: OrderStatus
  /** `sent_dttm` as epoch milliseconds, whole seconds. */
  readonly sentAt: number
}

/** A status and when it was reached, in epoch milliseconds. */
export interface StatusStep {
  readonly status: OrderStatus
  readonly at: number
}

/**
 * Writes the message of an order.
 * @param steps what has happened so far, the oldest first, never empty
 * @param sentAt when the app sends it, epoch milliseconds, whole seconds
 */
export const orderMessage = (draft: OrderDraft, steps: ReadonlyArray<StatusStep>, sentAt: number): DemoMessage => {
  const last = steps[steps.length - 1]
  if (last === undefined) throw new RangeError("an order without a status")
  const updated = utcText(last.at)
  const value = JSON.stringify({
    object_id: draft.objectId,
    object_type: "order",
    sent_dttm: utcText(sentAt),
    payload: {
      restaurant: { id: draft.restaurantId },
      date: updated,
      user: { id: draft.userId },
      order_items: draft.items,
      bonus_payment: draft.bonusPayment,
      cost: draft.cost,
      payment: draft.cost - draft.bonusPayment,
      bonus_grant: last.status === "CLOSED" ? draft.bonusGrant : 0,
      statuses: steps.map(({ at, status }) => ({ status, dttm: utcText(at) })).reverse(),
      final_status: last.status,
      update_ts: updated
    }
  })
  return { key: String(draft.objectId), value, objectId: draft.objectId, status: last.status, sentAt }
}
