/** The replicas of all services, each a process that is killed, paused, stopped and started as the plan says. */
import { type Environment, type ServiceName, type ServiceProcess, startService } from "@metka/testing/processes"
import { serviceNames } from "@metka/testing/processSystem"
import { freePort } from "@metka/testing/servers"
import { Deferred, Effect, Schema, Scope } from "effect"
import { type ReplicaName, replicaNames } from "./plan.ts"

/** A service did what no fault of ours made it do. */
export class ServiceMisbehaved extends Schema.TaggedError<ServiceMisbehaved>()("ServiceMisbehaved", {
  message: Schema.String
}) {}

interface Replica {
  readonly name: ReplicaName
  readonly service: ServiceName
  readonly port: number
  /** Every process that this replica has been, the present one last. */
  readonly processes: Array<ServiceProcess>
}

export interface Fleet {
  /** SIGKILL. */
  readonly kill: (replica: ReplicaName) => Effect.Effect<void>
  /** A new process in place of the one that has ended. Does not wait until it is ready. */
  readonly start: (replica: ReplicaName) => Effect.Effect<void>
  readonly signal: (replica: ReplicaName, signal: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
  /** SIGTERM, exit 0, and a new process that gets ready; one replica after the other. */
  readonly roll: (service: ServiceName) => Effect.Effect<void, Error>
  readonly allReady: Effect.Effect<void, Error>
  readonly allUnready: Effect.Effect<void, Error>
  /** Those that say so now. */
  readonly ready: Effect.Effect<ReadonlyArray<ReplicaName>>
  /** SIGTERM to all; fails unless each exits with 0. */
  readonly stopAll: Effect.Effect<void, Error>
  /** Never succeeds: fails when a service ends by itself. */
  readonly misbehaves: Effect.Effect<never, ServiceMisbehaved>
  /** Of the present processes. */
  readonly pids: () => ReadonlyArray<number>
  /** What each replica has written, over all its processes. */
  readonly logs: () => ReadonlyMap<ReplicaName, string>
}

/** Six processes that start at once leave little of a machine; that a service ends within 2 s is tested elsewhere. */
const patience = "20 seconds"

const tailOf = ({ stderr, stdout }: ServiceProcess) => `${stdout()}${stderr()}`.split("\n").slice(-15).join("\n")

/** Starts `count` replicas of each service and waits until they are ready; all end with the scope. */
export const startFleet = Effect.fnUntraced(function* (
  env: Environment,
  count: number
): Effect.fn.Return<Fleet, Error, Scope.Scope> {
  const scope = yield* Effect.scope
  /** Those that we have told to end. */
  const ending = new WeakSet<ServiceProcess>()
  const misbehaviour = yield* Deferred.make<never, ServiceMisbehaved>()
  const replicas = new Map<ReplicaName, Replica>()
  for (const name of replicaNames(count)) {
    const service = serviceNames.find((service) => name.startsWith(`${service}-`)) ?? "stg"
    replicas.set(name, { name, service, port: yield* freePort, processes: [] })
  }
  const find = (name: ReplicaName): Replica => {
    const replica = replicas.get(name)
    if (replica === undefined) throw new RangeError(`no replica ${name}`)
    return replica
  }
  const present = (replica: Replica): ServiceProcess => {
    const process = replica.processes.at(-1)
    if (process === undefined) throw new RangeError(`${replica.name} was never started`)
    return process
  }

  const start = Effect.fnUntraced(function* (name: ReplicaName) {
    const replica = find(name)
    const process = yield* startService(replica.service, env, replica.port).pipe(Scope.provide(scope))
    replica.processes.push(process)
    yield* process.exit.pipe(
      Effect.flatMap(({ code, signal }) =>
        ending.has(process)
          ? Effect.void
          : Deferred.fail(
              misbehaviour,
              new ServiceMisbehaved({ message: `${name} ended by itself (${code ?? signal}):\n${tailOf(process)}` })
            )
      ),
      Effect.forkIn(scope)
    )
  })

  const terminate = Effect.fnUntraced(function* (replica: Replica) {
    const process = present(replica)
    ending.add(process)
    yield* process.signal("SIGTERM")
    const { code, signal } = yield* Effect.timeoutOrElse(process.exit, {
      duration: patience,
      orElse: () =>
        Effect.fail(
          new ServiceMisbehaved({ message: `${replica.name} runs ${patience} after SIGTERM:\n${tailOf(process)}` })
        )
    })
    if (code === 0) return
    return yield* new ServiceMisbehaved({
      message: `${replica.name} ended with ${code ?? signal} on SIGTERM:\n${tailOf(process)}`
    })
  })

  const eachPresent = <E>(use: (process: ServiceProcess) => Effect.Effect<void, E>) =>
    Effect.forEach([...replicas.values()], (replica) => use(present(replica)), {
      concurrency: "unbounded",
      discard: true
    })

  const fleet: Fleet = {
    start,
    kill: Effect.fnUntraced(function* (name) {
      const process = present(find(name))
      ending.add(process)
      yield* process.signal("SIGKILL")
      yield* process.exit
    }),
    signal: (name, signal) => present(find(name)).signal(signal),
    roll: Effect.fnUntraced(function* (service) {
      for (const replica of replicas.values()) {
        if (replica.service !== service) continue
        yield* terminate(replica)
        yield* start(replica.name)
        yield* present(replica).becomesReady
      }
    }),
    allReady: eachPresent(({ becomesReady }) => becomesReady),
    allUnready: eachPresent(({ becomesUnready }) => becomesUnready),
    ready: Effect.map(
      Effect.filter([...replicas.values()], (replica) => present(replica).isReady, { concurrency: "unbounded" }),
      (found) => found.map(({ name }) => name)
    ),
    stopAll: Effect.suspend(() =>
      Effect.forEach([...replicas.values()], terminate, { concurrency: "unbounded", discard: true })
    ),
    misbehaves: Deferred.await(misbehaviour),
    pids: () => [...replicas.values()].flatMap((replica) => present(replica).pid ?? []),
    logs: () =>
      new Map(
        [...replicas.values()].map(({ name, processes }) => [
          name,
          processes.map(({ stderr, stdout }) => stdout() + stderr()).join("")
        ])
      )
  }
  yield* Effect.forEach([...replicas.keys()], start, { concurrency: "unbounded", discard: true })
  yield* fleet.allReady
  return fleet
})
