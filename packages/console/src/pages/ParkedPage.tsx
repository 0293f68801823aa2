/** The orders that wait for a reference. */
import { missingThings, type ParkedOrders } from "../ParkedOrders.ts"
import { timeIn } from "../TimeZone.ts"
import { counted, number } from "../words.ts"
import { Layout } from "./Layout.tsx"

export const ParkedPage = ({
  parked: { oldest, total },
  timeZone
}: {
  readonly parked: ParkedOrders
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  return (
    <Layout title="Waiting orders" place="/parked">
      {total === 0 ? (
        <p>No order waits for a guest, restaurant or dish.</p>
      ) : (
        <>
          <p>
            {counted(total, "order names", "orders name")} a guest, restaurant or dish that Redis does not know. Load
            what is missing, <code>npx metka references load FILE</code>, and they go on within a minute.
          </p>
          <div class="wide">
            <table>
              <tr>
                <th>Order</th>
                <th>Missing</th>
                <th>Since, {timeZone}</th>
                <th class="number minor">Attempts</th>
                <th>Next attempt</th>
              </tr>
              {oldest.map(({ attempts, missing, nextAttempt, orderId, since }) => (
                <tr key={orderId}>
                  <td>{orderId}</td>
                  <td class="long">{missingThings({ missing }).join(", ")}</td>
                  <td class="time">{time(since)}</td>
                  <td class="number minor">{number(attempts)}</td>
                  <td class="time">{time(nextAttempt)}</td>
                </tr>
              ))}
            </table>
          </div>
          {total > oldest.length && <p>… and {number(total - oldest.length)} that have waited for less long.</p>}
        </>
      )}
    </Layout>
  )
}
