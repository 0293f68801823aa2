/** A progress bar for a person who waits: how much is done, how fast, and how long it will take still. */
import { Clock, Duration, Effect } from "effect"
import cliProgress from "cli-progress"

export interface Progress {
  /** Sets how much is done, and what is going on. */
  readonly update: (done: number, note?: string) => Effect.Effect<void>
}

const remaining = (milliseconds: number): string =>
  Number.isFinite(milliseconds) ? Duration.format(Duration.seconds(Math.ceil(milliseconds / 1_000))) : "…"

interface Task {
  readonly label: string
  /** `undefined` where nobody can tell. */
  readonly total: number | undefined
  readonly unit: string
}

/** A rate and the time left say nothing where the parts of the whole are not alike: the time that has passed does. */
const isShare = ({ unit }: Task): boolean => unit === "%"

/** How often a line is written of a task whose tenths are not known. */
const lineEveryMillis = 5_000

/** How long a share may stand still, or nearly, until a line says that the task is under way. */
const longestSilenceMillis = 30_000

/** Where the output is no terminal, a line is written at every tenth instead of a bar that is redrawn. */
const lines = (task: Task, startedAt: number): Progress & { readonly breakSilence: Effect.Effect<never> } => {
  const { label, total, unit } = task
  let shown = total === undefined ? 0 : -1
  let latest = { done: 0, note: "" }
  let writtenAt = startedAt
  const writeShare = (now: number) => {
    writtenAt = now
    const { done, note } = latest
    const what = note === "" ? "" : `, ${note}`
    process.stderr.write(`${label}: ${done} %, ${Math.round((now - startedAt) / 1_000)} s${what}\n`)
  }
  return {
    breakSilence: Effect.forever(
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (now - writtenAt >= longestSilenceMillis) writeShare(now)
        return Effect.sleep(writtenAt + longestSilenceMillis - now)
      })
    ),
    update: (done, note = "") =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const elapsed = now - startedAt
        latest = { done, note }
        const part = total === undefined ? elapsed / lineEveryMillis : total === 0 ? 10 : (done / total) * 10
        if (Math.floor(part) <= shown) return
        shown = Math.floor(part)
        if (isShare(task)) {
          writeShare(now)
          return
        }
        const rate = elapsed < 500 ? "" : `, ${Math.round((done / elapsed) * 1_000)}/s`
        const count = total === undefined ? done : `${done}/${total}`
        process.stderr.write(`${`${label}: ${count} ${unit}${rate} ${note}`.trimEnd()}\n`)
      })
  }
}

const barFormat = (task: Task): string => {
  const { label, total, unit } = task
  if (isShare(task)) return `${label} {bar} {percentage}% │ {duration_formatted} │ {note}`
  return total === undefined
    ? `${label} {value} ${unit} │ {rate}/s {note}`
    : `${label} {bar} {percentage}% │ {value}/{total} ${unit} │ {rate}/s │ {left} left {note}`
}

const bar = (task: Task, startedAt: number): Progress & { readonly stop: () => void } => {
  const { total } = task
  const drawn = new cliProgress.SingleBar(
    {
      format: barFormat(task),
      barsize: 28,
      hideCursor: true,
      clearOnComplete: false,
      fps: 5
    },
    cliProgress.Presets.shades_classic
  )
  drawn.start(total ?? Infinity, 0, { rate: 0, left: "…", note: "" })
  return {
    update: (done, note = "") =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const elapsed = Math.max(now - startedAt, 1)
        drawn.update(done, {
          rate: Math.round((done / elapsed) * 1_000),
          left: remaining((elapsed / done) * ((total ?? Infinity) - done)),
          note
        })
      }),
    stop: () => drawn.stop()
  }
}

/** Draws while `use` runs; standard output stays free for results. */
export const withProgress = <A, E, R>(
  task: Task,
  use: (progress: Progress) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (startedAt) => {
    if (!process.stderr.isTTY) {
      const written = lines(task, startedAt)
      return isShare(task) ? Effect.raceFirst(use(written), written.breakSilence) : use(written)
    }
    const drawn = bar(task, startedAt)
    return use(drawn).pipe(Effect.ensuring(Effect.sync(drawn.stop)))
  })
