import { Effect } from "effect"
import { databaseLayer } from "./database.ts"
import { makePlan } from "./makePlan.ts"
import { makeRunner } from "./runPlan.ts"
const [from, n, verbose] = process.argv.slice(2).map(Number)
Effect.runPromise(Effect.scoped(Effect.gen(function*(){
  const run = yield* makeRunner
  const t0=performance.now(), c0=process.cpuUsage()
  let bad=0, steps=0, events=0, faults=0; const struck=new Map<string,number>()
  for (let seed=from!; seed<from!+n!; seed++){
    const v = yield* run(makePlan(seed))
    steps+=Number(v.trace.at(-1)?.split(" ")[0]); events+=v.trace.length
    for (const [k,c] of v.struck) struck.set(k,(struck.get(k)??0)+c)
    if (verbose) console.log(v.trace.join("\n"))
    if (v.problems.length){ bad++; if (bad<6) console.log("SEED",seed,"\n  "+v.problems.slice(0,6).join("\n  ")) }
  }
  const c=process.cpuUsage(c0)
  console.log({bad, steps: steps/n!, ms:(performance.now()-t0)/n!, cpu:(c.user+c.system)/1000/n!})
  console.log([...struck].sort().map(([k,v])=>k+": "+v).join("\n"))
})).pipe(Effect.provide(databaseLayer)))
