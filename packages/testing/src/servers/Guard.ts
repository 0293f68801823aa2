/**
 * A temporary folder, and the process working in it, that do not outlive us. Scopes close when we end in good order;
 * after a SIGKILL or a crash nothing of ours runs any more, so a small shell waits at the end of a pipe: when the
 * pipe breaks, it ends the process and removes the folder.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { chown, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SystemUser } from "./SystemUser.ts"

const script = `
pid=
while read -r word; do
  case "$word" in
    done) exit 0 ;;
    none) pid= ;;
    *) pid=$word ;;
  esac
done
if [ -n "$pid" ]; then
  kill -s "$1" "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -s KILL "$pid" 2>/dev/null
fi
# A child of the process may write for a moment longer.
rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }
`

export interface Guard {
  readonly folder: string
  /** Tells which process to end, `undefined` when there is none at the moment. */
  readonly watch: (pid: number | undefined) => void
}

/** `signal` ends the process in the quickest way that leaves nothing behind, without SIG: `KILL`, `QUIT`. */
export const makeGuard = (options: {
  readonly prefix: string
  readonly signal: string
  readonly owner?: SystemUser | undefined
}): Effect.Effect<Guard, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = await mkdtemp(join(tmpdir(), `metka-${options.prefix}-`))
      if (options.owner !== undefined) await chown(folder, options.owner.uid, options.owner.gid)
      // A session of its own: Ctrl-C in the terminal is for us, not for the guard.
      const shell = spawn("/bin/sh", ["-c", script, "guard", options.signal, folder], {
        stdio: ["pipe", "ignore", "ignore"],
        detached: true
      })
      shell.stdin.on("error", () => {})
      shell.unref()
      return { folder, watch: (pid: number | undefined) => void shell.stdin.write(`${pid ?? "none"}\n`), shell }
    }),
    ({ folder, shell }) =>
      Effect.promise(async () => {
        await rm(folder, { recursive: true, force: true, maxRetries: 5 })
        shell.stdin.end("done\n")
      })
  )
