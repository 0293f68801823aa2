/** The orders that go on arriving after the demo week, from the same guests in the same restaurants. */
import type { DemoMessage } from "./DemoMessage.ts"
import { orderMessage } from "./DemoMessage.ts"
import { firstObjectId } from "./demoWeek.ts"
import { drawDurations, drawSendingDelay, orderCourse } from "./orderCourse.ts"
import { draftOrder } from "./OrderDraft.ts"
import { makeRandom } from "./Random.ts"
import { makeDemoWorld } from "./World.ts"

export interface Trickle {
  /**
   * The next order, whose message is sent at the given moment (epoch milliseconds; a fraction of a second is cut off).
   * Its statuses were reached in the hour or two before. 95 % are CLOSED, 4 % CANCELLED, 1 % still on their way.
   */
  readonly nextOrder: (atEpochMs: number) => DemoMessage
}

/**
 * Starts the endless sequence of orders after a week. Its `object_id`s follow the week's without a gap.
 * @param orders the week's, which sets its guests and where its ids end
 * @param seed the week's
 */
export const trickle = ({ orders, seed }: { readonly orders: number; readonly seed: number }): Trickle => {
  const world = makeDemoWorld({ orders, seed })
  const random = makeRandom(seed, "trickle")
  let objectId = firstObjectId + orders
  return {
    nextOrder: (atEpochMs) => {
      const sentAt = Math.floor(atEpochMs / 1_000) * 1_000
      const share = random.next()
      const outcome = share < 0.95 ? "CLOSED" : share < 0.99 ? "CANCELLED" : undefined
      const stagesReached = outcome === "CLOSED" ? 3 : random.int(1, 3)
      const draft = draftOrder(random, world, objectId++)
      const durations = drawDurations(random)
      const updatedAt = sentAt - drawSendingDelay(random)
      const course = orderCourse({ durations, openedAt: 0, outcome, stagesReached, until: Infinity })
      const length = course.at(-1)?.at ?? 0
      return orderMessage(
        draft,
        course.map(({ at, status }) => ({ status, at: updatedAt - length + at })),
        sentAt
      )
    }
  }
}
