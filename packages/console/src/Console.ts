/** What people see of Metka in a browser, and what programs ask it for: pages and an HTTP API, which change nothing. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { apiRoutes } from "./ConsoleApiHandlers.ts"
import { type ConsoleState, MartReader } from "./MartReader.ts"
import { ownHosts } from "./OwnHosts.ts"
import { pageRoutes } from "./Pages.tsx"

/** Names come from messages: whatever they hold, a page loads and sends nothing. What was shown is kept nowhere. */
const securityHeaders = HttpRouter.middleware((answer) =>
  Effect.map(
    answer,
    HttpServerResponse.setHeaders({
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store"
    })
  )
)

export const consoleRoutes = (state: Effect.Effect<ConsoleState>) =>
  Layer.merge(apiRoutes, pageRoutes).pipe(
    Layer.provide(securityHeaders.combine(ownHosts).layer),
    Layer.provide(MartReader.layer(state))
  )
