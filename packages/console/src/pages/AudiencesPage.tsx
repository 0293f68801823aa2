/** The rules, and whom they tag. */
import type { Audience } from "../Audiences.ts"
import { allOthers, askedText, number } from "../words.ts"
import { Layout } from "./Layout.tsx"
import { RulesHint } from "./RulesHint.tsx"
import { WindowHint } from "./WindowHint.tsx"
import { audienceCsvPath, audiencePath, nearCsvPath, nearPath } from "./paths.ts"

export const AudiencesPage = ({ audiences }: { readonly audiences: ReadonlyArray<Audience> }) => (
  <Layout title="Audiences" place="/audiences">
    {audiences.length === 0 ? (
      <p>There are no tag rules.</p>
    ) : (
      <>
        <p>
          A guest has a tag while more of their CLOSED orders than the rule says have a dish of its category.{" "}
          <a href="/reach">What other rules would reach</a>
        </p>
        {audiences.some(({ window }) => window !== null) && <WindowHint />}
        <div class="wide">
          <table>
            <tr>
              <th>Tag</th>
              <th>Rule</th>
              <th class="number minor">Version</th>
              <th class="number">Guests</th>
              <th class="minor">Ids</th>
              <th class="number">One order short</th>
              <th class="minor">Ids</th>
            </tr>
            {audiences.map(({ category, guests, nearGuests, tag, threshold, version, window }) => (
              <tr key={tag}>
                <td>
                  <a href={audiencePath(tag)}>{tag}</a>
                </td>
                <td>{askedText({ threshold, window }, category)}</td>
                <td class="number minor">{version}</td>
                <td class="number">{number(guests)}</td>
                <td class="minor">
                  <a href={audienceCsvPath(tag)}>CSV</a>
                </td>
                <td class="number">
                  <a href={nearPath(tag)}>{nearGuests === null ? allOthers : number(nearGuests)}</a>
                </td>
                <td class="minor">{nearGuests !== null && <a href={nearCsvPath(tag)}>CSV</a>}</td>
              </tr>
            ))}
          </table>
        </div>
      </>
    )}
    <RulesHint />
  </Layout>
)
