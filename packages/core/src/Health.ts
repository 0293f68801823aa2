/** Whether the service can do its work now: every server it needs answers. */
import { Cause, Context, Effect, Layer, Schedule } from "effect"
import type { Duration, Scope } from "effect"
import * as Metrics from "./Metrics.ts"

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
  return error instanceof Error && error.message !== "" ? error.message : String(error)
}

export class Health extends Context.Service<
  Health,
  {
    /** Says how a component is. A component that was not declared is ignored: not every service needs every server. */
    report(component: string, status: ComponentStatus): Effect.Effect<void>
    readonly readiness: Effect.Effect<Readiness>
  }
>()("metka/core/Health") {
  /** Not ready until every one of these components has reported up. */
  static readonly layer = (options: { readonly components: ReadonlyArray<string> }): Layer.Layer<Health> =>
    Layer.effect(
      Health,
      Effect.gen(function* () {
        const statuses = new Map<string, ComponentStatus>(options.components.map((name) => [name, unreached]))
        const isReady = () => [...statuses.values()].every((status) => status === "up")
        yield* Metrics.setReady(isReady())

        const announce = (component: string, before: ComponentStatus, status: ComponentStatus) => {
          if (status === "up") return before === "up" ? Effect.void : Effect.logInfo(`${component} is up`)
          return before === "up" || before === unreached
            ? Effect.logWarning(`${component} is down: ${status.down}`)
            : Effect.void
        }

        return Health.of({
          report: (component, status) =>
            Effect.suspend(() => {
              const before = statuses.get(component)
              if (before === undefined) return Effect.void
              statuses.set(component, status)
              return Effect.andThen(Metrics.setReady(isReady()), announce(component, before, status))
            }),
          readiness: Effect.sync(() => ({ ready: isReady(), components: Object.fromEntries(statuses) }))
        })
      })
    )

  /**
   * Asks a component how it is, now and then every 2 seconds (or `every`), for as long as the scope lives. No answer
   * within 2 seconds counts as down.
   */
  static readonly probe = <E, R>(
    component: string,
    ping: Effect.Effect<void, E, R>,
    every: Duration.Input = "2 seconds"
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
