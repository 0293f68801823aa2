/** The one `PgClient` of a process, from the environment: `DATABASE_URL`, with libpq's `sslmode` and `sslrootcert`. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { type Config, Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import type { ConnectionOptions } from "node:tls"
import { arrayTypes } from "./arrays.ts"
import { readCaFile } from "./CaFile.ts"
import { invalid, required } from "./configText.ts"
import { interruptTransactions } from "./interruptibleTransactions.ts"

type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full"
const sslModes: ReadonlyArray<string> = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

const isSslMode = (text: string): text is SslMode => sslModes.includes(text)

/**
 * TLS as libpq understands it: `require` encrypts without looking at the certificate unless `sslrootcert` is given,
 * `verify-ca` checks the chain, `verify-full` the host name too.
 * Source: PostgreSQL documentation, "SSL Support" of libpq, table of sslmode.
 */
const tls = (mode: SslMode, rootCert: string | undefined): ConnectionOptions => ({
  rejectUnauthorized: mode === "verify-full" || mode === "verify-ca" || rootCert !== undefined,
  ...(rootCert === undefined ? {} : { ca: rootCert }),
  ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined })
})

const isEncoded = (part: string): boolean => {
  try {
    return !decodeURIComponent(part).includes("\u0000")
  } catch {
    return false
  }
}

/** What the client would find out with its first connection only, and again with each. */
const refuseMisspelt = ({ hash, password, pathname, searchParams, username }: URL): void => {
  if (![username, password, pathname].every(isEncoded)) {
    throw new Error("a % in the user, the password or the database encodes nothing: % itself is written %25")
  }
  if (hash !== "") throw new Error("it has a #, which is written %23 in a password")
  if (!/^\d*$/.test(searchParams.get("connect_timeout") ?? "")) throw new Error("connect_timeout must be whole seconds")
}

const severalHosts = "it names several hosts: give the one name that leads to the primary"

const parse = (text: string): Effect.Effect<PgClient.PgPoolConfig, Config.ConfigError> =>
  Effect.try({
    try: () => {
      if (/^[^?]*@[^@/?]*,[^@/?]*(?:[/?]|$)/.test(text)) throw new Error(severalHosts)
      if (!URL.canParse(text)) throw new Error("it must be postgres://user:password@host:port/database")
      const url = new URL(text)
      if (url.protocol !== "postgres:" && url.protocol !== "postgresql:")
        throw new Error("it must start with postgres://")
      refuseMisspelt(url)
      if (url.searchParams.getAll("host").some((host) => host.includes(","))) throw new Error(severalHosts)
      if (url.hostname === "" && !url.searchParams.has("host")) throw new Error("it names no host")
      if (url.username === "" && !url.searchParams.has("user")) throw new Error("it names no user")
      const mode = url.searchParams.get("sslmode") ?? (url.searchParams.has("sslrootcert") ? "verify-full" : "disable")
      if (!isSslMode(mode)) throw new Error(`sslmode must be one of ${sslModes.join(", ")}`)
      const rootCertFile = url.searchParams.get("sslrootcert") ?? undefined
      const rootCert = rootCertFile === undefined ? undefined : readCaFile(rootCertFile)
      return {
        url: Redacted.make(text),
        ...(mode === "allow" || mode === "prefer" ? {} : { ssl: mode === "disable" ? false : tls(mode, rootCert) })
      }
    },
    catch: (error) => invalid(`DATABASE_URL cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  })

/**
 * What a service needs: for one batch in its transaction, the announcing of the tags of the one before, the background
 * tasks and the probes. In `npm run all` the three services, the console and BI share as many, and wait for each other.
 */
export const maxConnections = 5

/** Connects when first asked to and again whenever the server comes back. */
export const layer = (applicationName: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* parse(yield* required("DATABASE_URL"))
      return PgClient.layer({
        ...config,
        applicationName,
        types: arrayTypes,
        minConnections: 0,
        maxConnections,
        connectTimeout: "3 seconds",
        keepAlive: "30 seconds",
        // A session keeps what the database or the role was set to when it began, a time limit for example.
        connectionTTL: "2 minutes",
        startupParameters: {
          timezone: "UTC",
          datestyle: "ISO, YMD",
          // A process that is suspended, or whose machine is gone without a word, must not keep its rows locked. Longer
          // than an outbox transaction waits for Kafka.
          idle_in_transaction_session_timeout: "30s"
        }
      }).pipe(
        Layer.tap((context) => Effect.sync(() => interruptTransactions(Context.get(context, SqlClient.SqlClient))))
      )
    })
  )
