/** kafkajs itself, beside our layer: what other programs do to a broker, and what it says when it is asked. */
import { RealServers } from "@metka/testing/realServers"
import { Effect } from "effect"
import { Kafka as KafkaClient, logLevel } from "kafkajs"

export const foreignClient = Effect.gen(function* () {
  const brokers = yield* (yield* RealServers).kafkaBrokers
  return new KafkaClient({ brokers: brokers.split(","), clientId: "foreign", logLevel: logLevel.NOTHING })
})

/** Connected until the end of the scope. */
export const connected = <A extends { connect(): Promise<void>; disconnect(): Promise<void> }>(make: () => A) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connection = make()
      await connection.connect()
      return connection
    }),
    (connection) => Effect.promise(() => connection.disconnect())
  )

export const foreignAdmin = Effect.flatMap(foreignClient, (client) => connected(() => client.admin()))
