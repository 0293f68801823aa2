/** The plain page of counts at `/`. */
import { type Duration, Effect, Option } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { type Counts, type Ranked, readCounts } from "./Summary.ts"

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const table = (title: string, unit: string, ranked: ReadonlyArray<Ranked>): string =>
  ranked.length === 0
    ? ""
    : `<section><h2>${escape(title)}</h2><table>${ranked
        .map(
          ({ count, name }) =>
            `<tr><td>${escape(name)}</td><td class="n">${count.toLocaleString("en")}</td><td>${unit}</td></tr>`
        )
        .join("")}</table></section>`

const figure = (label: string, value: number): string =>
  `<div><strong>${value.toLocaleString("en")}</strong><span>${escape(label)}</span></div>`

const figures = (counts: Counts): string =>
  `<div class="figures">${figure("orders", counts.orders)}${figure("of them CLOSED, with dishes", counts.closed)}${figure(
    "guests",
    counts.guests
  )}${figure("waiting for a reference", counts.parked)}${figure("dead letters", counts.deadLetters)}</div>
<div class="tables">${table("Top dishes", "orders", counts.dishes)}${table("Top categories", "orders", counts.categories)}${table(
    "Guests by tag",
    "guests",
    counts.tags
  )}</div>`

const busy = "<p>The database is busy. The counts come with one of the next looks, every 5 seconds.</p>"

const page = (counts: Option.Option<Counts>, note: string): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>Metka</title>
<style>
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
.figures, .tables { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)) }
.tables { grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); margin-top: 1rem }
.figures div { border: 1px solid #8884; border-radius: .5rem; padding: .75rem 1rem }
.figures strong { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100% } td { padding: .2rem .4rem; border-bottom: 1px solid #8883 }
.n { text-align: right; font-variant-numeric: tabular-nums } h2 { font-size: 1.05rem }
</style></head><body>
<h1>Metka</h1><p>${escape(note)}</p>
${Option.match(counts, { onNone: () => busy, onSome: figures })}
<p><a href="/health/ready">health</a> · <a href="/metrics">metrics</a></p></body></html>`

export interface PageState {
  /** What the system is doing. */
  readonly note: string
  /** How long the counts may take until the page comes without them. */
  readonly patience: Duration.Input
}

export const countsPage = (state: Effect.Effect<PageState>) =>
  HttpRouter.use((router) =>
    router.add(
      "GET",
      "/",
      Effect.gen(function* () {
        const { note, patience } = yield* state
        const counts = yield* Effect.timeoutOption(readCounts, patience)
        return HttpServerResponse.html(page(counts, note))
      }).pipe(
        Effect.catchTag("SqlError", (error) =>
          Effect.succeed(
            HttpServerResponse.text(
              `Metka cannot read its marts now: ${error.message}\nIt waits for PostgreSQL and goes on when it is back.\n`,
              { status: 503 }
            )
          )
        )
      )
    )
  )
