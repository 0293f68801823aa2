import { assert, describe, it } from "@effect/vitest"
import { header } from "@metka/core/messages/headers"
import { Kafka } from "@metka/core/Kafka"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { eventually, eventuallyTrue } from "@metka/testing/eventually"
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from "@metka/testing/otlpReceiver"
import { type Environment, metka } from "@metka/testing/processes"
import { applyRulesFile, clientsOf, startServices, temporaryFolder } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownCollectorServer } from "@metka/testing/servers"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { broken, loginMarker, marker, order, references, refusedCategory } from "./tracedOrders.ts"

/** Real servers, a collector, and the environment of services that export to it. */
const observedSystem = Effect.gen(function* () {
  const servers = yield* RealServers
  const fresh = yield* realEnvironment(yield* servers.database)
  const receiver = yield* otlpReceiver
  const collector = yield* ownCollectorServer(receiver.url)
  const env: Environment = {
    ...fresh,
    // What is sent at once is one batch.
    KAFKA_TOPIC_PARTITIONS: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    LOG_LEVEL: "trace"
  }
  const folder = yield* temporaryFolder
  const load = Effect.fnUntraced(function* (name: string, lines: ReadonlyArray<string>) {
    const file = join(folder, name)
    yield* Effect.promise(() => writeFile(file, lines.join("\n")))
    yield* metka(env, "load", file)
  })
  return { env, receiver, load }
})

/** A trace as a tree, a line a span. */
const treeOf = (
  spans: ReadonlyArray<ReceivedSpan>,
  topics: ReadonlyMap<string, string>,
  parent = "",
  depth = 0
): string =>
  spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .map(({ kind, name, service, spanId }) => {
      const [operation = "", topic = ""] = name.split(" ")
      const line = `${"  ".repeat(depth)}${service}: ${operation} ${topics.get(topic) ?? topic} (${kind})\n`
      return line + treeOf(spans, topics, spanId, depth + 1)
    })
    .join("")

const isMessaging = (span: ReceivedSpan) => span.attributes.get("messaging.system") === "kafka"

const traceOf = (receiver: OtlpReceiver, traceId: string) =>
  receiver.spans().filter((span) => span.traceId === traceId && isMessaging(span))

/** The trace ids that the tags' messages carry, by guest's tag, and those of the history. */
const tagTraces = Effect.gen(function* () {
  const { guestTags } = yield* Topology
  const sql = yield* SqlClient.SqlClient
  const history = yield* sql<{ tag: string; traceparent: string }>`
    select tag, traceparent from cdm.user_tag_history order by event_id`
  const messages = (yield* topicRecords(guestTags)).map(({ headers, value }) => {
    const { tag }: { readonly tag: string } = JSON.parse(Buffer.from(value ?? []).toString())
    return { tag, traceparent: Buffer.from(headers.get(header.traceparent) ?? []).toString() }
  })
  return { history, messages }
})

const fieldsOf = (traceparent: string | undefined) => {
  const [, traceId = "", spanId = ""] = (traceparent ?? "").split("-")
  return { traceId, spanId }
}

