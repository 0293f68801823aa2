/** What the global setup, in Vitest's main process, hands to tests and reporters: plain data, it crosses processes. */
import type { ServerName } from "./servers/ServerErrors.ts"

export type ServerAddress =
  | { readonly _tag: "Present"; readonly address: string }
  | { readonly _tag: "Missing"; readonly missing: string; readonly install: string }

export type ServerAddresses = { readonly [Name in ServerName]: ServerAddress }

/** A line for each server that is missing: what, why, and how to get it. */
export const missingServers = (addresses: Partial<ServerAddresses>): ReadonlyArray<string> =>
  Object.entries(addresses).flatMap(([server, found]) =>
    found._tag === "Missing" ? [`  ${server} is missing: ${found.missing}. ${found.install}`] : []
  )

declare module "vitest" {
  interface ProvidedContext {
    realServers: ServerAddresses
  }
}
