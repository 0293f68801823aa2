/** The console over a database, on a free port, and who asks it. */
import { Health } from "@metka/core/Health"
import * as HttpServer from "@metka/core/HttpServer"
import { ConfigProvider, Effect, Layer } from "effect"
import { HttpServer as EffectHttpServer } from "effect/http"
import { consoleRoutes } from "../src/Console.ts"
import type { ConsoleState } from "../src/MartReader.ts"

export const state: ConsoleState = { note: "The marts as they are now.", isLoading: false }

/** Over a database, which comes from outside. */
export const consoleOver = (shown: ConsoleState = state, env: Readonly<Record<string, string>> = {}) =>
  HttpServer.layer({ defaultPort: 8_080, routes: consoleRoutes(Effect.succeed(shown)) }).pipe(
    Layer.provide(Health.layer({ components: ["postgres"] })),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ HTTP_PORT: "0", ...env })))
  )

export const address = Effect.map(EffectHttpServer.HttpServer, (server) =>
  EffectHttpServer.formatAddress(server.address)
)

export const get = Effect.fnUntraced(function* (path: string, query: Readonly<Record<string, string>> = {}) {
  const url = new URL(path, yield* address)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return yield* Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, headers: response.headers, text: await response.text() }
  })
})

/** What a person reads: the words of the page without its markup, and with single spaces. */
export const wordsOf = (page: string): string =>
  page
    .replace(/^.*<main>/s, "")
    .replace(/<\/main>.*$/s, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll(/\s+/g, " ")
    .trim()
