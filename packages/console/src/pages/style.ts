export const style = `
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; --line: #8883; --back: #fff; --ink: #1c1a18; --quiet: #625d57; --accent: #964508; --soft: #96450817 }
@media (prefers-color-scheme: dark) {
  :root { --back: #17181a; --ink: #e9e6e2; --quiet: #a8a39c; --accent: #f2a65a; --soft: #f2a65a26 }
}
html { background: var(--back); color: var(--ink) }
body { max-width: 66rem; margin: 0 auto; padding: 0 1rem 3rem }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding: 1rem 0; border-bottom: 1px solid var(--line) }
header strong { font-size: 1.25rem; margin-right: .5rem }
a { color: var(--accent); text-underline-offset: .2em }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem }
nav a { text-decoration: none; padding: .1rem 0 } nav a[aria-current] { border-bottom: 2px solid; font-weight: 600 }
h1, h2, p, li { overflow-wrap: anywhere } h1 { font-size: 1.5rem; margin: 1.5rem 0 .5rem } h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem } p { margin: .4rem 0 }
.quiet { color: var(--quiet) } .wide { overflow-x: auto }
.figures, .tables { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)) }
.figures { margin: 1rem 0 } .tables { grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)) }
.tables > * { min-width: 0 } .tables td { overflow-wrap: anywhere }
.figures > * { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; color: inherit; text-decoration: none }
.figures strong { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums } .figures .due { border-color: var(--accent); background: var(--soft) }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 600; vertical-align: bottom }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line) }
td.long { overflow-wrap: anywhere; min-width: min(16rem, 45vw) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums }
td.rule { background: var(--soft); font-weight: 600 } td small { display: block; font-weight: 400 }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem 1rem; margin: 1rem 0 }
.card h2 { margin: 0 0 .25rem } .held { border-left: .35rem solid var(--accent) }
.doubt { border-left: .35rem solid #c0392b; padding-left: .75rem }
meter { width: 10rem; vertical-align: middle }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: 1rem 0 }
input, button { font: inherit; color: inherit; background: var(--back); padding: .35rem .7rem; border-radius: .4rem; border: 1px solid #8888 }
input { flex: 1 1 16rem } label { display: flex; flex-wrap: wrap; gap: .25rem .5rem; align-items: center } label input { flex: none } button { background: var(--accent); border-color: var(--accent); color: var(--back); cursor: pointer }
@media (max-width: 40rem) {
  td.time, th.number { white-space: normal } th, td { padding: .3rem } .minor { display: none }
  .wide th:first-child, .wide td:first-child { position: sticky; left: 0; background: var(--back); overflow-wrap: anywhere; min-width: 5.5rem }
}
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem }
`
