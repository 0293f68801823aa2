/** A program as a process: how it ends, what a signal does, which exit code it has. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Config, Effect, Exit, Predicate, Runtime } from "effect"
import { constants } from "node:os"
import { describe } from "./Outage.ts"

const unusableVariable = /^SchemaError\((.*) at \["(\w+)"\]\)$/s

/** One line a person understands: what is wrong and what to do, without a stack. */
const problemOf = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Cause.squash(cause)
  // The command line has already said what was wrong with it.
  if (Predicate.hasProperty(error, Runtime.errorReported) && error[Runtime.errorReported] === false) return undefined
  const message = error instanceof Error || error instanceof Config.ConfigError ? describe(error) : String(error)
  const [, expected, variable] = unusableVariable.exec(message) ?? []
  if (expected !== undefined && variable !== undefined) {
    return `${variable} cannot be used: ${expected.trim().replaceAll(/\s+/g, " ")}`
  }
  return message.replace(/^SourceError: /, "").replaceAll(/\s*\n\s*/g, " ")
}

/**
 * A server that holds its connection and says nothing can hold up a transaction's end, and a reader that does not read
 * holds up the end of the process. What is cut off of a transaction rolls back and is done again after the next start.
 */
const deadlineMillis = 1_800

/** What a shell says of a process that the signal has ended, as it would be without our handlers. */
let signalCode: number = 128 + constants.signals.SIGINT

/** A service is done when a signal comes. A command that one cuts off has not done what it was asked for. */
let endsBySignal = false

/** Around all of a program that is meant to run until a signal comes: then the process ends with 0. */
export const untilSignal = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    endsBySignal = true
    return program
  })

const codeWhenCutOff = (): number => (endsBySignal ? 0 : signalCode)

const endWithinDeadline = (name: string): void => {
  const arm = (signal: NodeJS.Signals) => {
    signalCode = 128 + constants.signals[signal]
    setTimeout(() => {
      // The exit code is set when the work is over: then only the output was waited for.
      if (process.exitCode === undefined) {
        process.stderr.write(`${name}: a server did not answer in time, the work under way is left to be repeated\n`)
        process.exitCode = codeWhenCutOff()
      }
      process.exit()
    }, deadlineMillis).unref()
  }
  process.once("SIGTERM", arm)
  process.once("SIGINT", arm)
}

/**
 * Ends when standard output and standard error have been taken, however slowly. Does not wait until nothing is open any
 * more: at its end Node.js 26 waits for every request it has made, and spins for good over one to a process that is gone.
 */
const endWhenWritten = (code: number): void => {
  process.exitCode = code
  const unwritten = new Set([process.stdout, process.stderr])
  for (const stream of unwritten) {
    const written = () => {
      unwritten.delete(stream)
      if (unwritten.size === 0) process.exit()
    }
    // Writes are done in turn, so this one is the last. "drain" comes only when more was queued than a stream holds.
    stream.write("", written)
    // The reader is gone: nothing is left to wait for, and nothing to complain of.
    stream.on("error", written).on("close", written)
  }
}

/**
 * Runs as the process. Its exit code is 0 at the end, 1 with one line on standard error when something is wrong; after a
 * signal 0 under `untilSignal`, else 128 and the signal's number for a command.
 */
export const runMain =
  (name: string) =>
  <A, E>(program: Effect.Effect<A, E>): void => {
    endWithinDeadline(name)
    NodeRuntime.runMain(program, {
      disableErrorReporting: true,
      teardown: (exit) => {
        if (Exit.isSuccess(exit)) return endWhenWritten(0)
        if (Cause.hasInterruptsOnly(exit.cause)) return endWhenWritten(codeWhenCutOff())
        const problem = problemOf(exit.cause)
        if (problem !== undefined) process.stderr.write(`${name}: ${problem}\n`)
        endWhenWritten(1)
      }
    })
  }
