/** Whether the service can do its work now: every server it needs answers. */
import { Cause, Context, Effect, Latch, Layer, Schedule } from "effect"
import type { Duration, Scope } from "effect"
import * as Metrics from "./Metrics.ts"
import { describe } from "./Outage.ts"

export type ComponentStatus = "up" | { readonly down: string }

/** Ready is true while every component is up. */
export interface Readiness {
  readonly ready: boolean
  readonly components: Readonly<Record<string, ComponentStatus>>
}

const unreached: ComponentStatus = { down: "not reached yet" }
const probeTimeout = "2 seconds"

const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error && error.message !== "" ? describe(error) : String(error)
}

export class Health extends Context.Service<
  Health,
  {
    /**
     * Says how a component is for one of its sources: the probe, or a stage at work. It is up while all of them find it
     * so: a server that answers a probe may still refuse the work. A component that was not declared is ignored.
     */
    report(component: string, status: ComponentStatus, source?: string): Effect.Effect<void>
    readonly readiness: Effect.Effect<Readiness>
    /** Waits for as long as `ready` of the readiness is this. */
    turnsFrom(ready: boolean): Effect.Effect<void>
  }
>()("metka/core/Health") {
  /** Not ready until every one of these components has reported up. */
  static readonly layer = (options: { readonly components: ReadonlyArray<string> }): Layer.Layer<Health> =>
    Layer.effect(
      Health,
      Effect.gen(function* () {
        const sources = new Map(options.components.map((name) => [name, new Map<string, ComponentStatus>()]))
        const statusOf = (component: string): ComponentStatus => {
          const statuses = [...(sources.get(component)?.values() ?? [])]
          return statuses.find((status) => status !== "up") ?? (statuses.length === 0 ? unreached : "up")
        }
        const isReady = () => options.components.every((component) => statusOf(component) === "up")
        const turned = Latch.makeUnsafe()
        yield* Metrics.setReady(isReady())

        const announce = (component: string, before: ComponentStatus, status: ComponentStatus) => {
          if (status === "up") return before === "up" ? Effect.void : Effect.logInfo(`${component} is up`)
          return before === "up" || before === unreached
            ? Effect.logWarning(`${component} is down: ${status.down}`)
            : Effect.void
        }

        return Health.of({
          report: (component, status, source = "probe") =>
            Effect.suspend(() => {
              const statuses = sources.get(component)
              if (statuses === undefined) return Effect.void
              // Every batch reports what it has met, and nearly always it is what is known.
              if (status === "up" && statuses.get(source) === "up") return Effect.void
              const before = statusOf(component)
              const wasReady = isReady()
              statuses.set(source, status)
              const told = Effect.andThen(Metrics.setReady(isReady()), announce(component, before, statusOf(component)))
              return isReady() === wasReady ? told : Effect.andThen(turned.release, told)
            }),
          readiness: Effect.sync(() => ({
            ready: isReady(),
            components: Object.fromEntries(options.components.map((name) => [name, statusOf(name)]))
          })),
          turnsFrom: (ready) => Effect.suspend(() => (isReady() === ready ? turned.await : Effect.void))
        })
      })
    )

  /**
   * Asks a component how it is, now and then every 5 seconds (or `every`), for as long as the scope lives. No answer
   * within 2 seconds counts as down.
   */
  static readonly probe = <E, R>(
    component: string,
    ping: Effect.Effect<void, E, R>,
    every: Duration.Input = "5 seconds"
  ): Effect.Effect<void, never, Health | Scope.Scope | R> =>
    Effect.gen(function* () {
      const health = yield* Health
      yield* ping.pipe(
        Effect.timeoutOrElse({
          duration: probeTimeout,
          orElse: () => Effect.fail(new Error(`no answer within ${probeTimeout}`))
        }),
        Effect.matchCauseEffect({
          onFailure: (cause) => health.report(component, { down: reasonOf(cause) }),
          onSuccess: () => health.report(component, "up")
        }),
        Effect.repeat(Schedule.spaced(every)),
        Effect.forkScoped
      )
    })
}
