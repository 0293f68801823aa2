import { assert, describe, it, layer } from "@effect/vitest"
import * as Service from "@metka/core/Service"
import { rulesLock } from "@metka/core/advisoryLocks"
import { Health } from "@metka/core/Health"
import { clientOf } from "@metka/testing/databaseLayers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { metka, metkaMain, repository, runProcess } from "@metka/testing/processes"
import { isMissing } from "@metka/testing/realServers"
import { freshDatabase, ownPostgresServer } from "@metka/testing/servers"
import { Effect } from "effect"
import { glob, readFile } from "node:fs/promises"
import { join } from "node:path"
import { migrateDatabase } from "../src/Migrate.ts"
import { databaseRoles } from "../src/roles.ts"
import { columnsOf, isAllowed, rightsOn } from "./attempts.ts"
import { as, execute, letIn, RolesDatabase } from "./rolesDatabase.ts"

const schemas = ["ops", "stg", "dds", "cdm", "bi"]

const heartbeat = { "ops.service_instances": "select, insert, update, delete" }
const deadLetters = { "ops.dead_letters": 'select (topic, partition, "offset", kafka_timestamp), insert' }
const insertOnly = "select, insert"

const rights: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  metka_stg: {
    "ops.bookmarks": "select, insert, update",
    ...heartbeat,
    ...deadLetters,
    "stg.order_events": "select, insert, update",
    "stg.parked_orders": "select, insert, update, delete"
  },
  metka_dds: {
    "ops.bookmarks": "select, insert, update",
    ...heartbeat,
    ...deadLetters,
    "dds.h_category": insertOnly,
    "dds.h_order": "select, insert, update (order_dt, order_version, version_no)",
    "dds.h_product": insertOnly,
    "dds.h_restaurant": insertOnly,
    "dds.h_user": insertOnly,
    "dds.l_order_product": insertOnly,
    "dds.l_order_user": insertOnly,
    "dds.l_product_category": insertOnly,
    "dds.l_product_restaurant": insertOnly,
    "dds.s_order_cost": insertOnly,
    "dds.s_order_effectivity": insertOnly,
    "dds.s_order_product": insertOnly,
    "dds.s_order_status": insertOnly,
    "dds.s_product_names": insertOnly,
    "dds.s_restaurant_names": insertOnly,
    "dds.s_user_names": insertOnly
  },
  metka_cdm: {
    "ops.bookmarks": "select, insert, update",
    ...heartbeat,
    ...deadLetters,
    "cdm.category_names": "select, insert, update",
    "cdm.guests": insertOnly,
    "cdm.order_contributions": "select, insert, update",
    "cdm.product_names": "select, insert, update",
    "cdm.tag_rules": "select, update (category_id)",
    "cdm.user_category_counters": "select, insert, update, delete",
    "cdm.user_product_counters": "select, insert, update, delete",
    "cdm.user_tag_history": "select, insert, update (published_at)",
    "cdm.user_tags": "select, insert, update, delete"
  },
  metka_marketer: {
    "bi.settings": "select",
    "cdm.category_names": "select",
    "cdm.guests": "select",
    "cdm.order_contributions": "select",
    "cdm.product_names": "select",
    "cdm.tag_rules": "select",
    "cdm.user_category_counters": "select",
    "cdm.user_product_counters": "select",
    "cdm.user_tag_history": "select",
    "cdm.user_tags": "select",
    "dds.h_order": "select",
    "dds.l_order_product": "select",
    "dds.s_order_product": "select",
    "stg.parked_orders": "select (object_id, order_version)"
  },
  metka_bi: {
    "bi.categories": "select",
    "bi.category_days": "select",
    "bi.days": "select",
    "bi.weeks": "select",
    "bi.months": "select",
    "bi.cohorts": "select",
    "bi.dish_days": "select",
    "bi.dishes": "select",
    "bi.freshness": "select",
    "bi.hours": "select",
    "bi.restaurant_days": "select",
    "bi.tag_days": "select",
    "bi.tags": "select",
    "bi.totals": "select"
  }
}

