import { assert, beforeAll, describe, it } from "@effect/vitest"
import { metkaMain, repository, runProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  constants,
  copyFileSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { SourceMap } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const dist = join(repository, "dist")

/** The user `nobody` of every Linux. Who is not root cannot become it, and has no need to. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** The port of a server that takes a command and ends the connection. */
const hangingUp = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((socket) => socket.on("error", () => {}).once("data", () => socket.end()))
      await once(server.listen(0, "127.0.0.1"), "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => {
    const address = server.address()
    assert(typeof address === "object" && address !== null)
    return address.port
  }
)

/** The modules that a bundle holds, with what it loads on demand when `onDemand` says so. */
const modulesOf = (files: string): ReadonlyArray<string> =>
  globSync(files, { cwd: dist }).flatMap((file) => {
    const { sources }: { readonly sources: ReadonlyArray<string> } = JSON.parse(readFileSync(join(dist, file), "utf8"))
    return sources
  })

const packagesOf = (files: string): ReadonlySet<string> =>
  new Set(modulesOf(files).flatMap((module) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1] ?? []))

describe("A bundle in a folder of its own", () => {
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "metka-dist-"))
    copyFileSync(process.execPath, join(folder, "node"), constants.COPYFILE_FICLONE)
    return () => rmSync(folder, { recursive: true, force: true })
  })

  /** Runs `files` of dist/ alone, read-only, as nobody, and without anything of this repository in reach. */
  const run = (
    files: RegExp,
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string>> = {},
    change: (own: string) => void = () => {}
  ) => {
    const own = mkdtempSync(join(folder, "run-"))
    for (const file of readdirSync(dist).filter((name) => files.test(name)))
      copyFileSync(join(dist, file), join(own, file), constants.COPYFILE_FICLONE)
    change(own)
    for (const path of [folder, own]) chmodSync(path, 0o555)
    const { status, stdout, stderr } = spawnSync(join(folder, "node"), args, {
      cwd: own,
      env,
      encoding: "utf8",
      ...unprivileged
    })
    chmodSync(folder, 0o755)
    return { status, stdout, stderr }
  }

  for (const service of ["stg", "dds", "cdm"]) {
    it(`${service}.mjs alone starts, and says which variable it lacks`, () => {
      const { status, stderr } = run(new RegExp(`^${service}\\.mjs$`), [`${service}.mjs`])
      assert.match(stderr, /^metka \w+: [A-Z_]+ is not set: .*\n$/)
      assert.strictEqual(status, 1)
    })
  }

  for (const program of ["stg", "dds", "cdm", "metka"]) {
    it(`${program}.mjs does not load undici, as an import of node:http would`, () => {
      const tell = `process.once("exit", () => console.log(process.moduleLoadList.join("\\n")))`
      const preload = `--import=data:text/javascript,${encodeURIComponent(tell)}`
      const { stdout } = run(new RegExp(`^${program}\\.mjs$`), [preload, `${program}.mjs`])
      assert.match(stdout, /^NativeModule http$/m)
      assert.notInclude(stdout, "undici")
    })
  }

  for (const variable of ["KAFKA_BROKERS", "REDIS_URL", "DATABASE_URL"]) {
    it(`stg.mjs alone says that ${variable} is not set where something left it empty or blank`, () => {
      const servers = {
        KAFKA_BROKERS: "127.0.0.1:1",
        REDIS_URL: "redis://127.0.0.1:1",
        DATABASE_URL: "postgres://metka@127.0.0.1:1/metka",
        HTTP_PORT: "0"
      }
      for (const nothing of ["", " "]) {
        const { status, stderr } = run(/^stg\.mjs$/, ["stg.mjs"], { ...servers, [variable]: nothing })
        assert.match(stderr, new RegExp(`^metka stg: ${variable} is not set: set it .*\n$`))
        assert.strictEqual(status, 1)
      }
    })
  }

  it("a bundle refuses what the source refuses: a call that only throws was taken for one without effect", () => {
    const { status, stderr } = run(/^dds\.mjs$/, ["dds.mjs"], {
      KAFKA_BROKERS: "127.0.0.1:1",
      DATABASE_URL: "postgres://metka:50%@127.0.0.1:1/metka"
    })
    assert.match(stderr, /^metka dds: DATABASE_URL cannot be used: a % .* is written %25\n$/)
    assert.strictEqual(status, 1)
  })

  it("metka.mjs alone knows its commands and its version", () => {
    const { version }: { readonly version: string } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"))
    const help = run(/^metka\.mjs$/, ["metka.mjs", "--help"])
    assert.match(help.stdout, /\bmigrate\b[^]*\brules\b/)
    assert.include(run(/^metka\.mjs$/, ["metka.mjs", "--version"]).stdout, version)
  })

  it("the whole folder runs the embedded system, PGlite's files included", { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = run(/./, ["metka.mjs", "start", "--once", "--orders", "50"], { HTTP_PORT: "0" })
    assert.strictEqual(status, 0, stderr)
    assert.match(stdout, /50 orders/)
  })

  it("the embedded system says in one line that it may not write in its data directory", () => {
    for (const directory of [".", "not/there/yet"]) {
      const { status, stderr } = run(/./, ["metka.mjs", "start", "--once", "--data", directory], { HTTP_PORT: "0" })
      assert.match(stderr, /^metka: The data directory .* cannot be used: .*permission denied.*\. Give a folder .*\n$/)
      assert.strictEqual(status, 1)
    }
  })

  it("the embedded system ends, and says why, when its database is lost", { timeout: 60_000 }, () => {
    // After the migrations, before the last order.
    const endsLater = `import { parentPort as asked } from "node:worker_threads"
let left = 400
asked.on("message", () => --left === 0 && process.exit(7))
`
    const { status, stderr } = run(
      /./,
      ["metka.mjs", "start", "--once", "--orders", "30000"],
      { HTTP_PORT: "0" },
      (own) => {
        const thread = join(own, "PgliteThread.mjs")
        writeFileSync(thread, endsLater + readFileSync(thread, "utf8"))
      }
    )
    assert.match(stderr, /^metka: The embedded PostgreSQL is gone: .*\n$/m)
    assert.strictEqual(status, 1)
  })
})

