import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as Database from "../src/Database.ts"
import { refusalOf } from "../src/Outage.ts"

const layerWith = (environment: Readonly<Record<string, string>>) =>
  Database.layer("metka tests").pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))))

const build = (url: string) => Effect.scoped(Effect.asVoid(Layer.build(layerWith({ DATABASE_URL: url }))))
const problemOf = (url: string) => Effect.map(Effect.flip(build(url)), (error) => error.message)

describe("DATABASE_URL", () => {
  it.effect.each([
    ["mysql://user@127.0.0.1/db", "it must start with postgres://"],
    ["127.0.0.1:5432", "DATABASE_URL cannot be used"],
    ["", "DATABASE_URL"],
    ["host=127.0.0.1 dbname=db", "it must be postgres://user:password@host:port/database"],
    ["postgres://metka@a:6432,b:6432/db", "it names several hosts"],
    ["postgres://metka@a,b/db", "it names several hosts"],
    ["postgres:///db?host=a:5432,b:5432&user=metka", "it names several hosts"],
    ["postgres:///db?host=a%2Cb&user=metka", "it names several hosts"],
    ["postgres://metka:50%@127.0.0.1/db", "% itself is written %25"],
    ["postgres://metka@127.0.0.1/100%", "% itself is written %25"],
    ["postgres://metka:a@127.0.0.1/db#c", "it has a #"],
    ["postgres://metka@127.0.0.1/db?connect_timeout=3s", "connect_timeout must be whole seconds"],
    [
      "postgres://metka@127.0.0.1/db?sslmode=on",
      "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full"
    ],
    ["postgres://metka@127.0.0.1/db?sslmode=require&sslrootcert=/no/such/root.pem", "/no/such/root.pem"]
  ] as const)("%s is refused: %s", ([url, what]) =>
    Effect.gen(function* () {
      const problem = yield* problemOf(url)
      assert.include(problem, what)
      assert.include(problem, "DATABASE_URL")
    })
  )

  it.effect("that is not set is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layerWith({}))))
      assert.include(error.message, "DATABASE_URL")
    })
  )

  it.effect("never shows its password in what is said of it", () =>
    Effect.gen(function* () {
      for (const url of [
        "mysql://user:secret@127.0.0.1/db",
        "postgres://user:secret@127.0.0.1:99999/db",
        "postgres://user:secret%@127.0.0.1/db",
        "postgres://user:a#secret@127.0.0.1/db"
      ]) {
        const problem = yield* Effect.flip(build(url)).pipe(
          Effect.map((error) => error.message),
          Effect.catch(() => Effect.succeed(""))
        )
        assert.notInclude(problem, "secret")
      }
    })
  )

  it.effect.each(["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=verify-full", "?application_name=x"])(
    "postgres://…%s is accepted without a server to connect to",
    (query) => build(`postgres://metka@127.0.0.1:1/db${query}`)
  )

  it.effect("a password may have @ and a comma as they are, and does not look like several hosts", () =>
    build("postgres://metka:a@b,c@127.0.0.1:1/db")
  )

  it.live("a server that is not there is an outage when it is asked, and no error of configuration", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const error = yield* Effect.flip(sql`select 1`)
      assert.strictEqual(error.reason._tag, "ConnectionError")
      assert.isUndefined(refusalOf(error))
    }).pipe(Effect.provide(layerWith({ DATABASE_URL: "postgres://postgres@127.0.0.1:1/db" })))
  )
})
