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
`,
    // A dump restored into the same database makes its tables anew, perhaps those of one schema alone; a standby that takes
    // over begins a timeline. What a managed server keeps to itself is left out.
    "0005_bookmarks": `
create table ops.bookmarks (
  consumer_group text not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  database text not null,
  written_at timestamptz not null,
  primary key (consumer_group, topic, partition)
);
comment on table ops.bookmarks is 'Up to where everything of a partition has come through all stages: from there the first one reads again once the database has gone back';
comment on column ops.bookmarks."offset" is 'Everything before it is in this database, in this stage and those behind; Kafka knows where the group goes on';
comment on column ops.bookmarks.database is 'ops.database_identity() when it was written';
create function ops.database_identity() returns text
language plpgsql volatile security definer set search_path = '' as $$
declare
  cluster text := '?';
  timeline text := '?';
begin
  begin
    select system_identifier into cluster from pg_catalog.pg_control_system();
  exception when insufficient_privilege or feature_not_supported or undefined_function then null;
  end;
  begin
    timeline := left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8);
  exception when insufficient_privilege or feature_not_supported or undefined_function then null;
  end;
  return concat_ws('/', cluster, timeline, concat_ws('.', to_regclass('ops.bookmarks')::oid,
    to_regclass('stg.order_events')::oid, to_regclass('dds.h_order')::oid, to_regclass('cdm.order_contributions')::oid));
end
$$;
comment on function ops.database_identity() is 'Differs where the database may have gone back: another cluster, another timeline, or tables restored from a dump';
`
  }
}
