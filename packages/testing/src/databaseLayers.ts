/** The two databases of every repository contract, migrated and, for each test, emptied. */
import * as Database from "@metka/core/Database"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import { migrate, type SchemaMigrations } from "@metka/core/Migrations"
import * as PgliteHere from "@metka/core/PgliteHere"
import { ConfigProvider, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { RealServers } from "./realServers.ts"

const migrated = (schemas: ReadonlyArray<SchemaMigrations>) => Layer.effectDiscard(migrate(schemas))

/** The product's own client for this URL. */
export const clientOf = (url: string) =>
  Layer.fresh(Database.layer("metka tests")).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: url })))
  )

/** PGlite with these schemas; it takes a second to start, so one serves a file. */
export const embedded = (...schemas: ReadonlyArray<SchemaMigrations>) =>
  Layer.provideMerge(migrated(schemas), EmbeddedDatabase.layer(PgliteHere.open))

/** A retry hides a deadlock that PostgreSQL resolves; one that it leaves alone stands still, and a test sees it. */
const neverResolveDeadlocks = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [database] = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
  yield* sql.unsafe(`alter database ${database?.name} set deadlock_timeout = '10min'`)
})

/** A database of its own on the real server, with these schemas. */
export const real = (...schemas: ReadonlyArray<SchemaMigrations>) =>
  Layer.provideMerge(
    migrated(schemas),
    Layer.unwrap(
      Effect.gen(function* () {
        const url = yield* (yield* RealServers).database
        yield* Effect.provide(Effect.ignore(neverResolveDeadlocks), clientOf(url))
        return clientOf(url)
      })
    ).pipe(Layer.provide(RealServers.layer))
  )

/** Removes every row that a test before this one left. */
export const emptied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ tables: string | null }>`
    select string_agg(format('%I.%I', schemaname, tablename), ', ') as tables from pg_tables
    where schemaname in ('ops', 'stg', 'dds', 'cdm') and tablename <> 'migrations'`
  if (typeof found?.tables === "string") yield* sql.unsafe(`truncate ${found.tables} restart identity`)
})
