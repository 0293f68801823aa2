/** The names of topics and consumer groups, and how much a service takes in one batch. */
import { Config, Context, Effect, Layer, Schema } from "effect"
import { invalid } from "./configText.ts"

/** What Kafka takes for the name of a topic. */
const Name = Schema.String.check(
  Schema.isPattern(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, {
    message: "letters, digits, dots, dashes and underscores, at most 249, and neither . nor .."
  })
)

const defaults = {
  orders: "order-service_orders",
  stgOrders: "stg-service-orders",
  cdmStats: "cdm-service-stats",
  guestTags: "guest-tags",
  groupStg: "stg-service",
  groupDds: "dds-service",
  groupCdm: "cdm-service"
}

type Names = Readonly<typeof defaults>

const variables: Readonly<Record<keyof Names, string>> = {
  orders: "TOPIC_ORDERS",
  stgOrders: "TOPIC_STG_ORDERS",
  cdmStats: "TOPIC_CDM_STATS",
  guestTags: "TOPIC_GUEST_TAGS",
  groupStg: "GROUP_STG",
  groupDds: "GROUP_DDS",
  groupCdm: "GROUP_CDM"
}

const name = (key: keyof Names) => Config.schema(Name, variables[key]).pipe(Config.withDefault(defaults[key]))

/** Of one topic a stage would read what another stage writes; in one group Kafka would give each the others' partitions. */
const mustDiffer: ReadonlyArray<ReadonlyArray<keyof Names>> = [
  ["orders", "stgOrders", "cdmStats", "guestTags"],
  ["groupStg", "groupDds", "groupCdm"]
]

/** Fails where two variables that must differ are the same. */
const distinct = (names: Names): Effect.Effect<Names, Config.ConfigError> => {
  const clash = mustDiffer
    .flatMap((keys) => [...Map.groupBy(keys, (key) => names[key])])
    .find(([, same]) => same.length > 1)
  if (clash === undefined) return Effect.succeed(names)
  const [text, same] = clash
  return Effect.fail(
    invalid(`${same.map((key) => variables[key]).join(" and ")} must differ: each is ${JSON.stringify(text)}`)
  )
}

const config: Config.Config<Names> = Config.all({
  orders: name("orders"),
  stgOrders: name("stgOrders"),
  cdmStats: name("cdmStats"),
  guestTags: name("guestTags"),
  groupStg: name("groupStg"),
  groupDds: name("groupDds"),
  groupCdm: name("groupCdm")
}).pipe(Config.mapEffect(distinct))

/** Twice as many make a history no faster, and take a third more memory. */
const maxBatchRecords = 1_000

export interface TopologyShape extends Names {
  /** Upper bound of records in one batch, and so in one transaction. */
  readonly maxBatchRecords: number
}

/** The topic that each stage reads, and the group in which it reads it. */
export const inputsOf = (topology: Names) => ({
  stg: [topology.orders, topology.groupStg] as const,
  dds: [topology.stgOrders, topology.groupDds] as const,
  cdm: [topology.cdmStats, topology.groupCdm] as const
})

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
    Layer.succeed(Topology, { ...defaults, maxBatchRecords, ...options })
}
