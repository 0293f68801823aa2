import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"
import { missingFor } from "../src/tools.ts"
import { type Container, workloads } from "../src/workloads.ts"
import { builtOverlays } from "./builtOverlays.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")
const missing = isCi ? undefined : missingFor("overlays")

/** What the two containers call, in their place: a bucket is a folder. */
const programs = {
  pg_isready: `echo >> "$ASKED"; [ "$(wc -l < "$ASKED")" -gt "$REFUSALS" ]`,
  pg_dump: `eval "$PG_DUMP"`,
  mkfifo: `[ "$BROKEN" != mkfifo ] || exit 5; PATH=/usr/bin:/bin exec mkfifo "$@"`,
  df: `printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/vda1 64 1 1 %s%% /\\n' "$DISK"`,
  rclone: `
    [ "$1" != "$BROKEN" ] || exit 5
    at() { printf %s "$STORE/\${1#store:dumps/metka}"; }
    case $1 in
      rcat) cat > "$(at "$2")" ;;
      copyto) cp "$(at "$2")" "$(at "$3")" ;;
      delete)
        [ "$3 $4 $5 $6" = "--include unfinished-* --min-age 1d" ]
        find "$(at "$2")" -type f -name "$4" -mmin +1440 -delete ;;
      deletefile) rm "$(at "$2")" ;;
      lsf)
        [ "$3 $4 $6" = "--files-only --include --max-age" ]
        age=; [ "$7" = off ] || age="-mmin -$((\${7%h} * 60))"
        find "$(at "$2")" -type f -name "$5" $age | sed 's,.*/,,' ;;
      cleanup) [ "$2" = store:dumps/metka ] ;;
      copyurl) printf '%s|' "$@" ;;
      *) exit 9 ;;
    esac`
}

const day = 86_400_000

/** As at so many days ago. */
const nameOf = (days: number, suffix = ""): string =>
  `metka-${new Date(Date.now() - days * day).toISOString().slice(0, 16).replace(/:/, "")}${suffix}.dump`

