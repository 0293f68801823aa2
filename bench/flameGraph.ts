/** A tree of calls as a flame graph: an SVG that needs nothing but a browser. A click on a frame makes it the widest. */
import type { Frame } from "./cpuProfile.ts"

const width = 1_400
const rowHeight = 18
const characterWidth = 6.6
/** In pixels; what is narrower cannot be seen. */
const narrowest = 0.4

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** Warm colours, the same for the same package or file: what belongs together is seen together. */
const colour = (name: string): string => {
  const owner = / ((?:@[^/]+\/)?[^/]+\/?[^/]*)/.exec(name)?.[1] ?? name
  let hash = 0
  for (const character of owner) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 997
  return `hsl(${hash % 60} ${60 + (hash % 30)}% ${62 + (hash % 13)}%)`
}

const depthOf = (frame: Frame, scale: number): number =>
  1 +
  Math.max(0, ...frame.children.filter(({ total }) => total * scale >= narrowest).map((child) => depthOf(child, scale)))

/** Zooming is moving and stretching what is there: it needs the frames' numbers, not their tree. */
const zoom = `
  const frames = [...document.querySelectorAll("g.f")]
  const show = (x, w) => {
    for (const frame of frames) {
      const [fx, fw] = [Number(frame.dataset.x), Number(frame.dataset.w)]
      const [left, right] = [Math.max(fx, x), Math.min(fx + fw, x + w)]
      frame.style.display = right - left > w / 4000 ? "" : "none"
      const [rect, text] = [frame.querySelector("rect"), frame.querySelector("text")]
      const [at, wide] = [(left - x) / w * ${width}, (right - left) / w * ${width}]
      rect.setAttribute("x", at)
      rect.setAttribute("width", Math.max(0, wide - 0.5))
      text.setAttribute("x", at + 3)
      const fits = Math.floor((wide - 6) / ${characterWidth})
      text.textContent = fits < 3 ? "" : frame.dataset.n.length <= fits ? frame.dataset.n : frame.dataset.n.slice(0, fits - 1) + "…"
    }
  }
  for (const frame of frames) frame.onclick = () => show(Number(frame.dataset.x), Number(frame.dataset.w))
  show(0, ${width})`

/** @param title what was profiled */
export const flameGraph = (title: string, root: Frame): string => {
  const scale = root.total === 0 ? 0 : width / root.total
  const frames: Array<string> = []
  const draw = (frame: Frame, x: number, depth: number): void => {
    const frameWidth = frame.total * scale
    if (frameWidth < narrowest) return
    const share = ((frame.total / root.total) * 100).toFixed(1)
    frames.push(
      `<g class="f" data-x="${x.toFixed(2)}" data-w="${frameWidth.toFixed(2)}" data-n="${escape(frame.name)}">` +
        `<title>${escape(frame.name)}: ${(frame.total / 1_000).toFixed(1)} ms, ${share} %, itself ${(frame.self / 1_000).toFixed(1)} ms</title>` +
        `<rect x="${x.toFixed(2)}" y="${40 + depth * rowHeight}" width="${Math.max(0, frameWidth - 0.5).toFixed(2)}" ` +
        `height="${rowHeight - 1}" fill="${colour(frame.name)}"/><text x="${(x + 3).toFixed(2)}" y="${53 + depth * rowHeight}"></text></g>`
    )
    let childX = x
    for (const child of frame.children) {
      draw(child, childX, depth + 1)
      childX += child.total * scale
    }
  }
  draw(root, 0, 0)
  const height = 40 + depthOf(root, scale) * rowHeight + 10
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>svg { background: #fff } text { font: 11px ui-monospace, monospace; pointer-events: none } .title { font-size: 15px } .f { cursor: pointer }</style>
<text class="title" x="8" y="24">${escape(title)}: ${(root.total / 1_000_000).toFixed(2)} s on the CPU. A click makes a frame the widest.</text>
${frames.join("\n")}
<script><![CDATA[${zoom}]]></script>
</svg>
`
}
