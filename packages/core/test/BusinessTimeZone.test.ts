import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option } from "effect"
import { businessTimeZone } from "../src/BusinessTimeZone.ts"

const zoneOf = (env: Readonly<Record<string, string>>) =>
  businessTimeZone.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))))

describe("BUSINESS_TIME_ZONE", () => {
  it.effect("is what it is set to, and may be left out", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* zoneOf({}), Option.none())
      assert.deepStrictEqual(yield* zoneOf({ BUSINESS_TIME_ZONE: "Asia/Vladivostok" }), Option.some("Asia/Vladivostok"))
    })
  )

  it.effect.each(["Mars/Olympus", "GMT+25", "+03:00", "-0300"])("%j is refused by name", (zone) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(zoneOf({ BUSINESS_TIME_ZONE: zone }))
      assert.include(error.message, "BUSINESS_TIME_ZONE")
    })
  )
})
