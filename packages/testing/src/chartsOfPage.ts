/** The charts of `docs/datalens.md`: the page is what tests and benchmarks run, so that it cannot go out of date. */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"

export interface Chart {
  readonly title: string
  readonly query: string
}

const chart = /^### (?<title>.+)$(?:(?!^### )[\s\S])*?^```sql\n(?<query>[\s\S]*?)^```$/gm

export const chartsOfPage: Effect.Effect<ReadonlyArray<Chart>> = Effect.promise(async () => {
  const page = await readFile(new URL("../../../docs/datalens.md", import.meta.url), "utf8")
  return [...page.matchAll(chart)].map(({ groups }) => ({
    title: groups?.["title"] ?? "",
    query: groups?.["query"]?.trim() ?? ""
  }))
})