describe("The nightly backup of budget", () => {
  const { all } = builtOverlays(missing)
  const pod = () => workloads(all("budget")).find(({ kind }) => kind === "CronJob")?.pod
  const container = (name: string): Container | undefined => pod()?.containers.find((each) => each.name === name)

  let folder: string
  let store: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "metka-backup-"))
    store = join(folder, "store")
    mkdirSync(store)
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(folder, name), `#!/bin/sh\nset -e\n${script}\n`, { mode: 0o755 })
    }
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const stored = () => readdirSync(store).toSorted()

  /** A dump that is in the bucket already. */
  const put = (name: string, days: number) => {
    writeFileSync(join(store, name), "before")
    const seconds = Date.now() / 1000 - days * 86_400
    utimesSync(join(store, name), seconds, seconds)
  }

  /** Both containers at once, as in one pod. */
  const night = async (env: Readonly<Record<string, string>> = {}) => {
    const dumps = mkdtempSync(join(folder, "dumps-"))
    const run = async (name: string) => {
      const [shell = "", ...args] = container(name)?.command ?? []
      const child = spawn(
        shell,
        args.map((arg) => arg.replaceAll("/dumps", dumps)),
        {
          stdio: ["ignore", "pipe", "pipe"],
          env: {
            PATH: `${folder}${delimiter}${process.env["PATH"]}`,
            PG_DUMP: "echo PGDMP all of it",
            DATABASE_URL: "postgres://metka@postgres/metka",
            BUCKET: "dumps",
            STORE: store,
            DISK: "40",
            ASKED: join(folder, "asked"),
            REFUSALS: "0",
            HOSTNAME: "backup-1",
            BROKEN: "",
            ...env
          }
        }
      )
      const [[code], stdout, stderr] = await Promise.all([once(child, "exit"), text(child.stdout), text(child.stderr)])
      return { code: code as number | null, stdout, stderr }
    }
    const [dump, upload] = await Promise.all([run("dump"), run("upload")])
    return { dump, upload }
  }

  it("gives a dump its name when all of it is in the bucket; no file of it is made on the machine", async () => {
    const { dump, upload } = await night()
    assert.deepStrictEqual([dump.code, upload.code], [0, 0], upload.stderr)
    const [name = "none", ...others] = stored()
    assert.isEmpty(others)
    assert.match(name, /^metka-\d{4}-\d\d-\d\dT\d{4}-weekly\.dump$/)
    assert.strictEqual(readFileSync(join(store, name), "utf8"), "PGDMP all of it\n")
    assert.deepStrictEqual(pod()?.volumes, [{ name: "dumps", emptyDir: { sizeLimit: "1Mi" } }])
  })

  it("has failed, and leaves the bucket as it was, when the dump breaks off, however it ends", async () => {
    for (let days = 1; days <= 12; days++) put(nameOf(days), days)
    const before = stored()
    for (const PG_DUMP of ["echo half of it; exit 1", "exit 1", "echo half of it; kill -9 $PPID; kill -9 $$"]) {
      const { dump, upload } = await night({ PG_DUMP, PING_URL: "https://watch.example.org" })
      assert.notStrictEqual(dump.code, 0)
      assert.deepInclude(upload, { code: 1, stdout: "" })
      assert.match(upload.stderr, /The dump broke off/)
      assert.deepStrictEqual(stored(), before)
    }
  })

  it("has failed, tells nobody and deletes none when the bucket does not do what it is asked", async () => {
    for (let days = 1; days <= 12; days++) put(nameOf(days), days)
    const before = stored()
    for (const BROKEN of ["rcat", "lsf", "copyto"]) {
      const { upload } = await night({ BROKEN, PING_URL: "https://watch.example.org" })
      assert.deepInclude(upload, { code: 5, stdout: "" }, BROKEN)
      assert.deepStrictEqual(
        stored().filter((name) => name !== "unfinished-backup-1"),
        before
      )
    }
  })

  it("tells nobody, but does not fail and make one dump after the other, when none can be deleted", async () => {
    for (const BROKEN of ["deletefile", "delete", "cleanup"]) {
      const { upload } = await night({ BROKEN, PING_URL: "https://watch.example.org" })
      assert.deepInclude(upload, { code: 0, stdout: "" }, BROKEN)
      assert.match(upload.stderr, /The dump is in the bucket, but nothing older could be deleted/)
    }
  })

  it("lets another job's unfinished dump alone, and deletes what one that was killed left", async () => {
    put("unfinished-backup-2", 0.1)
    put("unfinished-backup-3", 2)
    assert.strictEqual((await night()).upload.code, 0)
    assert.deepStrictEqual(
      stored().filter((name) => name.startsWith("unfinished")),
      ["unfinished-backup-2"]
    )
  })

  it("waits until PostgreSQL's network policy lets the pod in, and has failed when it never does", async () => {
    const PG_DUMP = `[ "$(wc -l < "$ASKED")" -eq 3 ] && echo PGDMP`
    const { dump, upload } = await night({ REFUSALS: "2", PG_DUMP })
    assert.deepStrictEqual([dump.code, upload.code], [0, 0], upload.stderr)
    const refused = await night({ REFUSALS: "99", TRIES: "1", PG_DUMP: "echo Connection refused >&2; exit 1" })
    assert.deepInclude(refused.dump, { code: 1, stderr: "Connection refused\n" })
    assert.match(refused.upload.stderr, /The dump broke off/)
  })

  it("has failed when no dump begins", async () => {
    const { upload } = await night({ PATIENCE: "1", BROKEN: "mkfifo" })
    assert.deepInclude(upload, { code: 1, stdout: "" })
    assert.match(upload.stderr, /No dump has begun/)
  })

  it("keeps the 7 newest, and the 4 newest of those that were the first of their week; others' files stay", async () => {
    put("notes.txt", 400)
    for (let days = 60; days >= 1; days--) put(nameOf(days, days % 7 === 3 ? "-weekly" : ""), days)
    const { upload } = await night()
    assert.strictEqual(upload.code, 0, upload.stderr)
    const names = stored()
    const isWeekly = (name: string) => name.endsWith("-weekly.dump")
    assert.deepStrictEqual(
      names.filter(isWeekly).map((name) => name.slice(0, 16)),
      [24, 17, 10, 3].map((days) => nameOf(days).slice(0, 16))
    )
    assert.deepStrictEqual(
      names.filter((name) => name.endsWith(".dump") && !isWeekly(name)).map((name) => name.slice(0, 16)),
      [7, 6, 5, 4, 2, 1, 0].map((days) => nameOf(days).slice(0, 16))
    )
    assert.include(names, "notes.txt")
    // As many as `npm run cost` counts, without the one that is being made.
    assert.lengthOf(names, 12)
  })

  it("keeps the last good dumps, however old they are, and begins a week when the last one is over", async () => {
    for (let days = 100; days <= 103; days++) put(nameOf(days), days)
    put(nameOf(104, "-weekly"), 104)
    assert.strictEqual((await night()).upload.code, 0)
    assert.lengthOf(stored(), 6)
    assert.lengthOf(
      stored().filter((name) => name.endsWith("-weekly.dump")),
      2
    )
  })

  it("tells whoever watches, last of all; where nobody does or hears, the dump has not failed", async () => {
    const PING_URL = "https://watch.example.org/a b"
    assert.deepInclude((await night()).upload, { code: 0, stdout: "", stderr: "" })
    assert.deepInclude((await night({ PING_URL })).upload, {
      code: 0,
      stdout: `copyurl|--stdout|${PING_URL}|`,
      stderr: ""
    })
    const unheard = await night({ PING_URL, BROKEN: "copyurl" })
    assert.strictEqual(unheard.upload.code, 0)
    assert.match(unheard.upload.stderr, /^The dump is in the bucket/)
  })

  it("tells nobody while the disk is nearly full, so that the alarm is raised", async () => {
    const { upload } = await night({ PING_URL: "https://watch.example.org", DISK: "86" })
    assert.deepInclude(upload, { code: 0, stdout: "" })
    assert.match(upload.stderr, /disk is 86 % full/)
  })
})
