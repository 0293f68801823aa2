/** The API over the marts. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware } from "effect/http-api"
import { readAudiences, taggedGuests } from "./Audiences.ts"
import { ConsoleApi } from "./ConsoleApi.ts"
import { readDeadLetters } from "./DeadLetters.ts"
import { readGuestsAfter } from "./GuestList.ts"
import { MartReader } from "./MartReader.ts"
import { nearGuests } from "./NearGuests.ts"
import { readParkedOrders } from "./ParkedOrders.ts"
import { readReach } from "./Reach.ts"
import { readRunningServices } from "./RunningServices.ts"
import { readTagReasons } from "./TagReasons.ts"

const marts = HttpApiBuilder.group(
  ConsoleApi,
  "marts",
  Effect.fnUntraced(function* (handlers) {
    const { ask, counts } = yield* MartReader
    return handlers.handleAll({
      counts: () => counts,
      audiences: () => ask(readAudiences),
      audience: ({ query: { after = null, limit, tag, ...span } }) =>
        ask(readGuestsAfter(taggedGuests, tag, span, after, limit)),
      near: ({ query: { after = null, limit, tag, ...span } }) =>
        ask(readGuestsAfter(nearGuests, tag, span, after, limit)),
      reach: () => ask(readReach),
      guest: ({ query: { id, limit, tag } }) => ask(readTagReasons(id, tag, limit))
    })
  })
)

const operations = HttpApiBuilder.group(
  ConsoleApi,
  "operations",
  Effect.fnUntraced(function* (handlers) {
    const { ask } = yield* MartReader
    return handlers.handleAll({
      services: () => ask(readRunningServices),
      parked: ({ query }) => ask(readParkedOrders(query.limit)),
      deadLetters: ({ query }) => ask(readDeadLetters({ closed: false }, query.limit))
    })
  })
)

const noSuchPath = HttpRouter.add(
  "GET",
  "/api/*",
  HttpServerResponse.jsonUnsafe(
    { type: "about:blank", title: "Not Found", status: 404, detail: "/openapi.json lists what there is" },
    { status: 404, contentType: "application/problem+json" }
  )
)

export const apiRoutes = Layer.merge(
  HttpApiBuilder.layer(ConsoleApi, { openapiPath: "/openapi.json" }),
  noSuchPath
).pipe(
  Layer.provide([marts, operations]),
  Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
)
