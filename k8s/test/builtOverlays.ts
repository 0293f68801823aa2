/** The overlays as `kustomize` builds them, once for the tests of a `describe`. */
import { beforeAll, beforeEach } from "@effect/vitest"
import { type Manifest, manifestsOf, type Overlay, overlays } from "../src/manifests.ts"

/** @param missing why they cannot be built here: then the tests are skipped */
export const builtOverlays = (missing: string | undefined) => {
  const built = new Map<Overlay, ReadonlyArray<Manifest>>()
  beforeEach(({ skip }) => skip(missing !== undefined, missing))
  beforeAll(() => {
    if (missing !== undefined) return
    for (const overlay of overlays) built.set(overlay, manifestsOf(overlay))
  }, 120_000)

  const all = (overlay: Overlay): ReadonlyArray<Manifest> => built.get(overlay) ?? []
  return {
    all,
    ofKind: (overlay: Overlay, kind: string) => all(overlay).filter((manifest) => manifest.kind === kind)
  }
}
