/**
 * Which traces are exported, by the names OpenTelemetry gives in `OTEL_TRACES_SAMPLER`.
 * https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling
 */

/** Decides on a span by its trace, and by what was decided on its parent; `undefined`: it has none. */
export type Sampler = (traceId: string, parentSampled: boolean | undefined) => boolean

const alwaysOn: Sampler = () => true
const alwaysOff: Sampler = () => false

/**
 * The last 13 of a trace id's 32 hexadecimal digits: 52 of the bits that W3C Trace Context wants to be random, and as
 * many as a number holds. Every process draws the same from one trace, so they decide alike.
 */
export const randomnessOf = (traceId: string): number => Number.parseInt(traceId.slice(-13), 16)

const traceIdRatio = (ratio: number): Sampler => {
  const threshold = (1 - ratio) * 2 ** 52
  return (traceId) => randomnessOf(traceId) >= threshold
}

const parentBased =
  (root: Sampler): Sampler =>
  (traceId, parentSampled) =>
    parentSampled ?? root(traceId, undefined)

export const samplerNames = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const
export type SamplerName = (typeof samplerNames)[number]

/** @param ratio from 0 to 1; matters to the two samplers with a ratio in their name */
export const makeSampler = (name: SamplerName, ratio: number): Sampler => {
  switch (name) {
    case "always_on":
      return alwaysOn
    case "always_off":
      return alwaysOff
    case "traceidratio":
      return traceIdRatio(ratio)
    case "parentbased_always_on":
      return parentBased(alwaysOn)
    case "parentbased_always_off":
      return parentBased(alwaysOff)
    case "parentbased_traceidratio":
      return parentBased(traceIdRatio(ratio))
  }
}