describe("A bundle, whose classes have lost their names", () => {
  it.live("says of a connection to Redis that is lost that it was lost, and not what ioredis says of retries", () =>
    Effect.gen(function* () {
      const port = yield* hangingUp
      const folder = yield* temporaryFolder
      const file = join(folder, "references.jsonl")
      writeFileSync(file, `{"_id":"guest","name":"Котова","login":"kotova","update_ts_utc":"2022-11-19 16:06:36"}\n`)
      const { code, stderr } = yield* runProcess([metkaMain, "references", "load", file], {
        REDIS_URL: `redis://127.0.0.1:${port}`
      })
      assert.match(stderr, /^metka: .*Redis at 127\.0\.0\.1:\d+: the connection was lost/m)
      assert.strictEqual(code, 1)
    })
  )
})

describe("What is in the bundles", () => {
  for (const service of ["stg", "dds", "cdm"]) {
    it(`${service}: neither the embedded database nor what only the command line uses`, () => {
      const packages = packagesOf(`${service}*.mjs.map`)
      assert.include([...packages], "kafkajs")
      for (const unwanted of ["@electric-sql/pglite", "yaml", "cli-progress"])
        assert.notInclude([...packages], unwanted)
      assert.isEmpty(modulesOf(`${service}*.mjs.map`).filter((module) => module.includes("packages/cli/")))
    })
  }

  it("metka has the embedded database in a thread's bundle of its own", () => {
    assert.notInclude([...packagesOf("metka*.mjs.map")], "@electric-sql/pglite")
    assert.include([...packagesOf("PgliteThread.mjs.map")], "@electric-sql/pglite")
  })

  it("every package is named with its licence", () => {
    const licences = readFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), "utf8")
    for (const name of packagesOf("*.mjs.map")) {
      assert.match(licences, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\([^)]+\\)$`, "m"))
    }
  })

  it("leads from a place in it to the line of the source", () => {
    const text = "is not set: set it in the environment"
    const lines = readFileSync(join(dist, "stg.mjs"), "utf8").split("\n")
    const line = lines.findIndex((code) => code.includes(text))
    const map = new SourceMap(JSON.parse(readFileSync(join(dist, "stg.mjs.map"), "utf8")))
    const found = map.findEntry(line, lines[line]?.indexOf(text) ?? 0)
    assert("originalSource" in found)
    assert.match(found.originalSource, /packages\/core\/src\/configText\.ts$/)
    const source = readFileSync(join(dist, found.originalSource), "utf8").split("\n")
    assert.include(source[found.originalLine], text)
  })
})
