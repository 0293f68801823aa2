/** Settings of OpenTelemetry that are a list of pairs: `name=value,name=value`, percent-encoded. */
import { Config, Effect, Result } from "effect"
import { invalid, optional } from "./configText.ts"

type Pair = readonly [name: string, value: string]

const decodePair = (text: string): Result.Result<Pair, string> => {
  const separator = text.indexOf("=")
  const name = text.slice(0, separator).trim()
  if (separator === -1 || name === "") return Result.fail("has no name or no =")
  return Result.try({
    try: () => [decodeURIComponent(name), decodeURIComponent(text.slice(separator + 1).trim())],
    catch: () => "has a % that encodes nothing (a % itself is written %25)"
  })
}

/**
 * The last pair of a name counts. What is wrong is told by its place, not quoted: the value may be a secret.
 *
 * @param problemOf says what is wrong with a pair, as in "has no name", where something is
 */
export const pairs = (
  variable: string,
  problemOf: (pair: Pair) => string | undefined = () => undefined
): Config.Config<Readonly<Record<string, string>>> =>
  optional(variable).pipe(
    Config.mapEffect((text) => {
      const found: Array<Pair> = []
      for (const [index, part] of text.split(",").entries()) {
        // A comma at the end is what a loop in a template leaves.
        if (part.trim() === "") continue
        const pair = decodePair(part)
        const problem = Result.isFailure(pair) ? pair.failure : problemOf(pair.success)
        if (problem !== undefined) {
          return Effect.fail(
            invalid(
              `${variable} must be name=value,name=value with percent-encoded values, but pair ${index + 1} ${problem}`
            )
          )
        }
        if (Result.isSuccess(pair)) found.push(pair.success)
      }
      return Effect.succeed(Object.fromEntries(found))
    })
  )
