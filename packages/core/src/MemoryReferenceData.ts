/** The reference port inside the process: documents that live as long as the layer. */
import { Effect, Layer } from "effect"
import { makeFind, ReferenceData } from "./ReferenceData.ts"

export const layer: Layer.Layer<ReferenceData> = Layer.effect(
  ReferenceData,
  Effect.sync(() => {
    const documents = new Map<string, string>()
    return ReferenceData.of({
      find: makeFind((ids) => Effect.sync(() => ids.map((id) => documents.get(id) ?? null))),
      load: (loaded) =>
        Effect.sync(() => {
          for (const { id, json } of loaded) documents.set(id, json)
        }),
      ping: Effect.void
    })
  })
)