describe.skipIf(isMissing("postgres"))("PostgreSQL roles", () => {
  layer(RolesDatabase.layer, { excludeTestServices: true, timeout: "1 minute" })("once made", (it) => {
    it.effect("a service may touch what its work needs, and is refused everything else", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const columns = yield* Effect.provide(columnsOf(schemas), clientOf(url))
        for (const [role, expected] of Object.entries(rights)) {
          const found = yield* Effect.provide(rightsOn(columns), clientOf(as(role, url)))
          assert.deepStrictEqual(found, expected, role)
        }
      })
    )

    it.effect("nobody but the owner makes or drops anything, or becomes somebody else", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const attempts = [
          ...[...schemas, "public"].map((schema) => `create table ${schema}.attempt ()`),
          "create schema attempt",
          "create temporary table attempt ()",
          "drop schema cdm cascade",
          "set role postgres",
          "create role attempt"
        ]
        for (const { name } of databaseRoles) {
          const allowed = yield* Effect.provide(Effect.filter(attempts, isAllowed), clientOf(as(name, url)))
          // What is made anew is made beside the tables first.
          assert.deepStrictEqual(allowed, name === "metka_operator" ? ["create temporary table attempt ()"] : [], name)
        }
      })
    )

    it.effect(
      "the console reads no payload, no message and no guest's name; the operator writes the marts, and reads all",
      () =>
        Effect.gen(function* () {
          const url = yield* RolesDatabase
          const columns = yield* Effect.provide(columnsOf(schemas), clientOf(url))
          const console = yield* Effect.provide(rightsOn(columns), clientOf(as("metka_console", url)))
          assert.strictEqual(console["stg.order_events"], "select (id, object_id, order_version, received_at)")
          assert.strictEqual(console["cdm.user_tags"], "select")
          assert.deepStrictEqual(
            Object.keys(console).filter((table) => table.startsWith("dds.")),
            ["dds.h_order", "dds.l_order_product", "dds.s_order_product"]
          )
          assert.strictEqual(
            console["ops.dead_letters"],
            'select (id, service, topic, partition, "offset", reason, detail, received_at, replayed_at, closed_at, order_id)'
          )
          const operator = yield* Effect.provide(rightsOn(columns), clientOf(as("metka_operator", url)))
          assert.sameMembers(Object.keys(operator), [...new Set(columns.map(({ table }) => table))])
          const { "ops.dead_letters": letters, ...others } = operator
          assert.strictEqual(letters, "select, update (replayed_at, closed_at)")
          assert.deepStrictEqual(
            Object.keys(others).filter((table) => others[table] !== "select"),
            [...new Set(columns.map(({ table }) => table))].filter((table) =>
              /^cdm\.(?!migrations|numbering_databases)/.test(table)
            )
          )
        })
    )

    it.effect("a process that may not touch its tables is not ready, though PostgreSQL answers", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const readinessAs = (role: string) =>
          Effect.gen(function* () {
            const health = yield* Health
            yield* Service.probeDatabase("stg.order_events")
            yield* eventuallyTrue(
              "the database was asked",
              Effect.map(health.readiness, ({ components }) => !JSON.stringify(components).includes("not reached yet"))
            )
            return yield* health.readiness
          }).pipe(Effect.scoped, Effect.provide([clientOf(as(role, url)), Health.layer({ components: ["postgres"] })]))
        assert.isTrue((yield* readinessAs("metka_stg")).ready)
        const { components, ready } = yield* readinessAs("metka_bi")
        assert.isFalse(ready)
        assert.match(
          JSON.stringify(components),
          /permission denied for schema stg \(SQLSTATE 42501\): README\.md, Roles in PostgreSQL, .*`npm run migrate`/
        )
      })
    )

    it.effect(
      "who runs a command of another role is not sent to migrate first, but told where the roles are listed",
      () =>
        Effect.gen(function* () {
          const url = yield* RolesDatabase
          const { code, stderr } = yield* runProcess([metkaMain, "parked"], { DATABASE_URL: as("metka_marketer", url) })
          assert.strictEqual(code, 1)
          assert.match(
            stderr,
            /42501\): README\.md, Roles in PostgreSQL, says which role this is for; if it is the one/
          )
        })
    )

    it.effect("who may not make schemas is told which right the migration needs", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const refused = yield* runProcess([metkaMain, "migrate"], { DATABASE_URL: as("metka_operator", url) })
        assert.strictEqual(refused.code, 1)
        assert.match(
          refused.stderr,
          /^metka: metka_operator may not make schemas.*grant create on database \w+ to metka_operator\n$/
        )
      })
    )

    it.effect("a right that is not listed any more goes with the next migration, and a new one comes", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const asOwner = clientOf(url)
        const reads = (table: string) =>
          Effect.provide(isAllowed(`select 1 from ${table}`), clientOf(as("metka_stg", url)))
        yield* Effect.provide(execute("grant usage on schema cdm to metka_stg"), asOwner)
        yield* Effect.provide(execute("grant select on cdm.user_tags to metka_stg"), asOwner)
        yield* Effect.provide(execute("revoke select on stg.order_events from metka_stg"), asOwner)
        assert.deepStrictEqual([yield* reads("cdm.user_tags"), yield* reads("stg.order_events")], [true, false])
        yield* Effect.provide(migrateDatabase, asOwner)
        assert.deepStrictEqual([yield* reads("cdm.user_tags"), yield* reads("stg.order_events")], [false, true])
      })
    )

    it.effect("what README takes from everybody lets BI hold up nobody, and leaves each role what it needs", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const readme = yield* Effect.promise(() => readFile(new URL("../../../README.md", import.meta.url), "utf8"))
        const [statements = ""] = /^revoke execute on function [^]*?(?=^commit;)/m.exec(readme) ?? []
        const holdsUp = (lock: number) => isAllowed(`select pg_advisory_lock(${lock}), pg_advisory_unlock(${lock})`)
        const asBi = clientOf(as("metka_bi", url))
        assert.isTrue(yield* Effect.provide(holdsUp(rulesLock), asBi))
        yield* Effect.provide(
          Effect.forEach(["create role metka", ...statements.split(/;\s*/).filter(Boolean)], execute, {
            discard: true
          }),
          clientOf(url)
        )
        assert.isFalse(yield* Effect.provide(holdsUp(rulesLock), asBi))
        const left = yield* Effect.provide(
          execute(`select oid::regprocedure::text as left from pg_proc
            where (proname ~ '^pg_(try_)?advisory_(xact_)?lock' and proargtypes = '20' or proname in ('lo_creat', 'lo_create', 'lo_from_bytea'))
              and has_function_privilege('metka_bi', oid, 'execute')`),
          clientOf(url)
        )
        assert.deepStrictEqual(left, [])
        const sources = yield* Effect.promise(async () => {
          const files = await Array.fromAsync(glob("packages/*/src/**/*.ts", { cwd: repository }))
          return await Promise.all(files.map((file) => readFile(join(repository, file), "utf8")))
        })
        const used = new Set(sources.flatMap((text) => text.match(/pg_(?:try_)?advisory_\w+(?=\()/g) ?? []))
        assert.isNotEmpty(used)
        const withheld = yield* Effect.provide(
          execute(`select holder, function from unnest(array['metka', 'metka_cdm', 'metka_operator']) holder,
            unnest(array['${[...used].join("', '")}']) function
            where not has_function_privilege(holder, function || '(bigint)', 'execute')`),
          clientOf(url)
        )
        assert.deepStrictEqual(withheld, [])
      })
    )
  })

  it.live("who owns the database but may not make roles is given the SQL, and then grants to roles others made", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      yield* Effect.provide(execute("create role owner login nocreaterole"), clientOf(server.url))
      const database = yield* freshDatabase(server.url)
      const name = new URL(database).pathname.slice(1)
      yield* Effect.provide(execute(`alter database ${name} owner to owner`), clientOf(server.url))
      const env = { DATABASE_URL: as("owner", database) }
      yield* metka(env, "migrate")
      const refused = yield* runProcess(["packages/cli/bin/metka.mjs", "roles"], env)
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /^metka: the user of DATABASE_URL may not make roles.*\n$/)
      const statements = refused.stdout.split(/;\s*/).filter((statement) => statement !== "")
      assert.isAtLeast(statements.length, databaseRoles.length)
      yield* Effect.provide(Effect.forEach(statements, execute, { discard: true }), clientOf(server.url))
      yield* metka(env, "roles")
      yield* Effect.provide(letIn, clientOf(server.url))
      const stg = clientOf(as("metka_stg", database))
      assert.isTrue(yield* Effect.provide(isAllowed("select * from stg.order_events"), stg))
      assert.isFalse(yield* Effect.provide(isAllowed("select * from dds.h_order"), stg))
    })
  )
})
