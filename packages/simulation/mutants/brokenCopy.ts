/** A copy of the source in a temporary folder, in which guards can be broken. */
import { Effect, Schema } from "effect"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Edit, Guard } from "./guards.ts"

export class GuardNotFound extends Schema.TaggedError<GuardNotFound>()("GuardNotFound", { message: Schema.String }) {}

const repository = join(import.meta.dirname, "../../..")
const packages = ["audit", "cdm", "cli", "core", "dds", "simulation", "stg", "testing"]

/** Every module of the repository but its own packages, which are copied. */
const linkModules = (copy: string): void => {
  const modules = join(repository, "node_modules")
  mkdirSync(join(copy, "node_modules/@metka"), { recursive: true })
  for (const name of readdirSync(modules)) {
    if (name !== "@metka") symlinkSync(join(modules, name), join(copy, "node_modules", name))
  }
  for (const name of packages) symlinkSync(join(copy, "packages", name), join(copy, "node_modules/@metka", name))
}

/** Lives as long as the scope. */
export const sourceCopy = Effect.acquireRelease(
  Effect.sync(() => {
    const copy = mkdtempSync(join(tmpdir(), "metka-mutants-"))
    for (const name of packages) {
      cpSync(join(repository, "packages", name), join(copy, "packages", name), { recursive: true })
    }
    cpSync(join(repository, "package.json"), join(copy, "package.json"))
    linkModules(copy)
    return copy
  }),
  (copy) => Effect.sync(() => rmSync(copy, { recursive: true, force: true }))
)

const apply = (text: string, { file, find, replace }: Edit): Effect.Effect<string, GuardNotFound> => {
  const found = text.split(find).length - 1
  return found === 1
    ? Effect.succeed(text.replace(find, () => replace))
    : Effect.fail(
        new GuardNotFound({
          message: `packages/${file} has this ${found} times, not once; bring packages/simulation/mutants/guards.ts up to date:\n${find}`
        })
      )
}

/** The texts of the files that a guard is in, by path under `packages`, with the guard broken. */
export const brokenFiles = Effect.fnUntraced(function* ({ edits }: Guard) {
  const texts = new Map<string, string>()
  for (const edit of edits) {
    const text = texts.get(edit.file) ?? readFileSync(join(repository, "packages", edit.file), "utf8")
    texts.set(edit.file, yield* apply(text, edit))
  }
  return texts
})

/** Runs `use` while the guard is broken in the copy. */
export const withBroken = <A, E, R>(copy: string, guard: Guard, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const broken = yield* brokenFiles(guard)
    const write = (pathOf: (file: string) => string) =>
      Effect.sync(() => {
        for (const file of broken.keys()) writeFileSync(join(copy, "packages", file), pathOf(file))
      })
    yield* write((file) => broken.get(file) ?? "")
    return yield* Effect.ensuring(
      use,
      write((file) => readFileSync(join(repository, "packages", file), "utf8"))
    )
  })
