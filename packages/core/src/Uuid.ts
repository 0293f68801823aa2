/**
 * Keys derived from business keys (UUID version 5, RFC 9562): the same on every run and every machine.
 * The name is the JSON text of `[type, ...parts]`, so that no two different keys spell the same name.
 */
import { hash } from "node:crypto"

const namespace = Buffer.from("6d65746b61504a9fb2c1d0e7f3a45b21", "hex")

let scratch = Buffer.alloc(1_024)
namespace.copy(scratch)

const text = Buffer.from("00000000-0000-5000-0000-000000000000")
/** Where each digit of a hash stands in the text. */
const places = Array.from({ length: 32 }, (_, digit) => digit + [8, 12, 16, 20].filter((end) => digit >= end).length)
const versionPlace = 14
const version5 = "5".charCodeAt(0)
const variantPlace = 19
const variants = "89ab"

/** Written digit by digit: a text added up of slices is several times as large, and added up by whoever reads it first. */
const uuidOfHash = (hex: string): string => {
  for (let digit = 0; digit < 32; digit++) text[places[digit] ?? 0] = hex.charCodeAt(digit)
  text[versionPlace] = version5
  text[variantPlace] = variants.charCodeAt(Number.parseInt(hex.charAt(16), 16) & 3)
  return text.toString("latin1")
}

/** The UUID of a typed, delimited business key, for example `uuidOf("h_user", "626a81ce9a8cd1920641e29c")`. */
export const uuidOf = (type: string, ...parts: ReadonlyArray<string>): string => {
  const name = JSON.stringify([type, ...parts])
  const most = 16 + name.length * 3
  if (scratch.length < most) {
    scratch = Buffer.alloc(most * 2)
    namespace.copy(scratch)
  }
  return uuidOfHash(hash("sha1", scratch.subarray(0, 16 + scratch.write(name, 16, "utf8")), "hex"))
}
