/**
 * Work on a batch, cut into turns with a pause between them. It is done while the batch before is written, and PostgreSQL
 * is not to wait for it. A turn is some tens of records, or one step that is quick for all of them.
 */
import { Effect } from "effect"

/** So many records make a turn, where each is worked on for long. */
const recordsInTurn = 50

/** Works on one record after the other. */
export const eachInTurns = Effect.fnUntraced(function* <A>(batch: ReadonlyArray<A>, work: (record: A) => void) {
  let done = 0
  for (const record of batch) {
    if (done % recordsInTurn === recordsInTurn - 1) yield* Effect.yieldNow
    work(record)
    done += 1
  }
})

/** Ends a turn, unless the batch is so small that it is none. */
export const pauseIn = (batch: { readonly length: number }): Effect.Effect<void> =>
  batch.length < recordsInTurn ? Effect.void : Effect.yieldNow

type Made<Makers> = { readonly [Name in keyof Makers]: Makers[Name] extends () => infer Value ? Value : never }

/** Makes what a batch needs, each in a turn of its own. */
export const makeInTurns = <Makers extends Readonly<Record<string, () => unknown>>>(
  batch: { readonly length: number },
  makers: Makers
): Effect.Effect<Made<Makers>> =>
  Effect.gen(function* () {
    const made: Record<string, unknown> = {}
    for (const [name, make] of Object.entries(makers)) {
      made[name] = make()
      yield* pauseIn(batch)
    }
    return made as Made<Makers>
  })
