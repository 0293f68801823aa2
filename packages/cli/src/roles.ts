/**
 * The PostgreSQL roles of Metka and what each may do. A role that is not listed for an object may do nothing with it;
 * tables belong to the user that migrates, and nobody else alters them.
 */
import { biViews } from "@metka/cdm/BiSchema"

export interface DatabaseRole {
  readonly name: string
  readonly purpose: string
  /** What follows `grant`, without its `to`. */
  readonly grants: ReadonlyArray<string>
  /** Whether it may make temporary tables. */
  readonly temporaryTables?: boolean
  /** What follows the role's name in `create role`. */
  readonly options?: string
  /** What `alter role` sets for its sessions. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Every process tells that it is alive. */
const heartbeat = ["usage on schema ops", "select, insert, update, delete on ops.service_instances"]

/** A stage keeps up to where it and those behind it have everything. */
const bookmarks = ["select, insert, update on ops.bookmarks"]

/** A service keeps dead letters and reads none of them: `on conflict` looks at the columns of the unique key. */
const deadLetters = [
  "insert on ops.dead_letters",
  'select (topic, partition, "offset", kafka_timestamp) on ops.dead_letters'
]

const vault = [
  "h_user",
  "h_product",
  "h_category",
  "h_restaurant",
  "h_order",
  "l_order_user",
  "l_order_product",
  "l_product_category",
  "l_product_restaurant",
  "s_user_names",
  "s_product_names",
  "s_restaurant_names",
  "s_order_cost",
  "s_order_status",
  "s_order_effectivity",
  "s_order_product"
]

const refreshBi = ["usage on schema bi", "execute on function bi.refresh"]

const marts = [
  "order_contributions",
  "guests",
  "product_names",
  "category_names",
  "user_product_counters",
  "user_category_counters",
  "tag_rules",
  "user_tags",
  "user_tag_history"
]

/** The dishes of an order; neither what a guest is called nor what an order costs. */
const dishesOfOrders = ["select on dds.h_order, dds.l_order_product, dds.s_order_product"]

export const databaseRoles: ReadonlyArray<DatabaseRole> = [
  {
    name: "metka_stg",
    purpose: "STG",
    grants: [
      ...heartbeat,
      ...bookmarks,
      ...deadLetters,
      "usage on schema stg",
      "select, insert, update on stg.order_events",
      "select, insert, update, delete on stg.parked_orders"
    ]
  },
  {
    name: "metka_dds",
    purpose: "DDS",
    grants: [
      ...heartbeat,
      ...bookmarks,
      ...deadLetters,
      "usage on schema dds",
      // Insert-only: not even DDS changes what the vault has. A hub of an order says which of its versions is the newest.
      ...vault.map((table) => `select, insert on dds.${table}`),
      "update (order_dt, order_version, version_no) on dds.h_order"
    ]
  },
  {
    name: "metka_cdm",
    purpose: "CDM",
    grants: [
      ...heartbeat,
      ...bookmarks,
      ...deadLetters,
      "usage on schema cdm",
      "select, insert, update on cdm.order_contributions, cdm.product_names, cdm.category_names",
      "select, insert on cdm.guests",
      "select, insert, update, delete on cdm.user_product_counters, cdm.user_category_counters, cdm.user_tags",
      // A rule that was made before its category came gets the category's key.
      "select, update (category_id) on cdm.tag_rules",
      "select, insert, update (published_at) on cdm.user_tag_history",
      ...refreshBi
    ]
  },
  {
    name: "metka_console",
    purpose: "the console",
    grants: [
      ...heartbeat,
      "usage on schema stg, dds, cdm, bi",
      "select on all tables in schema cdm, bi",
      // No message's bytes.
      'select (id, service, topic, partition, "offset", order_id, reason, detail, received_at, replayed_at, closed_at) on ops.dead_letters',
      "select on stg.parked_orders",
      // Neither the payload nor the guest's name and login.
      "select (id, object_id, order_version, received_at) on stg.order_events",
      ...dishesOfOrders
    ]
  },
  {
    name: "metka_marketer",
    purpose: "the command line: audience, why, rules list",
    grants: [
      "usage on schema stg, cdm, dds, bi",
      `select on ${marts.map((table) => `cdm.${table}`).join(", ")}`,
      ...dishesOfOrders,
      // Of which orders a newer version waits, and of what else in stg nothing.
      "select (object_id, order_version) on stg.parked_orders",
      "select on bi.settings"
    ]
  },
  {
    name: "metka_operator",
    purpose: "the command line: rules, audience, why, parked, dead-letters, republish, verify, rebuild, bi",
    grants: [
      "usage on schema ops, stg, dds, cdm",
      "select on all tables in schema ops, stg, dds, cdm, bi",
      "update (replayed_at, closed_at) on ops.dead_letters",
      `insert, update, delete on ${marts.map((table) => `cdm.${table}`).join(", ")}`,
      ...refreshBi
    ],
    // What is made anew is made beside the tables first.
    temporaryTables: true
  },
  {
    name: "metka_bi",
    purpose: "BI: DataLens and other tools",
    grants: ["usage on schema bi", `select on ${biViews.join(", ")}`],
    options: "connection limit 20",
    // One core for a chart at most: the services need the others.
    settings: { statement_timeout: "10s", default_transaction_read_only: "on", max_parallel_workers_per_gather: "0" }
  }
]

const schemas = ["ops", "stg", "dds", "cdm", "bi"]

/** Everybody may make temporary tables in a new database. A user that does not own it gets a warning. */
export const withoutTemporaryTables = (database: string): string =>
  `revoke temporary on database ${database} from public`

/**
 * Takes everything from the role and gives what is listed: a grant that is not listed any more goes.
 * @param database quoted where it must be
 */
export const grantStatements = (
  { grants, name, temporaryTables = false }: DatabaseRole,
  database: string
): ReadonlyArray<string> => [
  `revoke all on all tables in schema ${schemas.join(", ")} from ${name}`,
  `revoke all on all functions in schema ${schemas.join(", ")} from ${name}`,
  `revoke all on schema ${schemas.join(", ")} from ${name}`,
  ...grants.map((grant) => `grant ${grant} to ${name}`),
  ...(temporaryTables ? [`grant temporary on database ${database} to ${name}`] : [])
]

/** Makes the role, without the right to log in. */
export const createStatements = ({ name, options, settings }: DatabaseRole): ReadonlyArray<string> => [
  `create role ${name} nologin${options === undefined ? "" : ` ${options}`}`,
  ...Object.entries(settings ?? {}).map(([setting, value]) => `alter role ${name} set ${setting} = '${value}'`)
]
