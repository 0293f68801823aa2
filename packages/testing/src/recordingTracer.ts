/** A tracer that keeps the spans that ended, as an exporter would get them. */
import { TracesExported } from "@metka/core/BatchTrace"
import { guardedTracer } from "@metka/core/GuardedTracer"
import { makeSampler, type SamplerName } from "@metka/core/Sampler"
import { Effect, Option, Tracer } from "effect"

/** Runs with telemetry on; gives the spans that were exported, in the order of their ends. */
export const exported = <A, E, R>(effect: Effect.Effect<A, E, R>, sampler: SamplerName = "always_on", ratio = 1) =>
  Effect.gen(function* () {
    const ended: Array<Tracer.Span> = []
    const inner = Tracer.make({
      span(options) {
        const span = new Tracer.NativeSpan(options)
        const end = span.end.bind(span)
        span.end = (time, exit) => {
          end(time, exit)
          ended.push(span)
        }
        return span
      }
    })
    yield* effect.pipe(
      Effect.withTracer(guardedTracer(inner, makeSampler(sampler, ratio))),
      Effect.provideService(TracesExported, sampler !== "always_off")
    )
    return ended
  })

export const parentIdOf = (span: Tracer.Span | undefined): string | undefined =>
  span === undefined ? undefined : Option.getOrUndefined(span.parent)?.spanId
