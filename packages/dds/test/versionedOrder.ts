/** An order as DDS decodes it, with what a test says of it. */
import type { StgOrder } from "@metka/core/messages/StgOrder"
import type { VersionedOrder } from "../src/vault.ts"

export const order = (
  products: StgOrder["payload"]["products"],
  options: {
    readonly status?: string
    readonly version?: string
    readonly userVersion?: string
    readonly userName?: string
  } = {}
): VersionedOrder => ({
  order: {
    object_id: 1,
    object_type: "order",
    payload: {
      id: 1,
      date: "2023-04-01 20:45:43",
      cost: 10,
      payment: 10,
      status: options.status ?? "CLOSED",
      restaurant: { id: "r1", name: "Кофейня" },
      user: { id: "u1", name: options.userName ?? "Котова Ольга" },
      products
    }
  },
  orderVersion: options.version ?? "1",
  userLogin: "kotova",
  userVersion: options.userVersion ?? "1",
  restaurantVersion: "1"
})

export const dish = (id: string, category: string, quantity = 1) => ({
  id,
  price: 5,
  quantity,
  name: `dish ${id}`,
  category
})
