/** The `ops` schema: what every service shares. */
import type { SchemaMigrations } from "./Migrations.ts"

export const opsMigrations: SchemaMigrations = {
  schema: "ops",
  migrations: {
    "0001_dead_letters": `
create table ops.dead_letters (
  id bigint generated always as identity primary key,
  service text not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  kafka_timestamp timestamptz not null,
  key bytea,
  value bytea,
  headers json not null,
  reason text not null,
  detail text not null,
  received_at timestamptz not null,
  replayed_at timestamptz,
  unique (topic, partition, "offset", kafka_timestamp)
);
comment on table ops.dead_letters is 'Records that no retry can mend, with their raw bytes and why';
`,
    "0002_service_instances": `
create table ops.service_instances (
  instance_id uuid primary key,
  service text not null,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null,
  heartbeat_at timestamptz not null,
  ready boolean not null
);
comment on table ops.service_instances is 'Every running instance of a service and when it was last alive';
`,
    "0003_closed_letters": `
alter table ops.dead_letters add column closed_at timestamptz;
comment on column ops.dead_letters.replayed_at is 'When it was last sent again to the service that could not use it';
comment on column ops.dead_letters.closed_at is 'When somebody said that nothing is left to do about it';
`,
    // Whatever a message holds, this must not fail: its bytes are escaped, neither decoded nor parsed.
    "0004_orders_of_letters": `
alter table ops.dead_letters add column order_id text generated always as (
  coalesce(
    substring(
      encode(substring(value from 1 for 8192), 'escape')
      from '"object_id"\\s*:\\s*([1-9][0-9]{0,15})(?:\\.0+)?\\s*[,}]'
    ),
    substring(headers ->> 'order-id' from '^[1-9][0-9]{0,15}$')
  )
) stored;
comment on column ops.dead_letters.order_id is 'The order that the message is about, where the beginning of its value or its header order-id tells';
`
  }
}
