/** The system user a server runs as, where it refuses to run as root. */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"

/** Numeric, as the kernel wants them. */
export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

const find = (passwd: string, name: string): SystemUser | undefined => {
  const [, , uid, gid] =
    passwd
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":") ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** `undefined` when this process is not root and a server may run as who we are; else `postgres`, or `nobody`. */
export const unprivilegedUser: Effect.Effect<SystemUser | undefined> = Effect.gen(function* () {
  if (process.getuid?.() !== 0) return undefined
  const passwd = yield* Effect.promise(() => readFile("/etc/passwd", "utf8"))
  return find(passwd, "postgres") ?? find(passwd, "nobody") ?? { uid: 65534, gid: 65534 }
})
