/**
 * The oracle names a thing by the newest versions of the orders. The system may know a newer name, from a version that
 * was superseded after it was taken in; whether it was taken in depends on when it arrived. So a name that is there
 * counts as expected if it is as new as the oracle's. A renamed thing carries the longer name, so the longer is newer.
 */
import type { DatabaseState } from "@metka/testing/oracle/actual"
import type { ExpectedState } from "@metka/testing/oracle/expectedState"
import type { BusinessRow } from "@metka/testing/oracle/State"

/** The name is the second column of these rows, and what follows it is as new as it. */
const newer = (
  expected: ReadonlyArray<BusinessRow>,
  actual: ReadonlyArray<BusinessRow>,
  known: ReadonlyArray<BusinessRow>
): ReadonlyArray<BusinessRow> => {
  const held = new Map(actual.map((row) => [row[0], row]))
  const possible = new Set(known.map((row) => JSON.stringify(row)))
  return expected.map((row) => {
    const other = held.get(row[0])
    if (other === undefined || !possible.has(JSON.stringify(other))) return row
    return String(other[1]).length > String(row[1]).length ? other : row
  })
}

export const acceptNewerNames = (expected: ExpectedState, actual: DatabaseState): ExpectedState => {
  const { productNames, restaurantNames, userNames } = expected.vaultWithSuperseded
  const known = new Map(productNames.map((row) => [row[0], row]))
  const held = new Map(actual.userProductCounters.map((row) => [`${row.user_id} ${row.product_id}`, row.product_name]))
  return {
    ...expected,
    vault: {
      ...expected.vault,
      productNames: newer(expected.vault.productNames, actual.vault.productNames, productNames),
      restaurantNames: newer(expected.vault.restaurantNames, actual.vault.restaurantNames, restaurantNames),
      userNames: newer(expected.vault.userNames, actual.vault.userNames, userNames)
    },
    userProductCounters: expected.userProductCounters.map((row) => {
      const name = held.get(`${row.user_id} ${row.product_id}`)
      return name !== undefined && name === known.get(row.product_id)?.[1] && name.length > row.product_name.length
        ? { ...row, product_name: name }
        : row
    })
  }
}
