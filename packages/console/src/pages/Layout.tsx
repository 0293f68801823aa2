/** What every page has around it. */
import type { ComponentChildren } from "preact"
import { style } from "./style.ts"

const places = [
  ["/", "Overview"],
  ["/audiences", "Audiences"],
  ["/reach", "Reach"],
  ["/guest", "Guest"],
  ["/parked", "Waiting orders"],
  ["/dead-letters", "Dead letters"]
] as const

export const refreshSeconds = 5

type Place = (typeof places)[number][0]

interface LayoutProps {
  readonly title: string
  /** Which entry of the menu the page belongs to. */
  readonly place?: Place
  /** Whether the browser asks for the page again and again. */
  readonly refreshes?: boolean
  readonly children: ComponentChildren
}

export const Layout = ({ children, place, refreshes = false, title }: LayoutProps) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      {refreshes && <meta http-equiv="refresh" content={String(refreshSeconds)} />}
      <title>{`${title} · Metka`}</title>
      <style dangerouslySetInnerHTML={{ __html: style }} />
    </head>
    <body>
      <header>
        <strong>Metka</strong>
        <nav>
          {places.map(([path, name]) => (
            <a key={path} href={path} {...(path === place ? { "aria-current": "page" as const } : {})}>
              {name}
            </a>
          ))}
        </nav>
      </header>
      <main>
        <h1>{title}</h1>
        {children}
      </main>
      <footer class="quiet">
        <a href="/openapi.json">HTTP API</a> · <a href="/health/ready">health</a> · <a href="/metrics">metrics</a>
      </footer>
    </body>
  </html>
)
