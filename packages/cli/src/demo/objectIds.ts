/** Ids as MongoDB writes its ObjectIds: 24 hexadecimal digits, the last six of which count. */
import type { Random } from "./Random.ts"

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** An endless source of ids. No two of one source are alike until it has given 16,777,216. */
export const makeObjectIds = (random: Random): (() => string) => {
  const machine = hex(random.int(0, 0xffff_ffff), 8) + hex(random.int(0, 0xff), 2)
  let counter = random.int(0, 0xff_ffff)
  return () => {
    counter = (counter + 1) & 0xff_ffff
    // Between early 2022 and early 2023, when the app's guests and restaurants signed up.
    return hex(random.int(0x6200_0000, 0x63ff_ffff), 8) + machine + hex(counter, 6)
  }
}
