/** How long a promise is waited for, by a timer of Node's own: a fiber to race against would cost each request more. */

/** What the promise gives, or what `onElapsed` gives or throws once the time is over. The promise itself goes on. */
export const within = async <A>(millis: number, promise: Promise<A>, onElapsed: () => A): Promise<A> => {
  const { promise: elapsed, resolve } = Promise.withResolvers<void>()
  // Whoever does not want the answer any more can end before.
  const timer = setTimeout(resolve, millis).unref()
  return await Promise.race([promise, elapsed.then(onElapsed)]).finally(() => clearTimeout(timer))
}
