/** Why a real server cannot be had: it is not on this machine, or it is and does not start. */
import { Schema } from "effect"

export const ServerName = Schema.Literals(["kafka", "redis", "postgres", "collector", "prometheus"])
export type ServerName = typeof ServerName.Type

/**
 * The server is neither named by the environment nor on this machine. `missing` says what was looked for, `install`
 * how to get it. On a laptop a reason to skip, under `CI=true` a failure.
 */
export class ServerMissing extends Schema.TaggedError<ServerMissing>()("ServerMissing", {
  server: ServerName,
  missing: Schema.String,
  install: Schema.String
}) {
  override get message(): string {
    return `${this.server} is missing: ${this.missing}. ${this.install}`
  }
}

/** The server is on this machine and does not run: never a reason to skip. `log` is the tail of what it wrote. */
export class ServerFailed extends Schema.TaggedError<ServerFailed>()("ServerFailed", {
  server: ServerName,
  problem: Schema.String,
  log: Schema.String
}) {
  override get message(): string {
    return `${this.server} ${this.problem}${this.log === "" ? "" : `\n${this.log}`}`
  }
}
