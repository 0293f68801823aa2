/** The names of topics and consumer groups, and how much a service takes in one batch. */
import { Config, Context, Effect, Layer, Schema } from "effect"

/** What Kafka takes for the name of a topic. */
const Name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9._-]{1,249}$/, { message: "letters, digits, dots, dashes and underscores, at most 249" })
)

const name = (variable: string, fallback: string) => Config.schema(Name, variable).pipe(Config.withDefault(fallback))

const config = Config.all({
  orders: name("TOPIC_ORDERS", "order-service_orders"),
  stgOrders: name("TOPIC_STG_ORDERS", "stg-service-orders"),
  cdmStats: name("TOPIC_CDM_STATS", "cdm-service-stats"),
  guestTags: name("TOPIC_GUEST_TAGS", "guest-tags"),
  groupStg: name("GROUP_STG", "stg-service"),
  groupDds: name("GROUP_DDS", "dds-service"),
  groupCdm: name("GROUP_CDM", "cdm-service")
})

/** Twice as many make a history no faster, and take a third more memory. */
const maxBatchRecords = 1_000

export interface TopologyShape {
  readonly orders: string
  readonly stgOrders: string
  readonly cdmStats: string
  readonly guestTags: string
  readonly groupStg: string
  readonly groupDds: string
  readonly groupCdm: string
  /** Upper bound of records in one batch, and so in one transaction. */
  readonly maxBatchRecords: number
}

export class Topology extends Context.Service<Topology, TopologyShape>()("metka/core/Topology") {
  /** From the environment. */
  static readonly layer = Layer.effect(
    Topology,
    Effect.gen(function* () {
      return Topology.of({ ...(yield* config), maxBatchRecords })
    })
  )

  /** The default names, whatever the environment says. */
  static readonly layerDefault = (options?: Partial<TopologyShape>) =>
    Layer.succeed(Topology, {
      orders: "order-service_orders",
      stgOrders: "stg-service-orders",
      cdmStats: "cdm-service-stats",
      guestTags: "guest-tags",
      groupStg: "stg-service",
      groupDds: "dds-service",
      groupCdm: "cdm-service",
      maxBatchRecords,
      ...options
    })
}
