/** Settings that are text to begin with, and how a wrong one is told. */
import { Config, ConfigProvider, Effect } from "effect"

/** Empty where it is not set. */
export const optional = (variable: string): Config.Config<string> =>
  Config.String(variable).pipe(Config.withDefault(""))

/** @param message names the variable, and says what it must be and what it is */
export const invalid = (message: string): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message }))

/** Blank counts as not set: a template whose variable was empty leaves that. */
export const required = (variable: string): Config.Config<string> =>
  optional(variable).pipe(
    Config.mapEffect((text) =>
      text.trim() === ""
        ? Effect.fail(invalid(`${variable} is not set: set it in the environment (.env.example says what it means)`))
        : Effect.succeed(text)
    )
  )
