/** A replica of a service as the simulation sees it: a process that can be killed, frozen and woken. */
import type { ServiceName } from "./Plan.ts"

export type ProcessState = "running" | "frozen" | "dead"

export interface Process {
  readonly service: ServiceName | "operator"
  /** `dds-2`: the second process of the service in this run. */
  readonly name: string
  /** Its name at the memory broker. */
  readonly client: symbol
  /** How often its turn comes, compared with the others. */
  readonly speed: number
  state: ProcessState
}
