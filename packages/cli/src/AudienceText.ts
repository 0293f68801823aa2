/** Audiences for a terminal and for a file of ids. */
import type { Audience } from "@metka/console/Audiences"
import { noRules } from "@metka/console/UnknownTag"
import { allOthers } from "@metka/console/words"
import { printable, tableLines } from "./terminal.ts"

interface Listed {
  readonly guests: ReadonlyArray<string>
  /** An id comes from messages: one with a line break would name another guest. */
  readonly unprintable: ReadonlyArray<string>
}

/** What stands on a line each. */
export const listed = (guests: ReadonlyArray<string>): Listed => ({
  guests: guests.filter((guest) => printable(guest) === guest),
  unprintable: guests.filter((guest) => printable(guest) !== guest)
})

const audienceCells = ({ guests, nearGuests, tag }: Audience): ReadonlyArray<string> => [
  printable(tag),
  String(guests),
  nearGuests === null ? allOthers : String(nearGuests)
]

export const audiencesText = (audiences: ReadonlyArray<Audience>): string =>
  audiences.length === 0
    ? `${noRules}.`
    : tableLines([["tag", "guests", "one order short"], ...audiences.map(audienceCells)]).join("\n")
