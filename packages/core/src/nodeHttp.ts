/**
 * What the services use of `node:http`. An `import` of it reads all that it exports, and one of these, `WebSocket`,
 * loads undici, which nobody asks for: some 50 ms of every start.
 */
export const { createServer, validateHeaderName, validateHeaderValue } = process.getBuiltinModule("node:http")
