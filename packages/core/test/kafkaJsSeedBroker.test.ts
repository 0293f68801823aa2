import { assert, it } from "@effect/vitest"
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const BrokerPool = require("kafkajs/src/cluster/brokerPool") as new (options: unknown) => {
  connect(): Promise<void>
  createBroker: (options: { readonly connectionPool: string }) => unknown
}
const { KafkaJSRequestTimeoutError } = require("kafkajs/src/errors") as {
  KafkaJSRequestTimeoutError: new (message: string) => Error
}

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} }

it("goes on to the next broker when one takes the connection and answers nothing, as kafkajs is patched here", async () => {
  const asked: Array<string> = []
  const brokers = ["frozen:9092", "well:9092"]
  const pool = new BrokerPool({
    connectionPoolBuilder: { build: async () => brokers.shift() ?? "none" },
    logger: quiet,
    retry: { initialRetryTime: 1, maxRetryTime: 2, retries: 5 }
  })
  pool.createBroker = ({ connectionPool }) => ({
    isConnected: () => false,
    disconnect: async () => {},
    connect: async () => {
      asked.push(connectionPool)
      if (connectionPool === "frozen:9092") throw new KafkaJSRequestTimeoutError("no answer")
    }
  })
  await pool.connect()
  assert.deepStrictEqual(asked, ["frozen:9092", "well:9092"])
})
