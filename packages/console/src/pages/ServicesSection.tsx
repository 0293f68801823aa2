/** Which processes run, and which are silent. */
import type { RunningService } from "../RunningServices.ts"
import { isAlive, type SilentService, silentServices } from "../SilentServices.ts"
import { timeIn } from "../TimeZone.ts"
import { counted } from "../words.ts"

type Time = (at: Date) => string

const silentText = ({ last, processes, service }: SilentService, time: Time): string => {
  const since = `since ${time(last.heartbeatAt)}, on ${last.host}`
  return processes === 1
    ? `1 process of ${service} has been silent ${since}.`
    : `${counted(processes, "process", "processes")} of ${service} have been silent, the last ${since}.`
}

const toDo = ({ isReplaced, service }: SilentService): string =>
  isReplaced
    ? `Others do the work of ${service} now: nothing is left to do, unless more fall silent.`
    : `No process does the work of ${service} now: start it.`

const Silent = ({ services, time }: { readonly services: ReadonlyArray<SilentService>; readonly time: Time }) =>
  services.length === 0 ? null : (
    <>
      <ul aria-label="Silent services">
        {services.map((silent) => (
          <li key={silent.service} class={silent.isReplaced ? undefined : "doubt"}>
            {silentText(silent, time)} {toDo(silent)}
          </li>
        ))}
      </ul>
      <p class="quiet">
        Silent is a process that was killed, as for want of memory, that hangs, or that does not reach the database: the
        end of its log says more. What it had under way is done again, and nothing is counted twice. After a day it is
        told of no longer.
      </p>
    </>
  )

export const ServicesSection = ({
  services,
  timeZone
}: {
  readonly services: ReadonlyArray<RunningService>
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  const alive = services.filter(isAlive)
  return (
    <section>
      <h2>Services</h2>
      {alive.length === 0 ? (
        <p>No service runs on this database.</p>
      ) : (
        <div class="wide">
          <table>
            {alive.map(({ host, service, startedAt, state, version }) => (
              <tr key={`${service} ${host} ${startedAt.getTime()}`}>
                <td>{service}</td>
                <td>{state === "ready" ? "ready" : "waits for a server that it needs"}</td>
                <td class="time">{`since ${time(startedAt)}`}</td>
                <td>{`${version} on ${host}`}</td>
              </tr>
            ))}
          </table>
        </div>
      )}
      <Silent services={silentServices(services)} time={time} />
    </section>
  )
}
