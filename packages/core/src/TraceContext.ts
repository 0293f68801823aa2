/** W3C Trace Context: the header `traceparent` ↔ Effect's spans. https://www.w3.org/TR/trace-context/ */
import { Tracer } from "effect"
import { randomBytes } from "node:crypto"

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const noTrace = "0".repeat(32)
const noSpan = "0".repeat(16)
const sampledFlag = 1

/**
 * The span that a `traceparent` names, or `undefined` when the header is invalid. As the standard asks, a version newer
 * than `00` is read by its first four fields, and `ff` is refused.
 */
export const parse = (traceparent: string): Tracer.ExternalSpan | undefined => {
  const match = pattern.exec(traceparent)
  if (match === null) return undefined
  const [, version, traceId = noTrace, spanId = noSpan, flags = "00", rest] = match
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined
  if (traceId === noTrace || spanId === noSpan) return undefined
  return Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags, 16) & sampledFlag) === sampledFlag })
}

/** The `traceparent` that makes a receiver's span a child of this one. */
export const format = (span: Pick<Tracer.AnySpan, "traceId" | "spanId" | "sampled">): string =>
  `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`

/** Random bytes are drawn by the page: a draw costs the same for 8 bytes as for thousands. */
let pool = Buffer.alloc(0)
let drawn = 0

const randomId = (bytes: number): string => {
  if (drawn + bytes > pool.length) {
    pool = randomBytes(8_192)
    drawn = 0
  }
  const id = pool.toString("hex", drawn, drawn + bytes)
  drawn += bytes
  return /[^0]/.test(id) ? id : randomId(bytes)
}

/** A `traceparent` of a new trace. */
export const makeRoot = (sampled = true): string => format({ traceId: randomId(16), spanId: randomId(8), sampled })
