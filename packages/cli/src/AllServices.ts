/** The three services in one process. */
import * as Cdm from "@metka/cdm/Cdm"
import * as TagOutbox from "@metka/cdm/TagOutbox"
import * as Dds from "@metka/dds/Dds"
import * as ParkedOrders from "@metka/stg/ParkedOrders"
import * as Stg from "@metka/stg/Stg"
import { Effect } from "effect"

/** What each of them lives on. */
export const serviceTables = [Stg.table, Dds.table, Cdm.table]

/** Runs until it is interrupted. */
export const runAll = Effect.all([Stg.run, ParkedOrders.run, Dds.run, Cdm.run, TagOutbox.run], {
  concurrency: "unbounded",
  discard: true
})
