/**
 * The guards that keep the state right, and the auditor from false alarms, and how each is broken. `npm run mutants`
 * breaks them one at a time, in a copy of the source, and shows that the simulation notices.
 */

/** Replaces text that occurs exactly once in a file under `packages`. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Guard {
  /** What the broken code does. */
  readonly title: string
  readonly edits: ReadonlyArray<Edit>
}

const guard = (
  title: string,
  ...edits: ReadonlyArray<readonly [file: string, find: string, replace: string]>
): Guard => ({
  title,
  edits: edits.map(([file, find, replace]) => ({ file, find, replace }))
})

export const guards: ReadonlyArray<Guard> = [
  guard("STG takes an older version for a newer one", [
    "stg/src/StgRepository.ts",
    "received_at = excluded.received_at\n      where held.order_version < excluded.order_version",
    "received_at = excluded.received_at\n      where held.order_version <> excluded.order_version"
  ]),
  guard("DDS takes an older version for a newer one", [
    "dds/src/DdsRepository.ts",
    "where held.order_version < excluded.order_version",
    "where held.order_version <> excluded.order_version"
  ]),
  guard("CDM takes an older version for a newer one", [
    "cdm/src/Cdm.ts",
    "return held !== undefined && held.version < version",
    "return held !== undefined && held.version !== version"
  ]),
  guard("STG keeps the last version of a batch, not the newest", [
    "stg/src/Stg.ts",
    "if (held === undefined || held.message.version < candidate.message.version) {",
    "if (held === undefined || held.message.version !== candidate.message.version) {"
  ]),
  guard("CDM keeps the last version of a batch, not the newest", [
    "cdm/src/Cdm.ts",
    "return a.version < b.version ? -1 : 1",
    "return 0"
  ]),
  guard("DDS takes an order's first version in a batch alone", [
    "dds/src/vault.ts",
    "else if (newest.orderVersion < candidate.orderVersion) {",
    "else if (newest.orderVersion < candidate.orderVersion && taken.length > 1) {"
  ]),
  guard("the offset is committed before the transaction", [
    "core/src/Pipeline.ts",
    "const settled = yield* Effect.withParentSpan(",
    "yield* offsets.commit(batch)\n          const settled = yield* Effect.withParentSpan("
  ]),
  guard(
    "the offset is committed before the publishing",
    [
      "core/src/Pipeline.ts",
      "const settle = makeSettle(stage, kafka, waiting)",
      "let commitEarly: Effect.Effect<void> = Effect.void\n" +
        "    const settle = makeSettle(\n" +
        "      stage,\n" +
        "      { ...kafka, publish: (topic, records) => Effect.andThen(commitEarly, kafka.publish(topic, records)) },\n" +
        "      waiting\n" +
        "    )"
    ],
    [
      "core/src/Pipeline.ts",
      "const settled = yield* Effect.withParentSpan(",
      "commitEarly = offsets.commit(batch)\n          const settled = yield* Effect.withParentSpan("
    ]
  ),
  guard("a publishing that fails is given up", [
    "core/src/Settling.ts",
    "waitOut(Effect.provideService(publish(stage.output, stored.outgoing), Kafka, kafka))",
    "Effect.ignore(Effect.provideService(publish(stage.output, stored.outgoing), Kafka, kafka))"
  ]),
  guard("offsets that were not committed are forgotten", [
    "core/src/Pipeline.ts",
    "[consumeOn, watchLag, keepBookmarks, catchUp]",
    "[consumeOn, watchLag, keepBookmarks]"
  ]),
  guard("the old contribution is not taken back", ["cdm/src/counters.ts", "add(replaced, -1)", "add([], -1)"]),
  guard("a counter that has reached 0 stays", [
    "cdm/src/CdmRepository.ts",
    "held.category_id = change.category_id and held.order_cnt = 0",
    "held.category_id = change.category_id and held.order_cnt < 0"
  ]),
  guard("two dishes of one category count twice", [
    "cdm/src/counters.ts",
    "categoryIds: distinctSorted(stated.categoryIds.map((id) => id.toLowerCase()))",
    "categoryIds: stated.categoryIds.map((id) => id.toLowerCase()).sort()"
  ]),
  guard("an order that contributes nothing is not kept in the ledger", [
    "cdm/src/Cdm.ts",
    "Repository.contributionColumns(newest)",
    "Repository.contributionColumns(newest.filter((row) => row.productIds.length > 0))"
  ]),
  guard("names follow the arrival, not the version", [
    "cdm/src/Names.ts",
    "a.version > b.version || (a.version === b.version && a.name !== b.name && hashdiff(a.name) > hashdiff(b.name))",
    "a.name !== b.name"
  ]),
  guard("an order that waits for a reference is dropped", [
    "stg/src/Stg.ts",
    "yield* Repository.parkOrders(parked)",
    "yield* Repository.parkOrders([])"
  ]),
  guard("a parked order is let go before it is published", [
    "stg/src/ParkedOrders.ts",
    "const refused = yield* publishIsolated(",
    "yield* transaction(Repository.unparkOrders(ready))\n  const refused = yield* publishIsolated("
  ]),
  guard("a parked order is let go though a newer version waits", [
    "stg/src/StgRepository.ts",
    "on parked.object_id = published.object_id and parked.order_version <= published.order_version",
    "on parked.object_id = published.object_id"
  ]),
  guard("a version is enriched anew when it is delivered again", [
    "stg/src/Stg.ts",
    "} else if (before?.enrichment !== undefined) {",
    '} else if (before?.enrichment !== undefined && found._tag !== "Enriched") {'
  ]),
  guard("STG does not publish again what it holds", ["stg/src/Stg.ts", "outgoing.push(again.success)\n", "\n"]),
  guard("DDS does not publish again what it holds", [
    "dds/src/Dds.ts",
    "for (const order of [...duplicates, ...fresh])",
    "for (const order of fresh)"
  ]),
  guard("a dead letter is not kept", [
    "core/src/DeadLetters.ts",
    "if (letters.length === 0) return",
    "if (letters.length >= 0) return"
  ]),
  guard("a bad record fails its batch", [
    "core/src/decodeBatch.ts",
    "onFailure: (bad) => letters.push({ record, bad }),",
    "onFailure: (bad) => {\n        throw bad\n      },"
  ]),
  guard("a tag is given at the threshold already", [
    "cdm/src/rules.ts",
    "isMet: orderCount > rule.threshold",
    "isMet: orderCount >= rule.threshold"
  ]),
  guard("a tag is never taken", [
    "cdm/src/rules.ts",
    "if (before !== undefined) taken.push(now)",
    "if (before !== undefined && orderCount < 0) taken.push(now)"
  ]),
  guard("a tag that stays keeps the version of the rule before", [
    "cdm/src/rules.ts",
    "before.ruleVersion !== ruleVersion ||",
    ""
  ]),
  guard("a window still holds an order that is as old as the window is long", [
    "cdm/src/windows.ts",
    "<= windowStart(window, at)",
    "< windowStart(window, at)"
  ]),
  guard("a window sees orders of one moment one by one", [
    "cdm/src/windows.ts",
    "if (orders[index + 1]?.at === at) continue",
    ""
  ]),
  guard("a window takes two orders of one millisecond for two moments", [
    "cdm/src/GuestTags.ts",
    "floor(extract(epoch from order_dt) * 1000)",
    "extract(epoch from order_dt) * 1000"
  ]),
  guard("a tag of a rule with a window is taken above the exit threshold", [
    "cdm/src/windows.ts",
    "else if (orderCount <= window.exitThreshold) isMet = false",
    "else isMet = false"
  ]),
  guard("an order's new date moves no window", [
    "cdm/src/Cdm.ts",
    "new Set([...counts, ...replaced].flatMap",
    "new Set([...counts].flatMap"
  ]),
  guard("an order of a category without a rule moves no window", [
    "cdm/src/CdmRepository.ts",
    "or exists (select from cdm.tag_rules where active and window_days is not null)",
    "or false"
  ]),
  guard("new rules leave the window of a rule as it was", [
    "cdm/src/rules.ts",
    "rule.window?.days === request.window?.days &&\n  rule.window?.exitThreshold === request.window?.exitThreshold",
    "true"
  ]),
  guard("new rules leave the guests who are already there alone", [
    "cdm/src/ApplyRules.ts",
    "return yield* decide(rules, touched, (tags) => Tags.writeTags(tags, now, () => undefined))",
    "return yield* decide(rules, touched, () => Effect.void)"
  ]),
  guard("a giving is marked as announced whether Kafka took it or not", [
    "cdm/src/TagOutbox.ts",
    "yield* Effect.timeoutOrElse(publishIsolated(guestTags, rows, toOutgoing), {",
    "yield* Effect.timeoutOrElse(Effect.orElseSucceed(publishIsolated(guestTags, rows, toOutgoing), () => []), {"
  ]),
  guard("nobody announces what a crash left in the outbox", [
    "cdm/src/TagOutbox.ts",
    "const somethingWaits = Effect.gen(function* () {",
    "let asked = 0\nconst somethingWaits = Effect.gen(function* () {\n  if (++asked > 0) return false"
  ]),
  guard("DDS takes for known what a transaction that was rolled back has sent", [
    "dds/src/Dds.ts",
    "yield* Repository.insertRows(things, rows.orders, columns, numbers, source)",
    "known.committed([things])\n  yield* Repository.insertRows(things, rows.orders, columns, numbers, source)"
  ]),
  guard("an order's satellites leave out what was said before", [
    "dds/src/DdsRepository.ts",
    "insert into dds.s_order_status select h_order_pk, status, version_no, status_hashdiff, load_dt, load_src from orders",
    "insert into dds.s_order_status select h_order_pk, status, version_no, status_hashdiff, load_dt, load_src from orders\n" +
      "      where status_hashdiff not in (select hk_order_status_hashdiff from dds.s_order_status held where held.h_order_pk = orders.h_order_pk)"
  ]),
  guard("whose order it is now is not kept", [
    "dds/src/DdsRepository.ts",
    "insert into dds.s_order_effectivity select h_order_pk, h_user_pk, h_restaurant_pk, version_no, load_dt, load_src from orders",
    "insert into dds.s_order_effectivity select h_order_pk, h_user_pk, h_restaurant_pk, version_no, load_dt, load_src from orders\n" +
      "      where version_no = 1"
  ]),
  guard("the auditor takes for lost what is on its way", [
    "audit/src/LookAgain.ts",
    "const fate: Fate = { lost: [], deadLetters, inFlight: others }",
    "const fate: Fate = { lost: others, deadLetters, inFlight: [] }"
  ]),
  guard("the auditor holds the vault against a version that is on its way to it", [
    "audit/src/judgeOrder.ts",
    "inVault: dds_version === stg_version ? stored : undefined,",
    "inVault: stored,"
  ]),
  guard("a bookmark does not wait for the stages behind", [
    "core/src/Bookmarks.ts",
    "if (nextGroup === undefined) return committed",
    "return committed"
  ]),
  guard("a bookmark of one database is moved in another", [
    "core/src/Bookmarks.ts",
    "held.get(partition)?.database !== here)) {",
    "held.get(partition) === undefined)) {"
  ]),
  guard("DDS takes for known what another database has", [
    "dds/src/KnownThings.ts",
    "if (database !== this.#database) this.#rows = new WeakSet()",
    ""
  ]),
  guard("event ids are given again once the database has gone back", [
    "cdm/src/CdmSchema.ts",
    "if found then perform cdm.number_from_now(); end if;",
    ""
  ])
]
