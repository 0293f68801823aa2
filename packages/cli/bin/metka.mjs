#!/usr/bin/env node
import "../src/metka.ts"
