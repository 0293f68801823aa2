/**
 * Under which names the console answers. A page of somebody else's in a visitor's browser may read what comes from its
 * own name: once it makes that name lead to 127.0.0.1 (DNS rebinding), it would read the console, guests and all.
 */
import { invalid, optional } from "@metka/core/configText"
import { httpHost } from "@metka/core/HttpServer"
import { Config, Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isIP } from "node:net"

/** As a browser writes it in a `Host` header, without a port and an address's brackets; nothing where it names no host. */
const nameOf = (host: string): string | undefined => {
  const url = URL.parse(`http://${isIP(host) === 6 ? `[${host}]` : host}`)
  return url === null || url.pathname !== "/" || url.username !== "" || url.search !== ""
    ? undefined
    : url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")
}

const isLocalhost = (name: string): boolean => name === "localhost" || name.endsWith(".localhost")

/** Any other name can be made to lead here, wherever it leads now. */
const leadsNowhereElse = (name: string): boolean => isIP(name) !== 0 || isLocalhost(name)

const isLoopback = (name: string): boolean =>
  isLocalhost(name) || name === "::1" || (isIP(name) === 4 && name.startsWith("127.")) || name.startsWith("::ffff:7f")

const allowedHosts = optional("HTTP_ALLOWED_HOSTS").pipe(
  Config.mapEffect((text) =>
    Effect.forEach(
      text.split(",").filter((host) => host.trim() !== ""),
      (host) => {
        const name = nameOf(host.trim())
        return name === undefined
          ? Effect.fail(
              invalid(`HTTP_ALLOWED_HOSTS must be names of hosts with commas between them, not "${host.trim()}"`)
            )
          : Effect.succeed(name)
      }
    )
  ),
  Config.map((names) => new Set(names))
)

const refusal = (name: string) =>
  HttpServerResponse.text(
    `The console does not answer to the name ${name}, since any name can be made to lead to this machine. Ask for it ` +
      "under its address or as localhost. Where a proxy passes this name on, add it to HTTP_ALLOWED_HOSTS.\n",
    { status: 421 }
  )

/** Behind an address that others can reach every name is good, unless `HTTP_ALLOWED_HOSTS` says which. */
export const ownHosts = HttpRouter.middleware(
  Effect.gen(function* () {
    const allowed = yield* allowedHosts
    const boundTo = yield* httpHost
    const answersToAll = allowed.size === 0 && !isLoopback(nameOf(boundTo) ?? boundTo)
    return <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const host = headers.host ?? "localhost"
        const name = nameOf(host) ?? host
        return answersToAll || leadsNowhereElse(name) || allowed.has(name) ? yield* answer : refusal(name)
      })
  })
)
