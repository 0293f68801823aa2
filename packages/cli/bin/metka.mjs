#!/usr/bin/env node
import bringUpToDate from "../../../build/upToDate.ts"

await bringUpToDate()
await import("../../../dist/metka.mjs")
