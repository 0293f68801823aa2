/** A plan for people. */
import type { RuleRequest } from "@metka/cdm/rules"
import type { Event, Fault, Plan } from "./Plan.ts"

const describeRule = ({ category, tag, threshold, window }: RuleRequest): string =>
  `${tag}: ${category} > ${threshold}` +
  (window === undefined ? "" : ` within ${window.days} days, until ${window.exitThreshold}`)

const describeEvent = (event: Event): string => {
  switch (event._tag) {
    case "Order":
    case "Poison":
      return `${event.says}${event.key === null ? ", without a key" : ""}`
    case "Reference":
      return `reference ${event.json}`
    case "Rules":
      return `rules: ${event.rules.map(describeRule).join(", ") || "none"}`
    case "Lull":
      return `a lull of ${event.millis / 1_000} s`
  }
}

const describeFault = (fault: Fault): string => {
  const { _tag, ...others } = fault
  if (!("moment" in others)) return `${_tag} ${JSON.stringify(others)}`
  const { edge, nth, point, service } = others.moment
  return `${_tag} ${edge} ${point} number ${nth} of ${service}${"steps" in others ? `, for ${others.steps} steps` : ""}`
}

export const describePlan = (plan: Plan): ReadonlyArray<string> => [
  `seed ${plan.seed}: ${plan.partitions} partitions, batches of ${plan.batchRecords}, replicas ${JSON.stringify(plan.replicas)}`,
  ...plan.events.map((event) => `  event  ${describeEvent(event)}`),
  ...plan.faults.map((fault) => `  fault  ${describeFault(fault)}`)
]
