/**
 * What `/openapi.json` says of a query's parameters. HttpApi describes each as the text that travels, so a number looks
 * like any text; who makes a client needs to know that it is one, with its limits and what it is unless given.
 */
import { type JsonSchema, Schema } from "effect"

interface Parameter {
  readonly name: string
  readonly schema: JsonSchema.JsonSchema
}

/** For `OpenApi.Transform` of the endpoint that takes the query. */
export const describeQuery = (query: Schema.Constraint) => {
  const meant = Schema.toJsonSchemaDocument(Schema.toType(query)).schema.properties as Readonly<
    Record<string, JsonSchema.JsonSchema>
  >
  const described = ({ schema, ...parameter }: Parameter) => {
    const number = meant[parameter.name]
    const { description, ...rest } = number?.type === "integer" ? number : schema
    return { ...parameter, description, schema: rest }
  }
  return (operation: Record<string, unknown>) => ({
    ...operation,
    parameters: (operation.parameters as ReadonlyArray<Parameter>).map(described)
  })
}
