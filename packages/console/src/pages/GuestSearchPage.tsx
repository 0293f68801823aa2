/** Asks for a guest, and has some to begin with. */
import type { TaggedLately } from "../TaggedLately.ts"
import { timeIn } from "../TimeZone.ts"
import { GuestForm } from "./GuestForm.tsx"
import { Layout } from "./Layout.tsx"
import { guestPath } from "./paths.ts"

export const GuestSearchPage = ({
  examples,
  timeZone
}: {
  readonly examples: ReadonlyArray<TaggedLately>
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  return (
    <Layout title="Guest" place="/guest">
      <p>Which tags a guest has, and the orders behind each of them.</p>
      <GuestForm />
      {examples.length > 0 && (
        <section>
          <h2>Given a tag lately</h2>
          <div class="wide">
            <table>
              <tr>
                <th>Guest</th>
                <th>Newest tag</th>
                <th>Given, {timeZone}</th>
              </tr>
              {examples.map(({ givenAt, guest, tag }) => (
                <tr key={guest}>
                  <td>
                    <a href={guestPath(guest)}>{guest}</a>
                  </td>
                  <td>{tag}</td>
                  <td class="time">{time(givenAt)}</td>
                </tr>
              ))}
            </table>
          </div>
        </section>
      )}
    </Layout>
  )
}
