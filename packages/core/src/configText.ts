/** Settings that are text to begin with, and how a wrong one is told. */
import { Config, ConfigProvider } from "effect"

/** Empty where it is not set. */
export const optional = (variable: string): Config.Config<string> =>
  Config.String(variable).pipe(Config.withDefault(""))

/** @param message names the variable, and says what it must be and what it is */
export const invalid = (message: string): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message }))
