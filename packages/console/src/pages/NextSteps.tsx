/** What is still to be done before guests have tags. */
import type { Counts } from "../Counts.ts"
import type { RunningService } from "../RunningServices.ts"
import { isServed, stages } from "../SilentServices.ts"
import { RulesHint } from "./RulesHint.tsx"

/** In the order of the README's "Day one". */
const FirstSteps = ({
  hasLetters,
  hasRules,
  missing
}: {
  readonly hasLetters: boolean
  readonly hasRules: boolean
  /** The stages that nobody does the work of. */
  readonly missing: ReadonlyArray<string>
}) => (
  <section>
    <h2>What to do next</h2>
    <p>
      There are no orders yet, so there is nothing to count.{" "}
      {hasLetters && (
        <>
          Messages have come that could not be used: the <a href="/dead-letters">dead letters</a> say why.
        </>
      )}
    </p>
    <ol>
      <li>
        Fill Redis with guests and restaurants, unless the app's loader does:{" "}
        <code>npx metka references load FILE</code>
      </li>
      {!hasRules && (
        <li>
          Say which tags there are, now or later; without rules no guest gets one:{" "}
          <code>npx metka rules apply FILE</code>
        </li>
      )}
      {missing.length > 0 && (
        <li>
          Start what does not run: <code>{missing.map((stage) => `npm run ${stage}`).join(", ")}</code>
        </li>
      )}
      <li>
        Load the history: <code>npx metka load --wait FILE</code>. Orders that the app sends from now on come by
        themselves.
      </li>
    </ol>
  </section>
)

export const NextSteps = ({
  counts,
  isLoading,
  services
}: {
  readonly counts: Counts
  readonly isLoading: boolean
  readonly services: ReadonlyArray<RunningService>
}) => {
  const hasRules = counts.tags.length > 0
  if (isLoading || (counts.orders > 0 && hasRules)) return null
  if (counts.orders === 0) {
    return (
      <FirstSteps
        hasLetters={counts.deadLetters > 0}
        hasRules={hasRules}
        missing={stages.filter((stage) => !isServed(stage, services))}
      />
    )
  }
  return (
    <section>
      <h2>What to do next</h2>
      <p>
        There are no tag rules. Until there are, no guest gets a tag. <a href="/reach">What a rule would reach</a>
      </p>
      <RulesHint />
    </section>
  )
}
