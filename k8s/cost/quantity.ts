/** Quantities as Kubernetes writes them. */
const units: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40
}

/** Cores of `500m`, bytes of `2Gi`. */
export const quantity = (text: string): number => {
  const [, number = "", unit = ""] = /^([0-9.]+)([a-zA-Z]*)$/.exec(text) ?? []
  const factor = units[unit]
  if (number === "" || factor === undefined) throw new Error(`not a quantity: ${text}`)
  return Number(number) * factor
}

export const gibibytes = (bytes: number): number => bytes / 2 ** 30
