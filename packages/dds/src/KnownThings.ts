/**
 * The rows of guests, restaurants, dishes, categories and their links that this process has just seen committed: they
 * need not be sent again. Orders name the same things again and again, and the vault never lets go of one.
 */
import type { VaultRows } from "./vault.ts"

export type Things = Omit<VaultRows, "orders">

/**
 * While a backlog runs through. What an operator takes out of the vault, or a backup that is restored does not have, is
 * sent again with the next orders after a pause.
 */
const forgottenInPauseMillis = 1_000
const forgottenAfterMillis = 10_000

export class KnownThings {
  #rows = new WeakSet<object>()
  #since = -Infinity
  #begunAt = -Infinity
  #isUnderWay = false
  #database = ""

  /**
   * A transaction begins. If the last one did not come to its commit, the database may not be the one it was: after a
   * failover it may have lost what it had committed.
   */
  begin(nowMillis: number): void {
    const isPaused = nowMillis - this.#begunAt > forgottenInPauseMillis
    if (this.#isUnderWay || isPaused || nowMillis - this.#since > forgottenAfterMillis) {
      this.#rows = new WeakSet()
      this.#since = nowMillis
    }
    this.#begunAt = nowMillis
    this.#isUnderWay = true
  }

  /**
   * The rows that may not be in the vault yet.
   * @param database the identity of the one that the transaction is in: another may lack what was committed
   */
  unknown(database: string, things: Things): Things {
    if (database !== this.#database) this.#rows = new WeakSet()
    this.#database = database
    const unknown = <Row extends object>(rows: ReadonlyArray<Row>) => rows.filter((row) => !this.#rows.has(row))
    return {
      users: unknown(things.users),
      restaurants: unknown(things.restaurants),
      products: unknown(things.products),
      categories: unknown(things.categories),
      productCategories: unknown(things.productCategories),
      productRestaurants: unknown(things.productRestaurants)
    }
  }

  /** The transaction is committed; it has sent these. */
  committed(sent: ReadonlyArray<Things>): void {
    this.#isUnderWay = false
    for (const things of sent) {
      for (const rows of Object.values(things)) for (const row of rows) this.#rows.add(row)
    }
  }
}
