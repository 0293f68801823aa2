/** The three services in one process. */
import * as Cdm from "@metka/cdm/Cdm"
import * as Dds from "@metka/dds/Dds"
import * as Stg from "@metka/stg/Stg"
import { Effect } from "effect"

/** What each of them lives on. */
export const serviceTables = [Stg.table, Dds.table, Cdm.table]

/** Runs until it is interrupted. */
export const runAll = Effect.all([Stg.run, Dds.run, Cdm.run], {
  concurrency: "unbounded",
  discard: true
})
