/** Overlays as kustomize builds them. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"
import { kubectl } from "./tools.ts"

export const overlays = ["local", "budget", "yandex", "portable"] as const

export type Overlay = (typeof overlays)[number]

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export const folderOf = (overlay: Overlay): string => fileURLToPath(new URL(`../overlays/${overlay}`, import.meta.url))

/** The overlay as text, for `kubectl apply`. Says on standard error what kustomize warns of: see `warnings`. */
export const build = (overlay: Overlay): { readonly text: string; readonly warnings: string } => {
  const { status, stdout, stderr } = spawnSync(kubectl(), ["kustomize", folderOf(overlay)], {
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024
  })
  if (status !== 0) throw new Error(`kubectl kustomize ${folderOf(overlay)}: ${stderr}`)
  return { text: stdout, warnings: stderr }
}

export const manifestsOf = (overlay: Overlay): ReadonlyArray<Manifest> =>
  parseAllDocuments(build(overlay).text).map((document): Manifest => document.toJS())
