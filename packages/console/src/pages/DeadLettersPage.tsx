/** The messages that could not be used. */
import type { DeadLetters } from "../DeadLetters.ts"
import { timeIn } from "../TimeZone.ts"
import { counted, number } from "../words.ts"
import { Layout } from "./Layout.tsx"

export const DeadLettersPage = ({
  letters: { newest, total },
  timeZone
}: {
  readonly letters: DeadLetters
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  return (
    <Layout title="Dead letters" place="/dead-letters">
      {total === 0 ? (
        <p>No message waits for somebody to do something about it.</p>
      ) : (
        <>
          <p>
            {counted(total, "message", "messages")} could not be used. <code>npx metka dead-letters show ID</code>{" "}
            prints all of one, <code>replay ID</code> sends it again, <code>close ID</code> takes it off this list.
          </p>
          <div class="wide">
            <table>
              <tr>
                <th class="number">Id</th>
                <th>Received, {timeZone}</th>
                <th class="minor">Service</th>
                <th class="minor">Place</th>
                <th>Reason</th>
                <th>Order</th>
                <th>Detail</th>
              </tr>
              {newest.map(({ detail, id, offset, orderId, partition, reason, receivedAt, service, topic }) => (
                <tr key={id}>
                  <td class="number">{id}</td>
                  <td class="time">{time(receivedAt)}</td>
                  <td class="minor">{service}</td>
                  <td class="minor">
                    {topic}, partition {partition}, offset {offset}
                  </td>
                  <td>{reason}</td>
                  <td>{orderId ?? "unknown"}</td>
                  <td class="long">{detail}</td>
                </tr>
              ))}
            </table>
          </div>
          {total > newest.length && <p>… and {number(total - newest.length)} older ones.</p>}
        </>
      )}
    </Layout>
  )
}
