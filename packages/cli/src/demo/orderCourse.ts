/** What happens to an order from being opened on, and when. */
import type { OrderStatus, StatusStep } from "./DemoMessage.ts"
import type { Random } from "./Random.ts"

const second = 1_000
const minute = 60 * second

const stages: ReadonlyArray<OrderStatus> = ["OPEN", "COOKING", "DELIVERING"]

/** How long an order stays in each stage, in milliseconds, whole seconds. */
export interface Durations {
  readonly open: number
  readonly cooking: number
  readonly delivering: number
}

/** Draws how long each stage takes: 24 to 105 minutes in all. */
export const drawDurations = (random: Random): Durations => ({
  open: random.int(2 * 60, 15 * 60) * second,
  cooking: random.int(10 * 60, 45 * 60) * second,
  delivering: random.int(12 * 60, 45 * 60) * second
})

const total = ({ cooking, delivering, open }: Durations): number => open + cooking + delivering

/** When each of the first `count` stages begins, and after them the next event, in milliseconds after opening. */
const beginnings = (durations: Durations, count: number): ReadonlyArray<number> => {
  const ends = [0, durations.open, durations.open + durations.cooking, total(durations)]
  return ends.slice(0, count + 1)
}

/**
 * The steps of an order.
 * @param stagesReached how many of OPEN, COOKING and DELIVERING it went through, 1 to 3
 * @param outcome how it ended; `undefined` when it has not
 * @param openedAt epoch milliseconds, whole seconds
 * @param until no step is later; what would take longer goes faster. At least a few seconds after `openedAt`
 */
export const orderCourse = ({
  durations,
  openedAt,
  outcome,
  stagesReached,
  until
}: {
  readonly durations: Durations
  readonly stagesReached: number
  readonly outcome: "CLOSED" | "CANCELLED" | undefined
  readonly openedAt: number
  readonly until: number
}): ReadonlyArray<StatusStep> => {
  const times = beginnings(durations, stagesReached)
  const statuses = outcome === undefined ? stages.slice(0, stagesReached) : [...stages.slice(0, stagesReached), outcome]
  const needed = times[statuses.length - 1] ?? 0
  const pace = needed === 0 ? 1 : Math.min(1, Math.max(0, until - openedAt) / needed)
  return statuses.map((status, index) => ({
    status,
    at: openedAt + Math.floor(((times[index] ?? 0) * pace) / second) * second
  }))
}

/** The app sends a message within a minute of what it tells of. */
export const drawSendingDelay = (random: Random): number => random.int(1, 60) * second

/** How long after closing an order is taken back. */
export const drawComplaintDelay = (random: Random): number => random.int(15, 18 * 60) * minute
