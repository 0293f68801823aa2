import { assert, describe, it } from "@effect/vitest"
import { compress } from "snappyjs"
import { unpackSnappy } from "../src/KafkaJsCodecs.ts"

describe("Snappy", () => {
  it("is read as producers outside Java send it, one block without a frame", () => {
    const bytes = Buffer.from(`{"dish":"Рис с лимоном"}`.repeat(1_000))
    assert.isTrue(bytes.equals(unpackSnappy(Buffer.from(compress(bytes)))))
  })

  it("of a Java stream with a length that is wrong is refused, and does not loop", () => {
    const stream = Buffer.concat([
      Buffer.from("\x82SNAPPY\0", "latin1"),
      Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfc, 1, 2, 3])
    ])
    assert.throws(() => unpackSnappy(stream), "Invalid Snappy bitstream")
  })
})
