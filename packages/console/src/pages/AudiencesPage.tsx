/** The rules, and whom they tag. */
import type { Audience } from "../Audiences.ts"
import { noRules } from "../UnknownTag.ts"
import { number, ordersWith } from "../words.ts"
import { Layout } from "./Layout.tsx"
import { RulesHint } from "./RulesHint.tsx"
import { audienceCsvPath, audiencePath } from "./paths.ts"

export const AudiencesPage = ({ audiences }: { readonly audiences: ReadonlyArray<Audience> }) => (
  <Layout title="Audiences" place="/audiences">
    {audiences.length === 0 ? (
      <p>{noRules}.</p>
    ) : (
      <>
        <p>
          A guest has a tag while more of their CLOSED orders than the rule says have a dish of its category.{" "}
          <a href="/reach">What other rules would reach</a>
        </p>
        <div class="wide">
          <table>
            <tr>
              <th>Tag</th>
              <th>Rule</th>
              <th class="number">Version</th>
              <th class="number">Guests</th>
              <th class="number">One order short</th>
              <th>Ids</th>
            </tr>
            {audiences.map(({ category, guests, nearGuests, tag, threshold, version }) => (
              <tr key={tag}>
                <td>
                  <a href={audiencePath(tag)}>{tag}</a>
                </td>
                <td>more than {ordersWith(threshold, category)}</td>
                <td class="number">{version}</td>
                <td class="number">{number(guests)}</td>
                <td class="number">{nearGuests === null ? "all others" : number(nearGuests)}</td>
                <td>
                  <a href={audienceCsvPath(tag)}>CSV</a>
                </td>
              </tr>
            ))}
          </table>
        </div>
        <RulesHint />
      </>
    )}
  </Layout>
)
