/**
 * The demo week: a week of a food-ordering app, made up, the same for the same seed. The caller says when it ends; the
 * seed fixes all else.
 */
import type { DemoMessage } from "./DemoMessage.ts"
import { orderMessage } from "./DemoMessage.ts"
import { makeMessageQueue } from "./MessageQueue.ts"
import { drawComplaintDelay, drawDurations, drawSendingDelay, orderCourse } from "./orderCourse.ts"
import { draftOrder } from "./OrderDraft.ts"
import { makeRandom } from "./Random.ts"
import type { DemoReferences } from "./references.ts"
import { makeReferences } from "./references.ts"
import { sundayEvening, weekRhythm } from "./rhythm.ts"
import type { DemoWorld } from "./World.ts"
import { makeDemoWorld } from "./World.ts"

export const defaultOrders = 50_000
export const defaultSeed = 1

/** The first order's `object_id`; the others follow without a gap. */
export const firstObjectId = 1_000_001

export interface DemoWeekOptions {
  /** How many orders the week has, a whole number ≥ 0. */
  readonly orders: number
  readonly seed: number
  /** Epoch milliseconds; a fraction of a second is cut off. Nothing in the week is later. */
  readonly endsAt: number
  /**
   * Epoch milliseconds of an end of a week whose Moscow calendar sets lunch, dinner and weekend. By default a Sunday,
   * 21:00, whatever `endsAt` is: then another `endsAt` moves every time by the same amount. With `endsAt` itself the
   * peaks stand at the true hours of the day; another `endsAt` then changes times alone, each by its own amount.
   */
  readonly rhythmEndsAt?: number | undefined
}

export interface DemoWeek {
  readonly orders: number
  /** How many messages there are: more than orders, since some orders are closed and then cancelled. */
  readonly messageCount: number
  /** Epoch milliseconds, whole seconds, exactly seven days apart. */
  readonly startsAt: number
  readonly endsAt: number
  readonly references: DemoReferences
  /** Messages by `sent_dttm`, made as they are asked for; each iteration makes the same ones anew. */
  readonly messages: Iterable<DemoMessage>
}

const second = 1_000
const week = 7 * 86_400 * second

const closed = 0
const cancelled = 1
/** Closed and then cancelled. */
const recalled = 2

/** Of the orders that have ended: 94 % closed, 4 % cancelled, 2 % recalled. A byte each: a week may have millions. */
const drawFates = (seed: number, count: number): Uint8Array => {
  const random = makeRandom(seed, "fates")
  return Uint8Array.from({ length: count }, () => {
    const share = random.next()
    return share < 0.94 ? closed : share < 0.98 ? cancelled : recalled
  })
}

/** The last hundredth of the orders is still on its way when the week ends. */
const openOrders = (orders: number): number => (orders < 10 ? 0 : Math.ceil(orders / 100))

/** What has ended was opened at least this long before the week's end. */
const shortestCourse = 30 * 60 * second
/** Time left, after an order has ended, to send that and to take it back. */
const afterwards = 10 * 60 * second

interface Plan {
  readonly world: DemoWorld
  readonly seed: number
  readonly orders: number
  readonly fates: Uint8Array
  readonly startsAt: number
  readonly endsAt: number
  readonly timeOf: (share: number) => number
}

function* makeMessages({ endsAt, fates, orders, seed, startsAt, timeOf, world }: Plan): Generator<DemoMessage> {
  const shopping = makeRandom(seed, "orders")
  const events = makeRandom(seed, "events")
  const arrivals = makeRandom(seed, "arrivals")
  const queue = makeMessageQueue()
  const ended = fates.length
  const lastOpening = endsAt - shortestCourse

  for (let index = 0; index < orders; index++) {
    const arrival = Math.floor((startsAt + timeOf((index + arrivals.next()) / orders)) / second) * second
    const fate = fates[index]
    const openedAt = fate === undefined ? arrival : Math.min(arrival, lastOpening)
    for (let next = queue.takeBefore(openedAt); next !== undefined; next = queue.takeBefore(openedAt)) yield next

    const draft = draftOrder(shopping, world, firstObjectId + index)
    const durations = drawDurations(events)
    const delay = drawSendingDelay(events)
    const cancelledIn = events.int(1, 3)
    if (fate === undefined) {
      // The newest have just been opened, the oldest are at the door.
      const stagesReached = 1 + Math.floor((3 * (orders - 1 - index)) / (orders - ended))
      const steps = orderCourse({ durations, openedAt, outcome: undefined, stagesReached, until: endsAt - delay })
      queue.add(orderMessage(draft, steps, Math.min((steps.at(-1)?.at ?? openedAt) + delay, endsAt)))
      continue
    }
    const outcome = fate === cancelled ? "CANCELLED" : "CLOSED"
    const stagesReached = outcome === "CANCELLED" ? cancelledIn : 3
    const steps = orderCourse({ durations, openedAt, outcome, stagesReached, until: endsAt - afterwards })
    const closedAt = steps.at(-1)?.at ?? openedAt
    queue.add(orderMessage(draft, steps, closedAt + delay))
    if (fate !== recalled) continue
    const recallDelay = drawSendingDelay(events)
    const recalledAt = Math.min(closedAt + drawComplaintDelay(events), endsAt - recallDelay)
    queue.add(orderMessage(draft, [...steps, { status: "CANCELLED", at: recalledAt }], recalledAt + recallDelay))
  }
  for (let next = queue.takeBefore(Infinity); next !== undefined; next = queue.takeBefore(Infinity)) yield next
}

/** Makes the demo week. Pure: no clock and no chance but the seed's. */
export const demoWeek = ({ orders, rhythmEndsAt = sundayEvening, seed, ...options }: DemoWeekOptions): DemoWeek => {
  const endsAt = Math.floor(options.endsAt / second) * second
  const startsAt = endsAt - week
  const world = makeDemoWorld({ orders, seed })
  const fates = drawFates(seed, orders - openOrders(orders))
  const plan = { world, seed, orders, fates, startsAt, endsAt, timeOf: weekRhythm(rhythmEndsAt) }
  return {
    orders,
    messageCount: orders + fates.filter((fate) => fate === recalled).length,
    startsAt,
    endsAt,
    references: makeReferences(world, startsAt),
    messages: { [Symbol.iterator]: () => makeMessages(plan) }
  }
}
