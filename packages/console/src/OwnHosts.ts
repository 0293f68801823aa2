/**
 * Under which names the console answers. A page of somebody else's in a visitor's browser may read what comes from its
 * own name: once it makes that name lead to 127.0.0.1 (DNS rebinding), it would read the console, guests and all.
 */
import { optional } from "@metka/core/configText"
import { httpHost } from "@metka/core/HttpServer"
import { Config, Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isIP } from "node:net"

const isLocalhost = (name: string): boolean => name === "localhost" || name.endsWith(".localhost")

/** Any other name can be made to lead here, wherever it leads now. */
const leadsNowhereElse = (name: string): boolean => isIP(name) !== 0 || isLocalhost(name)

const isLoopback = (host: string): boolean =>
  isLocalhost(host) || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))

/** The name in a `Host` header, without its port and an address's brackets. */
const nameOf = (host: string): string => {
  const url = URL.parse(`http://${host}`)
  return url === null ? host : url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")
}

const allowedHosts = optional("HTTP_ALLOWED_HOSTS").pipe(
  Config.map((names) => new Set(names.split(",").map((name) => name.trim().toLowerCase())).difference(new Set([""])))
)

const refusal = (name: string) =>
  HttpServerResponse.text(
    `The console does not answer to the name ${name}. Ask for it under its address or as localhost. ` +
      "Where a proxy passes this name on, add it to HTTP_ALLOWED_HOSTS.\n",
    { status: 421 }
  )

/** Behind an address that others can reach every name is good, unless `HTTP_ALLOWED_HOSTS` says which. */
export const ownHosts = HttpRouter.middleware(
  Effect.gen(function* () {
    const allowed = yield* allowedHosts
    const answersToAll = allowed.size === 0 && !isLoopback(yield* httpHost)
    return <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const name = nameOf(headers.host ?? "localhost")
        return answersToAll || leadsNowhereElse(name) || allowed.has(name) ? yield* answer : refusal(name)
      })
  })
)
