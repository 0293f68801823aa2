/**
 * What of a span leaves the process: the traces that the sampler chooses, of a failure no more than its kind, of a
 * statement its beginning, of an address no query.
 */
import { Exit, Option, Tracer } from "effect"
import { errorTypeOfCause } from "./ErrorType.ts"
import type { Sampler } from "./Sampler.ts"

/** Messages of errors may quote the data that was refused: names, logins, whole orders. */
const withoutData = (exit: Exit.Exit<unknown, unknown>, errorType: string | undefined): Exit.Exit<unknown, unknown> =>
  errorType === undefined ? exit : Exit.fail({ name: errorType, message: errorType })

/** Enough to find a statement in the code by; whole, those of a backlog were most of what went to the collector. */
const statementLimit = 200

const limited = (key: string, value: unknown): unknown => {
  if (typeof value !== "string") return value
  switch (key) {
    case "db.query.text":
      return value.slice(0, statementLimit)
    // A query says which guest somebody looked at.
    case "url.full":
      return value.split("?", 1)[0]
    case "url.query":
      return "REDACTED"
    default:
      return value
  }
}

class GuardedSpan implements Tracer.Span {
  readonly _tag = "Span"
  private readonly inner: Tracer.Span
  readonly sampled: boolean

  constructor(inner: Tracer.Span, sampled: boolean) {
    this.inner = inner
    this.sampled = sampled
  }

  get name() {
    return this.inner.name
  }
  get spanId() {
    return this.inner.spanId
  }
  get traceId() {
    return this.inner.traceId
  }
  get parent() {
    return this.inner.parent
  }
  get annotations() {
    return this.inner.annotations
  }
  get status() {
    return this.inner.status
  }
  get attributes() {
    return this.inner.attributes
  }
  get links() {
    return this.inner.links
  }
  get kind() {
    return this.inner.kind
  }
  attribute(key: string, value: unknown): void {
    if (this.sampled) this.inner.attribute(key, limited(key, value))
  }
  event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    if (this.sampled) this.inner.event(name, startTime, attributes)
  }
  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    if (this.sampled) this.inner.addLinks(links)
  }
  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    // A span that never ends is never exported.
    if (!this.sampled) return
    const errorType = Exit.isFailure(exit) ? errorTypeOfCause(exit.cause) : undefined
    if (errorType !== undefined) this.inner.attribute("error.type", errorType)
    this.inner.end(endTime, withoutData(exit, errorType))
  }
}

/** A tracer that creates its spans by `inner`, which exports the sampled ones. */
export const guardedTracer = (inner: Tracer.Tracer, sampler: Sampler): Tracer.Tracer =>
  Tracer.make({
    span(options) {
      const parent = Option.getOrUndefined(options.parent)
      const span = inner.span({ ...options, sampled: true })
      // Effect passes `false` on for a parent that is not sampled, which is for the sampler to decide.
      const wanted = options.sampled || parent?.sampled === false
      return new GuardedSpan(span, wanted && sampler(span.traceId, parent?.sampled))
    }
  })
