/** Manifests against the schemas of Kubernetes and of the custom resources, unknown fields refused. */
import { Ajv, type ValidateFunction } from "ajv"
import { readFileSync } from "node:fs"
import { parseAllDocuments } from "yaml"
import type { Manifest } from "./manifests.ts"
import { customResourceFiles, openApiFile } from "./tools.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

interface JsonObject {
  readonly [key: string]: Json
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const integerOrString = { anyOf: [{ type: "integer" }, { type: "string" }] }

/** Go's way to say that case does not matter, in the words of JavaScript. */
const pattern = (expression: string): string => expression.replace(/\(\?i\)(.*)$/, "(?i:$1)")

/** As the API server reads a schema: some of what it means is said in words that JSON Schema does not have. */
const closed = (schema: Json): Json => {
  if (Array.isArray(schema)) return schema.map(closed)
  if (!isObject(schema)) return schema
  if (schema["x-kubernetes-int-or-string"] === true || schema["format"] === "int-or-string") return integerOrString
  const open =
    schema["x-kubernetes-preserve-unknown-fields"] === true ||
    schema["additionalProperties"] !== undefined ||
    !isObject(schema["properties"])
  return {
    ...Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [
        key,
        // A field may be called as a word of JSON Schema is.
        key === "properties" && isObject(value)
          ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, closed(field)]))
          : key === "pattern" && typeof value === "string"
            ? pattern(value)
            : closed(value)
      ])
    ),
    ...(open ? {} : { additionalProperties: false })
  }
}

/** A quantity is written `1` as well as `500m`. */
const quantity = { anyOf: [{ type: "string" }, { type: "number" }] }

const keyOf = (apiVersion: string, kind: string): string => `${apiVersion}/${kind}`

interface OpenApi {
  readonly definitions: Readonly<
    Record<
      string,
      JsonObject & {
        readonly "x-kubernetes-group-version-kind"?: ReadonlyArray<{
          readonly group: string
          readonly version: string
          readonly kind: string
        }>
      }
    >
  >
}

const builtIn = (): ReadonlyMap<string, string> => {
  const { definitions }: OpenApi = JSON.parse(readFileSync(openApiFile(), "utf8"))
  ajv.addSchema({
    $id: "kubernetes",
    definitions: {
      ...Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, closed(schema)])),
      "io.k8s.apimachinery.pkg.api.resource.Quantity": quantity
    }
  })
  return new Map(
    Object.entries(definitions).flatMap(([name, schema]) =>
      (schema["x-kubernetes-group-version-kind"] ?? []).map(
        ({ group, kind, version }) =>
          [keyOf(group === "" ? version : `${group}/${version}`, kind), `kubernetes#/definitions/${name}`] as const
      )
    )
  )
}

interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: ReadonlyArray<{
      readonly name: string
      readonly schema: { readonly openAPIV3Schema: JsonObject }
    }>
  }
}

const custom = (): ReadonlyMap<string, string> => {
  const ids = new Map<string, string>()
  for (const file of customResourceFiles()) {
    for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
      const { spec }: Definition = document.toJS()
      for (const { name, schema } of spec.versions) {
        const key = keyOf(`${spec.group}/${name}`, spec.names.kind)
        const { properties } = schema.openAPIV3Schema
        const whole = {
          ...schema.openAPIV3Schema,
          properties: {
            ...(isObject(properties) ? properties : {}),
            apiVersion: { type: "string" },
            kind: { type: "string" },
            metadata: { type: "object" }
          }
        }
        const body = closed(whole)
        if (isObject(body)) ajv.addSchema({ ...body, $id: key })
        ids.set(key, key)
      }
    }
  }
  return ids
}

// Formats, and the words that start with x-kubernetes, are notes to it.
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })

/** Reads the schemas, which takes a second, and gives what checks a manifest: a line for each thing that is wrong. */
export const makeValidate = (): ((manifest: Manifest) => ReadonlyArray<string>) => {
  const ids = new Map([...builtIn(), ...custom()])
  return (manifest) => {
    const key = keyOf(manifest.apiVersion, manifest.kind)
    const id = ids.get(key)
    const validate: ValidateFunction | undefined = id === undefined ? undefined : ajv.getSchema(id)
    if (validate === undefined) return [`${key}: no such kind`]
    validate(manifest)
    return (validate.errors ?? []).map(
      ({ instancePath, message = "", params }) =>
        `${manifest.kind} ${manifest.metadata.name}${instancePath}: ${message} ${JSON.stringify(params)}`
    )
  }
}
