import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import dockerignore from "@balena/dockerignore"
import { execFile } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { promisify } from "node:util"
import { entries, repository } from "../paths.ts"

// Among the tests on real servers, though it needs none: it takes both cores for as long as a build.

/** What `COPY . .` brings into the image. */
const copyContext = (to: string): void => {
  const ignored = dockerignore.default().add(readFileSync(join(repository, ".dockerignore"), "utf8"))
  cpSync(repository, to, {
    recursive: true,
    filter: (source) => {
      const path = relative(repository, source)
      return path === "" || !ignored.ignores(path)
    }
  })
}

/** As `npm ci` would install there: the workspaces are those of the copy. */
const linkModules = (context: string): void => {
  const [installed, modules] = [join(repository, "node_modules"), join(context, "node_modules")]
  mkdirSync(join(modules, "@metka"), { recursive: true })
  for (const name of readdirSync(installed)) {
    if (!name.startsWith(".") && name !== "@metka") symlinkSync(join(installed, name), join(modules, name))
  }
  for (const name of readdirSync(join(context, "packages"))) {
    symlinkSync(join(context, "packages", name), join(modules, "@metka", name))
  }
}

describe("What .dockerignore leaves for an image", () => {
  let context: string
  beforeEach(() => {
    context = mkdtempSync(join(tmpdir(), "metka-context-"))
  })
  afterEach(() => rmSync(context, { recursive: true }))

  it("builds every program, and holds no test and nothing that was installed or built", async () => {
    copyContext(context)
    assert.deepStrictEqual(
      readdirSync(context, { recursive: true, encoding: "utf8" }).filter((path) =>
        /(^|\/)(test|node_modules|dist|\.git|\.env)$/.test(path)
      ),
      []
    )
    linkModules(context)
    await promisify(execFile)(process.execPath, [join(context, "build/build.ts")], { cwd: context })
    for (const name of Object.keys(entries)) assert.isTrue(existsSync(join(context, "dist", `${name}.mjs`)), name)
  }, 180_000)
})
