/** What happened in a run, line by line: two runs of one plan have the same trace. */
export class Trace {
  readonly #lines: Array<string> = []
  /** How many choices the simulation has made. */
  step = 0

  add(line: string): void {
    this.#lines.push(`${this.step} ${line}`)
  }

  get lines(): ReadonlyArray<string> {
    return this.#lines
  }
}
