/** A client of the tests' own, for what the reference port does not offer, and what Redis says of its clients. */
import { Effect } from "effect"
import { Redis } from "ioredis"

export const rawClient = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Redis(url)),
    (client) => Effect.sync(() => client.disconnect())
  )

const infoOf = (client: Redis, section: string, field: string) =>
  Effect.map(
    Effect.promise(() => client.info(section)),
    (info) => Number(new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1])
  )

/** How many connections anybody has made to this Redis. */
export const connectionsMade = (client: Redis) => infoOf(client, "stats", "total_connections_received")

/** How many clients it has beside this one. */
export const otherClients = (client: Redis) =>
  Effect.map(infoOf(client, "clients", "connected_clients"), (count) => count - 1)
