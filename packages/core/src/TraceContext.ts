/** W3C Trace Context: the header `traceparent` ↔ Effect's spans. https://www.w3.org/TR/trace-context/ */
import { Tracer } from "effect"
import { randomBytes } from "node:crypto"

/** Neither version `ff` nor ids of zeros alone are valid. */
const pattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
/** Version `00` ends after the flags. */
const length = 55
const sampledFlag = 1

/** Whether the text is a `traceparent`. A version newer than `00` is read by its first four fields, as the standard asks. */
export const isValid = (text: string): boolean =>
  pattern.test(text) && (text.length === length || !text.startsWith("00"))

/** Of a valid `traceparent`, without the rest of it. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35)

/** Of a valid `traceparent`, without the rest of it. */
export const isSampled = (traceparent: string): boolean =>
  (Number.parseInt(traceparent.slice(53, length), 16) & sampledFlag) === sampledFlag

/**
 * The span that a `traceparent` names, or `undefined` when the header is invalid. Read by places and not by groups of
 * the pattern: it is done for every message.
 */
export const parse = (traceparent: string): Tracer.ExternalSpan | undefined =>
  isValid(traceparent)
    ? Tracer.externalSpan({
        traceId: traceIdOf(traceparent),
        spanId: traceparent.slice(36, 52),
        sampled: isSampled(traceparent)
      })
    : undefined

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
