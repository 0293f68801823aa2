/** The licences of the packages whose code is in the bundles, as they ask to be passed on. */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"

interface Package {
  readonly name: string
  readonly version: string
  readonly license?: string
}

const packageFolder = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//

const licenceFile = /^(licen[cs]e|copying|notice)/i

const describe = async (folder: string): Promise<string> => {
  const {
    name,
    version,
    license = "see below"
  }: Package = JSON.parse(await readFile(join(folder, "package.json"), "utf8"))
  const files = (await readdir(folder)).filter((file) => licenceFile.test(file)).toSorted()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join("\n\n")
}

const ruler = `\n\n${"-".repeat(80)}\n\n`

export const thirdPartyLicenses = async (modules: ReadonlyArray<string>): Promise<string> => {
  const folders = new Set(modules.flatMap((module) => packageFolder.exec(module)?.[1] ?? []))
  const sections = await Promise.all([...folders].toSorted().map(describe))
  return `The bundles contain code of these packages.${ruler}${sections.join(ruler)}\n`
}
