/** `npm run cost`: roubles a month for each overlay; ends with 1 when one costs too much, or fits for too short a time. */
import { manifestsOf, overlays } from "../src/manifests.ts"
import type { Line } from "./bill.ts"
import { objections, type OverlayCost, overlayCost, readPrices } from "./overlayCost.ts"
import { readGrowth } from "./growth.ts"
import { gibibytes } from "./quantity.ts"

const roubles = (amount: number): string => amount.toLocaleString("en-US").padStart(7)

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`.padStart(9)

const billLine = (line: Line): string =>
  `  ${roubles(line.roubles)}  ${line.count === 1 ? "" : `${line.count} × `}${line.what}${line.assumed ? " *" : ""}`

const roomLines = ({ besides, demands, room }: OverlayCost): ReadonlyArray<string> =>
  room.length === 0
    ? []
    : [
        "  its memory, if every pod takes all it may:",
        ...demands.map((demand) => `  ${mebibytes(demand.memoryLimit * demand.replicas)}  ${demand.name}`),
        ...besides.flatMap(({ memory, what }) => (memory === undefined ? [] : [`  ${memory.padStart(9)}  ${what}`])),
        ...room.map(({ of, has, needs }) =>
          of === "cpu"
            ? `  ${of}: ${needs.toFixed(2)} of ${has.toFixed(2)} cores`
            : `  ${of}: ${gibibytes(needs).toFixed(1)} of ${gibibytes(has).toFixed(1)} GiB`
        )
      ]

const databaseLine = ({ database, lasts, mustLast }: OverlayCost): string =>
  `  database: ${gibibytes(database.has).toFixed(1)} GiB, of which ${gibibytes(database.besides).toFixed(1)} for WAL and ` +
  `temporary files; full after ${lasts} months, must last ${mustLast}`

const prices = readPrices()
const costs = overlays.map((overlay) => overlayCost(overlay, manifestsOf(overlay), prices))
const refused = costs.flatMap(objections)
process.stdout.write(
  [
    `Roubles a month. Prices of ${prices.date}, VAT ${prices.vat}.`,
    `Source: ${prices.source}.`,
    ...costs.flatMap((cost) => [
      "",
      `${roubles(cost.month)}    ${cost.overlay}${cost.limit === undefined ? "" : `, at most ${cost.limit}`}`,
      ...cost.lines.map(billLine),
      ...roomLines(cost),
      databaseLine(cost)
    ]),
    "",
    "  * not in that source: an assumption, rounded up",
    `  Months are of ${readGrowth().ordersPerMinute} orders a minute, dumps as large as they are at the end of them.`,
    ""
  ].join("\n")
)
for (const objection of refused) process.stderr.write(`${objection}\n`)
process.exitCode = refused.length === 0 ? 0 : 1
