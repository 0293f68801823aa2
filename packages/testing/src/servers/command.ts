/** Programs of this machine: finding them, and running one to its end. */
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import type { Guard } from "./Guard.ts"
import type { SystemUser } from "./SystemUser.ts"

/** The program could not be started or exited non-zero. `output` is the tail of what it wrote, both streams. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  command: Schema.String,
  output: Schema.String
}) {
  override get message(): string {
    return `${this.command}: ${this.output}`
  }
}

/** The last `lines` lines that are not blank. */
export const tail = (text: string, lines: number): string =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-lines)
    .join("\n")

export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The full path of a program on PATH. */
export const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable)

/** Runs a program to its end and gives what it wrote, both streams. Killed, and gone, if interrupted. */
export const run = (
  executable: string,
  args: ReadonlyArray<string>,
  options: {
    readonly cwd?: string
    readonly user?: SystemUser | undefined
    readonly env?: Readonly<Record<string, string>>
    /** What it reads on its standard input. */
    readonly input?: string
    /** Ends the program if we are killed meanwhile, before it removes the folder the program writes to. */
    readonly guard?: Guard
  } = {}
): Effect.Effect<string, CommandFailed> =>
  Effect.callback((resume) => {
    const child = execFile(
      executable,
      args,
      {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...options.user,
        env: { ...process.env, ...options.env },
        maxBuffer: 16 * 1024 * 1024
      },
      (error, stdout, stderr) => {
        options.guard?.watch(undefined)
        const output = stdout + stderr
        resume(
          error === null
            ? Effect.succeed(output)
            : Effect.fail(new CommandFailed({ command: executable, output: tail(output, 20) || error.message }))
        )
      }
    )
    // A program that ends before it has read all says by its exit code what was wrong.
    child.stdin?.on("error", () => {}).end(options.input)
    options.guard?.watch(child.pid)
    return Effect.callback<void>((gone) => {
      child.once("close", () => gone(Effect.void))
      child.kill("SIGKILL")
    })
  })
