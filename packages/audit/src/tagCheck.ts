/** Tags against rules and counters, by the function that gives and takes them. */
import { guestChanges, guestsInPage, heldBy } from "@metka/cdm/GuestTags"
import type { HeldTag } from "@metka/cdm/rules"
import { activeRules } from "@metka/cdm/TagRepository"
import { forEachPage } from "@metka/core/Cursor"
import { Effect } from "effect"
import type { Difference, Findings } from "./Difference.ts"
import { guestRows, type NamedGuestRow } from "./NamedGuests.ts"

const stateOf = (tag: HeldTag): string =>
  `category_id ${tag.categoryId} order_cnt ${tag.orderCount} rule_version ${tag.ruleVersion}`

export const checkTags = Effect.fnUntraced(function* (findings: Findings) {
  const rules = yield* activeRules
  const compare = (guests: ReadonlyArray<NamedGuestRow>) =>
    Effect.sync(() => {
      for (const guest of guests) {
        const heldTags = heldBy(guest)
        const changes = guestChanges(rules, [guest])
        const difference = (tag: HeldTag, shouldBe: string): Difference => {
          const held = heldTags.find((held) => held.tag === tag.tag)
          return {
            check: "tags",
            order: null,
            table: "cdm.user_tags",
            what: `guest ${guest.guest_id ?? guest.user_id}, tag ${tag.tag}`,
            is: held === undefined ? "no row" : stateOf(held),
            shouldBe,
            remedy: "rebuild",
            mart: { userId: guest.user_id, thingId: tag.categoryId }
          }
        }
        findings.add([
          ...[...changes.given, ...changes.updated].map((tag) => difference(tag, stateOf(tag))),
          ...changes.taken.map((tag) => difference(tag, "no row"))
        ])
      }
    })
  yield* forEachPage<NamedGuestRow, never, never>(guestRows("true"), compare, guestsInPage(rules))
})
