/**
 * Keys derived from business keys (UUID version 5, RFC 9562): the same on every run and every machine.
 * The name is the JSON text of `[type, ...parts]`, so that no two different keys spell the same name.
 */
import { hash } from "node:crypto"

const namespace = Buffer.from("6d65746b61504a9fb2c1d0e7f3a45b21", "hex")

let scratch = Buffer.alloc(1_024)
namespace.copy(scratch)

/** The UUID of a typed, delimited business key, for example `uuidOf("h_user", "626a81ce9a8cd1920641e29c")`. */
export const uuidOf = (type: string, ...parts: ReadonlyArray<string>): string => {
  const name = JSON.stringify([type, ...parts])
  const most = 16 + name.length * 3
  if (scratch.length < most) {
    scratch = Buffer.alloc(most * 2)
    namespace.copy(scratch)
  }
  const hex = hash("sha1", scratch.subarray(0, 16 + scratch.write(name, 16, "utf8")), "hex")
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
