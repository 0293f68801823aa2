/** The `stg` schema: orders as they arrived, the source of truth, and those that wait for a reference. */
import type { SchemaMigrations } from "@metka/core/Migrations"

export const stgMigrations: SchemaMigrations = {
  schema: "stg",
  migrations: {
    "0001_order_events": `
create table stg.order_events (
  id bigint generated always as identity primary key,
  object_id bigint not null unique,
  object_type text not null,
  sent_dttm timestamp not null,
  payload json not null,
  order_version text collate "C" not null,
  enrichment json,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  kafka_timestamp timestamptz not null,
  received_at timestamptz not null
);
comment on table stg.order_events is 'The newest version of every order, as it arrived';
comment on column stg.order_events.payload is 'To the byte as it was sent';
comment on column stg.order_events.order_version is 'update_ts|sent_dttm|sha256 of the message, compared bytewise';
comment on column stg.order_events.enrichment is 'What the references said the first time this version was enriched; null while parked';
comment on column stg.order_events."offset" is 'With topic and partition: the first delivery of this version';
`,
    "0002_parked_orders": `
create table stg.parked_orders (
  object_id bigint primary key,
  order_version text collate "C" not null,
  missing jsonb not null,
  attempts integer not null,
  parked_at timestamptz not null,
  next_attempt_at timestamptz not null,
  traceparent text not null
);
create index on stg.parked_orders (next_attempt_at);
comment on table stg.parked_orders is 'Orders whose newest version names a guest, restaurant or dish that Redis does not know yet';
`
  }
}