describe.skipIf(isMissing("kafka", "redis", "postgres", "collector"))("Through an OpenTelemetry Collector", () => {
  it.live(
    "one order is one trace over three processes, alone and among others; no log, span or metric tells who ordered",
    () =>
      Effect.gen(function* () {
        const { env, load, receiver } = yield* observedSystem
        yield* Effect.gen(function* () {
          const kafka = yield* Kafka
          const topology = yield* Topology
          const store = yield* ReferenceData
          yield* store.load(references.map((document) => ({ id: document._id, json: JSON.stringify(document) })))
          yield* kafka.ensureTopics([topology.orders, topology.stgOrders, topology.cdmStats, topology.guestTags])
        }).pipe(Effect.provide(clientsOf(env)))
        yield* applyRulesFile(env, [
          { tag: "Ел суп", category: "Супы", threshold: 9 },
          { tag: "Любит суп", category: "Супы", threshold: 10 }
        ])
        // Sent before anything reads them: one batch for STG.
        yield* load(
          "ten.jsonl",
          Array.from({ length: 10 }, (_, index) => order(index + 1))
        )
        const services = yield* startServices(env)
        yield* Effect.gen(function* () {
          const tagged = (count: number) =>
            eventuallyTrue(
              `${count} tags are announced`,
              Effect.map(tagTraces, ({ messages }) => messages.length === count)
            )
          yield* tagged(1)
          yield* load("one.jsonl", [order(11)])
          yield* tagged(2)

          const kafka = yield* Kafka
          const topology = yield* Topology
          const sql = yield* SqlClient.SqlClient
          // With the refusal PostgreSQL quotes the row.
          yield* sql.unsafe(`alter table dds.h_category add check (category_name not like '${refusedCategory}%')`)
          const unfit = [
            ...broken,
            order(12, { dish: "refused" }),
            order(13, { guest: "unreadable" }),
            order(14, { guest: "stranger" })
          ]
          yield* kafka.publish(
            topology.orders,
            unfit.map((value) => ({ key: null, value, headers: {} }))
          )
          const putAside = sql<{ what: string }>`
            select service || ' ' || reason as what from ops.dead_letters
            union all select 'parked' from stg.parked_orders order by what`
          const expected = [
            "dds refused_by_database",
            "parked",
            "parked",
            "stg not_json",
            "stg schema",
            "stg schema",
            "stg unstorable_text"
          ]
          yield* eventually(
            "what is unfit is put aside",
            Effect.map(putAside, (rows) => {
              const found = rows.map(({ what }) => what)
              return found.join() === expected.join() ? [] : ["put aside now:", ...found]
            }),
            "40 seconds"
          )
          // What they have not exported yet comes at their end.
          const scraped = yield* Effect.forEach(services, ({ get }) => get("/metrics"))
          yield* Effect.forEach(services, ({ terminate }) => terminate, { concurrency: "unbounded", discard: true })

          const { history, messages } = yield* tagTraces
          assert.deepStrictEqual(
            messages,
            history.map(({ tag }, index) => ({ tag, traceparent: messages[index]?.traceparent ?? "" }))
          )
          for (const [index, { traceparent }] of history.entries()) {
            assert.strictEqual(fieldsOf(traceparent).traceId, fieldsOf(messages[index]?.traceparent).traceId)
          }
          const names = new Map([
            [topology.orders, "orders"],
            [topology.stgOrders, "stg-orders"],
            [topology.cdmStats, "cdm-stats"],
            [topology.guestTags, "guest-tags"]
          ])

          const alone = fieldsOf(messages[1]?.traceparent)
          const aloneTree = [
            "metka-load: send orders (producer)",
            "  metka-stg: process orders (consumer)",
            "    metka-stg: send stg-orders (producer)",
            "      metka-dds: process stg-orders (consumer)",
            "        metka-dds: send cdm-stats (producer)",
            "          metka-cdm: process cdm-stats (consumer)",
            "            metka-cdm: send guest-tags (producer)",
            ""
          ].join("\n")
          yield* eventually(
            "the collector has the trace",
            Effect.sync(() =>
              traceOf(receiver, alone.traceId).length === 7 ? [] : [treeOf(traceOf(receiver, alone.traceId), names)]
            )
          )
          assert.strictEqual(treeOf(traceOf(receiver, alone.traceId), names), aloneTree)
          const last = traceOf(receiver, alone.traceId).find(({ name }) => name === `send ${topology.guestTags}`)
          assert.strictEqual(last?.spanId, alone.spanId, "the receiver of the tag goes on from there")

          const among = traceOf(receiver, fieldsOf(messages[0]?.traceparent).traceId)
          for (const [service, topic] of [
            ["metka-load", topology.orders],
            ["metka-stg", topology.orders],
            ["metka-dds", topology.stgOrders],
            ["metka-cdm", topology.cdmStats]
          ] as const) {
            assert.isTrue(
              among.some(
                (span) => span.service === service && span.attributes.get("messaging.destination.name") === topic
              ),
              `${service} is in the trace:\n${treeOf(among, names)}`
            )
          }
          const root = among.filter(({ parentSpanId }) => parentSpanId === "")
          assert.deepStrictEqual(
            root.map(({ name }) => name),
            [`create ${topology.orders}`]
          )
          const inBatch = among.find(({ service }) => service === "metka-stg")
          const batch = receiver.spans().find(({ spanId }) => spanId === inBatch?.links[0]?.spanId)
          assert.isDefined(batch)
          assert.strictEqual(batch.attributes.get("messaging.batch.message_count"), "10")
          assert.lengthOf(batch.links, 10)
          assert.isTrue(batch.links.some(({ spanId }) => spanId === root[0]?.spanId))

          for (const service of ["metka-stg", "metka-dds", "metka-cdm"]) {
            assert.isTrue(receiver.metrics().has(`${service} metka_records_total`))
            assert.isTrue(receiver.metrics().has(`${service} messaging.process.duration`))
            assert.isTrue(receiver.logs().some((log) => log.service === service && log.text.includes("starts")))
          }

          const told = [
            receiver.text(),
            ...services.flatMap(({ stderr, stdout }) => [stdout(), stderr()]),
            ...scraped.map(({ text }) => text)
          ].join("\n")
          for (const secret of [marker, loginMarker]) {
            const at = told.indexOf(secret)
            assert.strictEqual(at, -1, told.slice(Math.max(0, at - 500), at + 500))
          }
        }).pipe(Effect.provide(clientsOf(env)))
      }).pipe(Effect.scoped, Effect.provide(RealServers.layer)),
    120_000
  )
})
