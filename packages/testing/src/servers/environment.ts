/** Servers that the environment names, with the variables the services themselves read. */
import { Config, Effect, Option } from "effect"

/** The variable's value; an empty one is as good as none. */
export const fromEnvironment = (variable: string): Effect.Effect<Option.Option<string>> =>
  Config.String(variable).pipe(Config.option, Effect.orDie, Effect.map(Option.filter((value) => value !== "")))
