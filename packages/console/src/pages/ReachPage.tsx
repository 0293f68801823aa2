/** What a rule would do before it is made. */
import { type Reach, thresholdCount } from "../Reach.ts"
import { askedText, number } from "../words.ts"
import { Layout } from "./Layout.tsx"
import { RulesHint } from "./RulesHint.tsx"
import { audiencePath } from "./paths.ts"

const thresholds = Array.from({ length: thresholdCount }, (_, threshold) => threshold)

export const ReachPage = ({ reach: { categories, otherRules } }: { readonly reach: Reach }) => (
  <Layout title="Reach" place="/reach">
    {categories.length === 0 ? (
      <p>No guest has a CLOSED order with dishes yet.</p>
    ) : (
      <>
        <p>
          How many guests a rule «more than so many orders with the category» would give its tag to now. Rules that are
          active stand in their cells.
        </p>
        <div class="wide">
          <table>
            <tr>
              <th>Category</th>
              {thresholds.map((threshold) => (
                <th key={threshold} class="number">
                  &gt; {threshold}
                </th>
              ))}
            </tr>
            {categories.map(({ category, guests, rules }) => (
              <tr key={category}>
                <td>{category}</td>
                {thresholds.map((threshold) => {
                  const own = rules.filter((rule) => rule.threshold === threshold)
                  return (
                    <td key={threshold} class={own.length > 0 ? "number rule" : "number"}>
                      {number(guests[threshold] ?? 0)}
                      {own.map(({ tag }) => (
                        <small key={tag}>
                          <a href={audiencePath(tag)}>{tag}</a>
                        </small>
                      ))}
                    </td>
                  )
                })}
              </tr>
            ))}
          </table>
        </div>
      </>
    )}
    {otherRules.length > 0 && (
      <>
        <h2>Other rules</h2>
        <p>
          Of a category that no guest has ordered from, with a threshold beyond the table, or for orders within some
          days: the table counts those of any time.
        </p>
        <ul>
          {otherRules.map(({ category, tag, threshold, window }) => (
            <li key={tag}>
              <a href={audiencePath(tag)}>{tag}</a>: {askedText({ threshold, window }, category)}
            </li>
          ))}
        </ul>
      </>
    )}
    <RulesHint />
  </Layout>
)
