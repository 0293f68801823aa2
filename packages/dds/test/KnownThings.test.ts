import { assert, describe, it } from "@effect/vitest"
import { KnownThings } from "../src/KnownThings.ts"
import { orderInVault, vaultRows, type VersionedOrder } from "../src/vault.ts"
import { dish, order } from "./versionedOrder.ts"

const orderOf = (userName: string, dishId = "d1") => order([dish(dishId, "Супы")], { userName })

/** How many rows of each kind a transaction that begins then would send; it is committed unless told. */
const sends = (
  known: KnownThings,
  nowMillis: number,
  sent: VersionedOrder,
  { database = "first", isCommitted = true } = {}
) => {
  known.begin(nowMillis)
  const things = known.unknown(database, vaultRows([orderInVault(sent)]))
  if (isCommitted) known.committed([things])
  return Object.values(things).map((rows) => rows.length)
}

const all = [1, 1, 1, 1, 1, 1]
const none = [0, 0, 0, 0, 0, 0]

describe("things known to be in the vault", () => {
  it("are sent until a transaction that sent them is committed, and not again while the backlog runs", () => {
    const known = new KnownThings()
    assert.deepStrictEqual(sends(known, 0, orderOf("Котова"), { isCommitted: false }), all)
    assert.deepStrictEqual(sends(known, 100, orderOf("Котова")), all, "the first transaction was rolled back")
    assert.deepStrictEqual(sends(known, 200, orderOf("Котова")), none)
  })

  it("are sent again after a transaction that did not come to its commit: a failover may have lost them", () => {
    const known = new KnownThings()
    assert.deepStrictEqual(sends(known, 0, orderOf("Котова")), all)
    assert.deepStrictEqual(sends(known, 100, orderOf("Котова"), { isCommitted: false }), none)
    assert.deepStrictEqual(sends(known, 200, orderOf("Котова")), all)
  })

  it("are sent again to a database that took over, which may lack them, however soon", () => {
    const known = new KnownThings()
    sends(known, 0, orderOf("Котова"))
    assert.deepStrictEqual(sends(known, 1, orderOf("Котова"), { database: "second" }), all)
    assert.deepStrictEqual(sends(known, 2, orderOf("Котова"), { database: "second" }), none)
  })

  it("another name or another dish is another row", () => {
    const known = new KnownThings()
    sends(known, 0, orderOf("Котова"))
    assert.deepStrictEqual(sends(known, 1, orderOf("Котова", "d2")), [0, 0, 1, 0, 1, 1])
    assert.deepStrictEqual(sends(known, 2, orderOf("Иванова")), [1, 0, 0, 0, 0, 0])
  })

  it("are sent again after a pause, and in a long backlog now and then: somebody may have taken them out", () => {
    const known = new KnownThings()
    sends(known, 0, orderOf("Котова"))
    assert.deepStrictEqual(sends(known, 1_001, orderOf("Котова")), all)
    let sentAgain = 0
    for (let millis = 1_500; millis < 21_500; millis += 500) {
      if (sends(known, millis, orderOf("Котова"))[0] === 1) sentAgain += 1
    }
    assert.strictEqual(sentAgain, 1)
  })
})
