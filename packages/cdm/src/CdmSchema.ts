/** The `cdm` schema: a ledger of what every order contributes, the marts that are its sums, tags and their history. */
import { readableVersionFunction } from "@metka/core/heldVersions"
import type { SchemaMigrations } from "@metka/core/Migrations"

export const cdmMigrations: SchemaMigrations = {
  schema: "cdm",
  migrations: {
    "0001_ledger": `
create table cdm.order_contributions (
  order_id text collate "C" primary key,
  order_version text collate "C" not null,
  user_id uuid,
  order_dt timestamp,
  product_ids uuid[] not null,
  category_ids uuid[] not null,
  recorded_at timestamptz not null
);
comment on table cdm.order_contributions is 'What the newest version of every order contributes to the counters; empty for an order that is not CLOSED';
comment on column cdm.order_contributions.order_id is 'The order''s number; topic:partition:offset:timestamp of a message that names no order';
comment on column cdm.order_contributions.category_ids is 'Distinct: two dishes of one category count once';
create table cdm.guests (user_id uuid primary key, guest_id text not null);
comment on table cdm.guests is 'The app''s own id of a guest, for messages to the app';
create table cdm.product_names (
  product_id uuid primary key,
  product_name text collate "C" not null,
  name_version text collate "C" not null
);
create table cdm.category_names (
  category_id uuid primary key,
  category_name text collate "C" not null,
  name_version text collate "C" not null
);
comment on table cdm.category_names is 'The newest name of every category, likewise';
comment on table cdm.product_names is 'The newest name of every dish; the greater name where two are equally new';
`,
    "0002_marts": `
create table cdm.user_product_counters (
  user_id uuid not null, product_id uuid not null, product_name text not null, order_cnt integer not null,
  unique (user_id, product_id)
);
comment on table cdm.user_product_counters is 'In how many distinct CLOSED orders a guest had a dish';
create table cdm.user_category_counters (
  user_id uuid not null, category_id uuid not null, category_name text not null, order_cnt integer not null,
  unique (user_id, category_id)
);
comment on table cdm.user_category_counters is 'In how many distinct CLOSED orders a guest had a category';
`,
    "0003_tags": `
create table cdm.tag_rules (
  tag text not null,
  version integer not null,
  category_id uuid not null,
  category_name text not null,
  threshold integer not null check (threshold >= 0),
  active boolean not null,
  applied_at timestamptz not null,
  retired_at timestamptz,
  primary key (tag, version)
);
create unique index tag_rules_one_active on cdm.tag_rules (tag) where active;
comment on column cdm.tag_rules.threshold is 'A guest has the tag while the category''s counter is greater';
create table cdm.user_tags (
  user_id uuid not null,
  tag text not null,
  category_id uuid not null,
  order_cnt integer not null,
  rule_version integer not null,
  given_at timestamptz not null,
  unique (user_id, tag)
);
create index on cdm.user_tags (tag);
create table cdm.user_tag_history (
  event_id bigint generated always as identity primary key,
  user_id uuid not null,
  tag text not null,
  category_id uuid not null,
  action text not null check (action in ('given', 'taken')),
  order_cnt integer not null,
  rule_version integer not null,
  at timestamptz not null,
  traceparent text not null,
  published_at timestamptz
);
create index user_tag_history_unpublished on cdm.user_tag_history (event_id) where published_at is null;
comment on table cdm.user_tag_history is 'Every giving and taking of a tag; the outbox of the topic guest-tags';
`,
    "0004_equally_new_names": `
comment on table cdm.product_names is 'The newest name of every dish; of two that are equally new the one with the greater hashdiff, as in dds.s_product_names';
comment on table cdm.category_names is 'The newest name of every category; of two that are equally new the one with the greater hashdiff, as that of a dish';
`,
    // They were compared as text: a name of the time zzz was newer than any that came after it.
    "0005_readable_versions": `
${readableVersionFunction("cdm")}
update cdm.product_names set name_version = cdm.readable_version(name_version)
where name_version <> cdm.readable_version(name_version);
update cdm.category_names set name_version = cdm.readable_version(name_version)
where name_version <> cdm.readable_version(name_version);
drop function cdm.readable_version;
`,
    // Why a guest has a tag, and when each of a campaign's guests ordered last, must not be a scan of years of orders.
    "0006_by_guest": `
create index order_contributions_by_guest on cdm.order_contributions (user_id, order_dt) where user_id is not null;
create index user_tag_history_by_guest on cdm.user_tag_history (user_id);
`,
    // A dish that is renamed in the app has its old name here until it is in a CLOSED order again.
    "0007_names_of_closed_orders": `
comment on table cdm.product_names is 'The newest name of every dish that a CLOSED order brought; of two that are equally new the one with the greater hashdiff, as in dds.s_product_names';
comment on table cdm.category_names is 'The newest name of every category that a CLOSED order brought; of two that are equally new the one with the greater hashdiff, as that of a dish';
comment on column cdm.order_contributions.order_dt is 'The app''s date of the order, UTC: in practice when it was closed';
`,
    "0008_windows": `
-- BI's refresh, until it ends, would have this wait with the rules locked, and batches behind it.
select pg_advisory_xact_lock(7370120);
alter table cdm.tag_rules
  add window_days integer check (window_days > 0),
  add exit_threshold integer,
  add check ((window_days is null) = (exit_threshold is null)),
  add check (exit_threshold between 0 and threshold);
comment on column cdm.tag_rules.threshold is 'A guest has the tag while the category''s counter is greater; with a window, once it is';
comment on column cdm.tag_rules.window_days is 'Each time a guest orders, the orders of so many days of 24 hours up to that one count; null: all orders count';
comment on column cdm.tag_rules.exit_threshold is 'With a window: the tag is taken once no more orders than these are left in it; null without';
comment on column cdm.user_tags.order_cnt is 'The category''s counter now; with a window, that of the window at the guest''s newest order';
`,
    // A database that has gone back would give again the event ids that it gave after that. It may go back to the same
    // state twice, so the clock says where they go on: no database gives a million of them a second.
    "0009_event_ids_after_a_restore": `
create table cdm.numbering_databases (database text primary key);
comment on table cdm.numbering_databases is 'By ops.database_identity(), the databases that have given event ids: in each they go on from its time, in microseconds since 1970';
create function cdm.number_from_now() returns void language sql set search_path = '' as $$
  with sequence (name) as (values (pg_catalog.pg_get_serial_sequence('cdm.user_tag_history', 'event_id')::pg_catalog.regclass))
  select pg_catalog.setval(name, greatest(pg_catalog.nextval(name),
    (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000000)::bigint)) from sequence
$$;
insert into cdm.numbering_databases values (ops.database_identity());
select cdm.number_from_now() where exists (select from cdm.user_tag_history);
create function cdm.number_above_other_databases() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  here text := ops.database_identity();
begin
  if exists (select from cdm.numbering_databases where database = here) then return null; end if;
  insert into cdm.numbering_databases values (here) on conflict do nothing;
  if found then perform cdm.number_from_now(); end if;
  return null;
end
$$;
create trigger number_above_other_databases before insert on cdm.user_tag_history
for each statement execute function cdm.number_above_other_databases();
`
  }
}
