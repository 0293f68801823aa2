/** Bytes → text, strictly: what is not UTF-8 is no text. */
import { isUtf8 } from "node:buffer"

/** What decoding puts where bytes are no UTF-8; it may also stand there by itself. */
const replacement = "\uFFFD"

/** The text of the bytes, a byte order mark included, or `undefined` when they are not UTF-8. */
export const utf8Text = (bytes: Uint8Array): string | undefined => {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString("utf8")
  return text.includes(replacement) && !isUtf8(bytes) ? undefined : text
}
