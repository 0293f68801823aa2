/**
 * What one poison record in a hundred costs: slices of one week, each sent at once and taken in, in turn with poison
 * and without.
 */
import { demoRules } from "@metka/cli/demo/demoRules"
import { type DemoWeek, demoWeek } from "@metka/cli/demo/demoWeek"
import { sundayEvening } from "@metka/cli/demo/rhythm"
import { send } from "@metka/testing/againstOracle"
import { brokenKinds, brokenMessage, wholeMessage } from "@metka/testing/messyStream/brokenMessages"
import type { OutgoingMessage } from "@metka/testing/messyStream/messyStream"
import { lags } from "@metka/testing/settled"
import { Clock, Effect, Option, Schedule } from "effect"
import { median } from "../bench/statistics.ts"
import { cpuSeconds } from "../bench/processUsage.ts"
import { divergences } from "./judge.ts"
import { type Source, startSystem, type System } from "./system.ts"

export interface PoisonOptions {
  readonly seed: number
  /** Pairs of slices, one of each sort. */
  readonly rounds: number
  /** In a slice, poison aside. */
  readonly messages: number
  readonly progress: (done: number, note: string) => Effect.Effect<void>
}

/** What the same number of good messages took. */
interface Cost {
  readonly seconds: number
  /** Of the services and the servers together: what the throughput of a busy machine comes down to. */
  readonly cpuSeconds: number
}

export interface Pair {
  readonly clean: Cost
  readonly poisoned: Cost
}

const oneIn = 100
/** The first slices find empty caches and code that was never run. */
const warmUpSlices = 2

const sourceOf = ({ messages, references }: DemoWeek): Source => ({
  deliveries: [...messages].map(({ key, value }) => ({ key, value: Buffer.from(value) })),
  initialReferences: new Map(
    [...references.users, ...references.restaurants].map((document) => [document._id, JSON.stringify(document)])
  ),
  lateReferences: new Map(),
  rules: demoRules
})

/** After every hundredth message a copy of it that is broken, in every way in turn. */
const poisoned = (slice: ReadonlyArray<OutgoingMessage>): ReadonlyArray<OutgoingMessage> =>
  slice.flatMap((message, index) => {
    if (index % oneIn !== 0) return [message]
    const kind = brokenKinds[(index / oneIn) % brokenKinds.length] ?? "noBytes"
    const whole = wholeMessage(JSON.parse(Buffer.from(message.value).toString("utf8")))
    return [message, { key: message.key, value: brokenMessage(kind, whole) }]
  })

const cpuSecondsOf = Effect.fnUntraced(function* ({ fleet, servers }: System) {
  const ofServers = yield* Effect.forEach([...servers.kafka, servers.postgres, servers.redis], ({ pid }) => pid)
  const pids = [...fleet.pids(), ...ofServers.flatMap(Option.toArray)]
  const each = yield* Effect.forEach(pids, cpuSeconds)
  return each.reduce((sum, seconds) => sum + seconds, 0)
})

const costOf = Effect.fnUntraced(function* (system: System, messages: ReadonlyArray<OutgoingMessage>) {
  const cpuBefore = yield* cpuSecondsOf(system)
  const startedAt = yield* Clock.currentTimeMillis
  yield* send(messages)
  yield* Effect.repeat(lags, {
    until: ({ cdm, dds, stg }) => stg + dds + cdm === 0,
    schedule: Schedule.spaced("10 millis")
  })
  const cost: Cost = {
    seconds: ((yield* Clock.currentTimeMillis) - startedAt) / 1_000,
    cpuSeconds: (yield* cpuSecondsOf(system)) - cpuBefore
  }
  return cost
})

const measurePairs = Effect.fnUntraced(function* (system: System, options: PoisonOptions) {
  const { source } = system
  const { messages, progress, rounds } = options
  const slice = (index: number) => source.deliveries.slice(index * messages, (index + 1) * messages)
  yield* progress(0, "warming up")
  for (let index = 0; index < warmUpSlices; index++) yield* costOf(system, poisoned(slice(index)))
  const pairs: Array<Pair> = []
  for (let round = 0; round < rounds; round++) {
    const first = slice(warmUpSlices + 2 * round)
    const second = slice(warmUpSlices + 2 * round + 1)
    // Each sort goes first in every other round: the tables grow meanwhile.
    if (round % 2 === 0) {
      const clean = yield* costOf(system, first)
      pairs.push({ clean, poisoned: yield* costOf(system, poisoned(second)) })
    } else {
      const withPoison = yield* costOf(system, poisoned(first))
      pairs.push({ clean: yield* costOf(system, second), poisoned: withPoison })
    }
    yield* progress(pairs.length, "")
  }
  return pairs
})

/** Fails when a service ends by itself. */
export const measurePoison = Effect.fnUntraced(function* (options: PoisonOptions) {
  const slices = warmUpSlices + 2 * options.rounds
  const week = demoWeek({ orders: slices * options.messages, seed: options.seed, endsAt: sundayEvening })
  yield* options.progress(0, "starting the servers and services")
  const system = yield* startSystem({ source: sourceOf(week), replicas: 1, brokers: 1 })
  const measured = Effect.gen(function* () {
    const pairs = yield* measurePairs(system, options)
    yield* options.progress(pairs.length, "comparing with the oracle")
    const { expected, found } = yield* divergences(system)
    return { pairs, deadLetters: expected.deadLetters.length, divergences: found }
  })
  return yield* Effect.raceFirst(measured, system.fleet.misbehaves).pipe(Effect.provide(system.clients))
})

/** The share of the throughput that the poison costs: the median of the pairs, since a machine has its moments. */
export const lostShare = (pairs: ReadonlyArray<Pair>, by: keyof Cost): number =>
  1 - median(pairs.map(({ clean, poisoned }) => clean[by] / poisoned[by]))
