/** A progress bar for a person who waits: how much is done, how fast, and how long it will take still. */
import { Duration, Effect } from "effect"
import cliProgress from "cli-progress"

export interface Progress {
  /** Sets how much is done, and what is going on. */
  readonly update: (done: number, note?: string) => Effect.Effect<void>
}

const remaining = (milliseconds: number): string =>
  Number.isFinite(milliseconds) ? Duration.format(Duration.seconds(Math.ceil(milliseconds / 1_000))) : "…"

/** Where the output is no terminal, a line is written at every tenth instead of a bar that is redrawn. */
const lines = (label: string, total: number, unit: string, startedAt: number): Progress => {
  let tenths = -1
  return {
    update: (done, note = "") =>
      Effect.sync(() => {
        const now = total === 0 ? 10 : Math.floor((done / total) * 10)
        if (now <= tenths) return
        tenths = now
        const seconds = (Date.now() - startedAt) / 1_000
        const rate = seconds < 0.5 ? "" : `, ${Math.round(done / seconds)}/s`
        process.stderr.write(`${`${label}: ${done}/${total} ${unit}${rate} ${note}`.trimEnd()}\n`)
      })
  }
}

const bar = (
  label: string,
  total: number,
  unit: string,
  startedAt: number
): Progress & { readonly stop: () => void } => {
  const drawn = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% │ {value}/{total} ${unit} │ {rate}/s │ {left} left {note}`,
      barsize: 28,
      hideCursor: true,
      clearOnComplete: false,
      fps: 5
    },
    cliProgress.Presets.shades_classic
  )
  drawn.start(total, 0, { rate: 0, left: "…", note: "" })
  return {
    update: (done, note = "") =>
      Effect.sync(() => {
        const elapsed = Math.max(Date.now() - startedAt, 1)
        drawn.update(done, {
          rate: Math.round((done / elapsed) * 1_000),
          left: remaining((elapsed / done) * (total - done)),
          note
        })
      }),
    stop: () => drawn.stop()
  }
}

/** Draws while `use` runs; standard output stays free for results. */
export const withProgress = <A, E, R>(
  options: { readonly label: string; readonly total: number; readonly unit: string },
  use: (progress: Progress) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const startedAt = Date.now()
    if (!process.stderr.isTTY) return use(lines(options.label, options.total, options.unit, startedAt))
    const drawn = bar(options.label, options.total, options.unit, startedAt)
    return use(drawn).pipe(Effect.ensuring(Effect.sync(drawn.stop)))
  })
