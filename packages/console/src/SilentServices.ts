/** The processes that are silent, by service: a service that is killed again and again leaves hundreds of them. */
import type { RunningService } from "./RunningServices.ts"

export interface SilentService {
  readonly service: string
  readonly processes: number
  /** The one that was heard of last: where to look for a log. */
  readonly last: RunningService
  /** Whether others do its work now. */
  readonly isReplaced: boolean
}

/** They carry the orders, in this order. */
export const stages = ["stg", "dds", "cdm"]
/** `npm run all` and `npm start` do the work of each of these, and together they do that of the two. */
const parts = [...stages, "console"]
const wholeSystem = ["all", "start"]

export const isAlive = ({ state }: RunningService): boolean => state !== "silent"

/** Whether processes that are alive do the work of the service. */
export const isServed = (service: string, services: ReadonlyArray<RunningService>): boolean =>
  services.some((other) => isAlive(other) && (other.service === service || wholeSystem.includes(other.service))) ||
  (wholeSystem.includes(service) && parts.every((part) => isServed(part, services)))

export const silentServices = (services: ReadonlyArray<RunningService>): ReadonlyArray<SilentService> => {
  const silent = services.filter((service) => !isAlive(service))
  return [...Map.groupBy(silent, ({ service }) => service)].map(([service, processes]) => ({
    service,
    processes: processes.length,
    last: processes.reduce((last, process) => (process.heartbeatAt > last.heartbeatAt ? process : last)),
    isReplaced: isServed(service, services)
  }))
}
