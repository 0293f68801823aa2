/** A collector that takes all telemetry and keeps nothing. Its own process: what it costs is not the services' cost. */
import { createServer } from "node:http"

const server = createServer((request, response) => {
  let bytes = 0
  request.on("data", (chunk: Buffer) => (bytes += chunk.length))
  request.once("end", () => {
    // An empty protobuf message says that all of it was taken in.
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end()
    process.send?.({ bytes })
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 })
})
process.once("disconnect", () => server.close())
