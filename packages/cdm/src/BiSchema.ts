/**
 * The `bi` schema: what charts are made of. Every table stands alone, is small however many orders there are, and has
 * neither a guest's name nor anything else that tells who a guest is. Orders are the CLOSED ones with a dish, as the
 * marts count them. Days and hours are those of `bi.settings.time_zone`, of the app's date of the order: in practice that
 * is when it was closed.
 *
 * Nothing here is written with an order: `bi.refresh` reads the marts now and then. What is counted over all time is
 * read from the counters; what is counted by day, for the days whose orders have changed. Guests of weeks, months and
 * cohorts are counted from all orders, more rarely.
 */
import type { SchemaMigrations } from "@metka/core/Migrations"

/** What BI may read. */
export const biViews: ReadonlyArray<string> = [
  "freshness",
  "totals",
  "dishes",
  "categories",
  "tags",
  "days",
  "weeks",
  "months",
  "cohorts",
  "hours",
  "dish_days",
  "category_days",
  "restaurant_days",
  "tag_days"
].map((view) => `bi.${view}`)

export const biMigrations: SchemaMigrations = {
  schema: "bi",
  migrations: {
    "0001_settings": `
create table bi.settings (
  only_row boolean primary key default true check (only_row),
  time_zone text not null,
  refreshed_at timestamptz,
  refresh_took interval not null default '0'
);
comment on table bi.settings is 'The zone of days and hours in this schema, from BUSINESS_TIME_ZONE, and when its views were last computed';
insert into bi.settings (time_zone) values ('Europe/Moscow');
create view bi.freshness as
select refreshed_at at time zone time_zone as refreshed_at, time_zone from bi.settings;
comment on view bi.freshness is 'How new the figures of this schema are';
comment on column bi.freshness.refreshed_at is 'When the views were last computed, in the business time zone';
comment on column bi.freshness.time_zone is 'The zone of all days and hours here';
`,
    "0002_whole_time": `
create materialized view bi.totals as
select count(*)::integer as orders, count(distinct user_id)::integer as guests
from cdm.order_contributions where user_id is not null;
create unique index on bi.totals (orders, guests);
comment on materialized view bi.totals is 'All orders and guests, in one row';
comment on column bi.totals.orders is 'CLOSED orders with at least one dish';
comment on column bi.totals.guests is 'Guests with at least one such order';

create materialized view bi.dishes as
select product_id, product_name as dish, category_name as category, counted.orders, counted.guests,
  counted.orders::double precision / nullif(totals.orders, 0) as share_of_orders,
  counted.guests::double precision / nullif(totals.guests, 0) as share_of_guests
from (
  select product_id, sum(order_cnt)::integer as orders, count(*)::integer as guests
  from cdm.user_product_counters group by product_id
) counted
join cdm.product_names using (product_id)
left join (
  select distinct on (h_product_pk) h_product_pk as product_id, category_name
  from dds.l_product_category link join dds.h_category using (h_category_pk)
  order by h_product_pk, link.load_dt desc, category_name
) categorised using (product_id)
cross join bi.totals;
create unique index on bi.dishes (product_id);
comment on materialized view bi.dishes is 'Dishes over all time: in how many orders, by how many guests';
comment on column bi.dishes.product_id is 'The dish; two dishes may have one name';
comment on column bi.dishes.dish is 'Its newest name';
comment on column bi.dishes.category is 'Its category; of several that it had, the one that came last';
comment on column bi.dishes.orders is 'Orders with the dish';
comment on column bi.dishes.guests is 'Guests who ordered it at least once';
comment on column bi.dishes.share_of_orders is 'Of all orders, from 0 to 1. An order has several dishes: the shares add up to more than 1';
comment on column bi.dishes.share_of_guests is 'Of all guests, from 0 to 1';

create materialized view bi.categories as
select category_id, category_names.category_name as category, counted.orders, counted.guests,
  counted.orders::double precision / nullif(totals.orders, 0) as share_of_orders,
  counted.guests::double precision / nullif(totals.guests, 0) as share_of_guests
from (
  select category_id, sum(order_cnt)::integer as orders, count(*)::integer as guests
  from cdm.user_category_counters group by category_id
) counted
join cdm.category_names using (category_id)
cross join bi.totals;
create unique index on bi.categories (category_id);
comment on materialized view bi.categories is 'Categories of dishes over all time: in how many orders, by how many guests';
comment on column bi.categories.category_id is 'The category';
comment on column bi.categories.category is 'Its name';
comment on column bi.categories.orders is 'Orders with a dish of the category';
comment on column bi.categories.guests is 'Guests with at least one such order';
comment on column bi.categories.share_of_orders is 'Of all orders, from 0 to 1. An order has several categories: the shares add up to more than 1';
comment on column bi.categories.share_of_guests is 'Of all guests, from 0 to 1';

create materialized view bi.restaurants as
select distinct on (h_restaurant_pk) h_restaurant_pk as restaurant_id, name as restaurant
from dds.s_restaurant_names
order by h_restaurant_pk, restaurant_version desc, hk_restaurant_names_hashdiff desc;
create unique index on bi.restaurants (restaurant_id);
comment on materialized view bi.restaurants is 'Names of restaurants, for restaurant_days';
comment on column bi.restaurants.restaurant_id is 'The restaurant; two may have one name';
comment on column bi.restaurants.restaurant is 'Its newest name';

create materialized view bi.tags as
select rule.tag, rule.category_name as category, rule.threshold, coalesce(held.guests, 0) as guests,
  coalesce(held.guests, 0)::double precision / nullif(totals.guests, 0) as share_of_guests
from cdm.tag_rules rule
left join (select tag, count(*)::integer as guests from cdm.user_tags group by tag) held using (tag)
cross join bi.totals
where rule.active;
create unique index on bi.tags (tag);
comment on materialized view bi.tags is 'The tags that rules give now, and how many guests have each';
comment on column bi.tags.tag is 'The tag';
comment on column bi.tags.category is 'The category its rule looks at';
comment on column bi.tags.threshold is 'A guest has the tag with more orders of the category than this';
comment on column bi.tags.guests is 'Guests who have it now';
comment on column bi.tags.share_of_guests is 'Of all guests, from 0 to 1';
`,
    "0003_by_day": `
create view bi.counted_orders as
select order_id, order_version, user_id, product_ids, category_ids,
  order_dt at time zone 'UTC' at time zone (select time_zone from bi.settings) as placed_at
from cdm.order_contributions where user_id is not null and order_dt is not null;
comment on view bi.counted_orders is 'Orders that count, at the time of the business: not for charts, it grows with the orders';
comment on column bi.counted_orders.order_id is 'As in the ledger';
comment on column bi.counted_orders.order_version is 'As in the ledger';
comment on column bi.counted_orders.user_id is 'As in the ledger';
comment on column bi.counted_orders.product_ids is 'As in the ledger';
comment on column bi.counted_orders.category_ids is 'As in the ledger';
comment on column bi.counted_orders.placed_at is 'Date and time of the order in the business time zone';

create table bi.day_fingerprints (day date primary key, orders bigint not null, fingerprint bigint not null);
comment on table bi.day_fingerprints is 'Of what the rows of each day were computed: a day whose orders have another fingerprint now is computed anew';
comment on column bi.day_fingerprints.day is 'Business day';
comment on column bi.day_fingerprints.orders is 'Orders of the day';
comment on column bi.day_fingerprints.fingerprint is 'Of the versions of these orders';

create table bi.days (day date primary key, weekday integer not null, orders integer not null, guests integer not null);
comment on table bi.days is 'Orders and guests of a day';
comment on column bi.days.day is 'Business day of the order';
comment on column bi.days.weekday is '1 is Monday, 7 is Sunday';
comment on column bi.days.orders is 'Orders of the day';
comment on column bi.days.guests is 'Guests who ordered on the day. Not to be added up over days: a guest may come again';

create table bi.hours (
  day date not null, weekday integer not null, hour integer not null, orders integer not null, guests integer not null,
  primary key (day, hour)
);
comment on table bi.hours is 'Orders and guests of an hour of a day';
comment on column bi.hours.day is 'Business day of the order';
comment on column bi.hours.weekday is '1 is Monday, 7 is Sunday';
comment on column bi.hours.hour is 'From 0 to 23: 20 is from 20:00 to 20:59';
comment on column bi.hours.orders is 'Orders of the hour';
comment on column bi.hours.guests is 'Guests who ordered in the hour. Not to be added up: a guest may come again';

create table bi.dish_days (
  day date not null, product_id uuid not null, dish text not null, category text, orders integer not null,
  guests integer not null, primary key (day, product_id)
);
comment on table bi.dish_days is 'Orders and guests of a dish on a day';
comment on column bi.dish_days.day is 'Business day of the order';
comment on column bi.dish_days.product_id is 'The dish; two dishes may have one name';
comment on column bi.dish_days.dish is 'Its newest name';
comment on column bi.dish_days.category is 'Its category; of several that it had, the one that came last';
comment on column bi.dish_days.orders is 'Orders with the dish on the day';
comment on column bi.dish_days.guests is 'Guests who ordered it on the day. Not to be added up over days';

create table bi.category_days (
  day date not null, category_id uuid not null, category text not null, orders integer not null,
  guests integer not null, primary key (day, category_id)
);
comment on table bi.category_days is 'Orders and guests of a category on a day';
comment on column bi.category_days.day is 'Business day of the order';
comment on column bi.category_days.category_id is 'The category';
comment on column bi.category_days.category is 'Its name';
comment on column bi.category_days.orders is 'Orders with a dish of the category on the day';
comment on column bi.category_days.guests is 'Guests with such an order on the day. Not to be added up over days';

create table bi.restaurant_days (
  day date not null, restaurant_id uuid not null, restaurant text not null, orders integer not null,
  guests integer not null, paid numeric not null, primary key (day, restaurant_id)
);
comment on table bi.restaurant_days is 'Orders, guests and takings of a restaurant on a day';
comment on column bi.restaurant_days.day is 'Business day of the order';
comment on column bi.restaurant_days.restaurant_id is 'The restaurant; two may have one name';
comment on column bi.restaurant_days.restaurant is 'Its newest name';
comment on column bi.restaurant_days.orders is 'Orders of the day';
comment on column bi.restaurant_days.guests is 'Guests who ordered there on the day. Not to be added up over days';
comment on column bi.restaurant_days.paid is 'What guests paid for these orders, roubles';
`,
    "0004_tag_days": `
create materialized view bi.tag_days as
with changes as (
  select (at at time zone (select time_zone from bi.settings))::date as day, tag,
    count(*) filter (where action = 'given')::integer as given, count(*) filter (where action = 'taken')::integer as taken
  from cdm.user_tag_history group by 1, 2
), spans as (
  select tag, generate_series(min(day), (select max(day) from changes), interval '1 day')::date as day
  from changes group by tag
)
select day, tag, coalesce(given, 0) as given, coalesce(taken, 0) as taken,
  sum(coalesce(given, 0) - coalesce(taken, 0)) over (partition by tag order by day)::integer as guests
from spans left join changes using (tag, day);
create unique index on bi.tag_days (day, tag);
comment on materialized view bi.tag_days is 'Tags over time: what was given and taken on a day, retired tags included';
comment on column bi.tag_days.day is 'Business day; every day from the first giving of the tag on, up to the last change of any';
comment on column bi.tag_days.tag is 'The tag';
comment on column bi.tag_days.given is 'How often it was given on the day';
comment on column bi.tag_days.taken is 'How often it was taken on the day';
comment on column bi.tag_days.guests is 'Guests who had it at the end of the day';
`,
    "0005_refresh": `
create function bi.take_changed_days() returns date[] language sql
set search_path = pg_catalog, pg_temp as $$
  with present as materialized (
    select placed_at::date as day, count(*) as orders,
      bit_xor(hashtextextended(order_id || ' ' || order_version, 0)) # hashtextextended((select time_zone from bi.settings), 0)
        as fingerprint
    from bi.counted_orders group by 1
  ), changed as (
    insert into bi.day_fingerprints as held select * from present
    on conflict (day) do update set orders = excluded.orders, fingerprint = excluded.fingerprint
    where (held.orders, held.fingerprint) <> (excluded.orders, excluded.fingerprint)
    returning day
  ), gone as (
    delete from bi.day_fingerprints held where not exists (select from present where present.day = held.day)
    returning day
  )
  select array(select day from changed union all select day from gone)
$$;
comment on function bi.take_changed_days is 'The days whose orders are not those their rows were computed of, which it takes for computed';
revoke execute on function bi.take_changed_days from public;

create function bi.compute_days(changed date[]) returns void language sql
set search_path = pg_catalog, pg_temp as $$
  delete from bi.days where day = any (changed);
  insert into bi.days
  select day, extract(isodow from day), sum(orders), count(*)
  from (
    select placed_at::date as day, user_id, count(*) as orders
    from bi.counted_orders where placed_at::date = any (changed) group by 1, 2
  ) by_guest
  group by day;

  delete from bi.hours where day = any (changed);
  insert into bi.hours
  select day, extract(isodow from day), hour, sum(orders), count(*)
  from (
    select placed_at::date as day, extract(hour from placed_at) as hour, user_id, count(*) as orders
    from bi.counted_orders where placed_at::date = any (changed) group by 1, 2, 3
  ) by_guest
  group by day, hour;

  delete from bi.dish_days where day = any (changed);
  insert into bi.dish_days
  select day, product_id, dishes.dish, dishes.category, by_day.orders, by_day.guests
  from (
    select day, product_id, sum(orders) as orders, count(*) as guests
    from (
      select placed_at::date as day, product_id, user_id, count(*) as orders
      from bi.counted_orders, unnest(product_ids) as product_id where placed_at::date = any (changed) group by 1, 2, 3
    ) by_guest
    group by day, product_id
  ) by_day
  join bi.dishes using (product_id);

  delete from bi.category_days where day = any (changed);
  insert into bi.category_days
  select day, category_id, categories.category, by_day.orders, by_day.guests
  from (
    select day, category_id, sum(orders) as orders, count(*) as guests
    from (
      select placed_at::date as day, category_id, user_id, count(*) as orders
      from bi.counted_orders, unnest(category_ids) as category_id where placed_at::date = any (changed) group by 1, 2, 3
    ) by_guest
    group by day, category_id
  ) by_day
  join bi.categories using (category_id);

  delete from bi.restaurant_days where day = any (changed);
  insert into bi.restaurant_days
  select day, h_restaurant_pk, restaurants.restaurant, by_day.orders, by_day.guests, by_day.paid
  from (
    select day, h_restaurant_pk, sum(orders) as orders, count(*) as guests, sum(paid) as paid
    from (
      select placed_at::date as day, h_restaurant_pk, user_id, count(*) as orders, sum(payment) as paid
      from bi.counted_orders
      join dds.h_order hub on hub.order_id::text = counted_orders.order_id
      join dds.s_order_effectivity using (h_order_pk, version_no)
      join dds.s_order_cost using (h_order_pk, version_no)
      where placed_at::date = any (changed) group by 1, 2, 3
    ) by_guest
    group by day, h_restaurant_pk
  ) by_day
  join bi.restaurants on restaurant_id = h_restaurant_pk;
$$;
comment on function bi.compute_days is 'Computes the rows of these days anew';
revoke execute on function bi.compute_days from public;

create function bi.rename_days() returns void language sql
set search_path = pg_catalog, pg_temp as $$
  update bi.dish_days held set dish = named.dish, category = named.category from bi.dishes named
  where held.product_id = named.product_id
    and (held.dish, held.category) is distinct from (named.dish, named.category);
  update bi.category_days held set category = named.category from bi.categories named
  where held.category_id = named.category_id and held.category <> named.category;
  update bi.restaurant_days held set restaurant = named.restaurant from bi.restaurants named
  where held.restaurant_id = named.restaurant_id and held.restaurant <> named.restaurant;
$$;
comment on function bi.rename_days is 'Gives the rows of all days the newest names';
revoke execute on function bi.rename_days from public;

create function bi.refresh(now timestamptz, only_if_due boolean) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set max_parallel_workers_per_gather = 0 set work_mem = '32MB' as $$
declare
  started timestamptz := clock_timestamp();
  view_name text;
begin
  if not pg_try_advisory_xact_lock(7370120) then
    return false;
  end if;
  -- At rest for twenty times as long as it took: at most a twentieth of one core, however many orders there are.
  if only_if_due and exists (
    select from bi.settings where refreshed_at + greatest(refresh_took * 20, interval '1 minute') > now
  ) then
    return false;
  end if;
  -- In this order: later ones read earlier ones.
  foreach view_name in array array['totals', 'dishes', 'categories', 'restaurants', 'tags', 'tag_days'] loop
    execute format('refresh materialized view concurrently bi.%I', view_name);
  end loop;
  perform bi.compute_days(bi.take_changed_days());
  perform bi.rename_days();
  update bi.settings set refreshed_at = now, refresh_took = clock_timestamp() - started;
  return true;
end
$$;
comment on function bi.refresh is 'Brings everything here up to date while others read it; false when it is not due, or under way';
revoke execute on function bi.refresh from public;
`,
    "0006_miss_no_order": `
create or replace view bi.counted_orders as
select order_id, order_version, user_id, product_ids, category_ids,
  order_dt at time zone 'UTC' at time zone (select time_zone from bi.settings) as placed_at, recorded_at
from cdm.order_contributions where user_id is not null and order_dt is not null;
comment on column bi.counted_orders.recorded_at is 'As in the ledger';
comment on column bi.day_fingerprints.fingerprint is 'Of the versions of these orders, and of when the ledger took them in';

-- Not deleted: a day that has lost its last order since would be forgotten, and its rows would stay.
update bi.day_fingerprints set orders = 0;

create or replace function bi.take_changed_days() returns date[] language sql
set search_path = pg_catalog, pg_temp as $$
  with present as materialized (
    select placed_at::date as day, count(*) as orders,
      -- In one hash, or those of orders that are mended at once would cancel out. A rebuild mends an order at the
      -- version it had. As a number, since the text of a time depends on the session.
      bit_xor(hashtextextended(order_id || ' ' || order_version || ' ' || extract(epoch from recorded_at), 0))
        # hashtextextended((select time_zone from bi.settings), 0) as fingerprint
    from bi.counted_orders group by 1
  ), changed as (
    insert into bi.day_fingerprints as held select * from present
    on conflict (day) do update set orders = excluded.orders, fingerprint = excluded.fingerprint
    where (held.orders, held.fingerprint) <> (excluded.orders, excluded.fingerprint)
    returning day
  ), gone as (
    delete from bi.day_fingerprints held where not exists (select from present where present.day = held.day)
    returning day
  )
  select array(select day from changed union all select day from gone)
$$;

create or replace function bi.refresh(now timestamptz, only_if_due boolean) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set max_parallel_workers_per_gather = 0 set work_mem = '32MB' as $$
declare
  started timestamptz := clock_timestamp();
  changed date[];
  view_name text;
begin
  if not pg_try_advisory_xact_lock(7370120) then
    return false;
  end if;
  -- At rest for twenty times as long as it took: at most a twentieth of one core, however many orders there are.
  if only_if_due and exists (
    select from bi.settings where refreshed_at + greatest(refresh_took * 20, interval '1 minute') > now
  ) then
    return false;
  end if;
  -- First of all, since every statement sees what was committed before it: of these orders the views have all dishes,
  -- categories and restaurants, and an order that comes later changes a fingerprint for the next time.
  changed := bi.take_changed_days();
  -- In this order: later ones read earlier ones.
  foreach view_name in array array['totals', 'dishes', 'categories', 'restaurants', 'tags', 'tag_days'] loop
    execute format('refresh materialized view concurrently bi.%I', view_name);
  end loop;
  perform bi.compute_days(changed);
  perform bi.rename_days();
  update bi.settings set refreshed_at = now, refresh_took = clock_timestamp() - started;
  return true;
end
$$;
`,
    "0007_trust_no_clock": `
create or replace function bi.refresh(now timestamptz, only_if_due boolean) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set max_parallel_workers_per_gather = 0 set work_mem = '32MB' as $$
declare
  started timestamptz := clock_timestamp();
  changed date[];
  view_name text;
begin
  if not pg_try_advisory_xact_lock(7370120) then
    return false;
  end if;
  -- At rest for twenty times as long as it took: at most a twentieth of one core, however many orders there are. What
  -- was done in the future was done by a clock that went wrong.
  if only_if_due and exists (
    select from bi.settings
    where refreshed_at <= now and refreshed_at + greatest(refresh_took * 20, interval '1 minute') > now
  ) then
    return false;
  end if;
  -- First of all, since every statement sees what was committed before it: of these orders the views have all dishes,
  -- categories and restaurants, and an order that comes later changes a fingerprint for the next time.
  changed := bi.take_changed_days();
  -- In this order: later ones read earlier ones.
  foreach view_name in array array['totals', 'dishes', 'categories', 'restaurants', 'tags', 'tag_days'] loop
    execute format('refresh materialized view concurrently bi.%I', view_name);
  end loop;
  perform bi.compute_days(changed);
  perform bi.rename_days();
  update bi.settings set refreshed_at = now, refresh_took = clock_timestamp() - started;
  return true;
end
$$;
`,
    "0008_category_of_newest_order": `
-- A refresh under way would wait for the view that is dropped here, and this for what that refresh has locked already.
select pg_advisory_xact_lock(7370120);

create materialized view bi.dish_categories as
with several as (
  select h_product_pk as product_id from dds.l_product_category group by 1 having count(*) > 1
), last_days as materialized (
  select product_id, max(day) as day from bi.dish_days where product_id in (select product_id from several) group by 1
), of_these_days as materialized (
  select * from (
    select order_id, order_version, order_dt, product_ids,
      (order_dt at time zone 'UTC' at time zone (select time_zone from bi.settings))::date as day
    from cdm.order_contributions
    -- No zone is a day from UTC. Nearly always this spares all orders but the newest the reckoning of their day.
    where order_dt >= (select min(day) - 1 from last_days)
      -- Of another the vault knows nothing: its message named no order.
      and order_id ~ '^[1-9]\\d*$'
  ) placed
  where day in (select day from last_days)
), newest as materialized (
  select distinct on (product_id) product_id, order_id
  from (
    select unnest(product_ids) as product_id, day, order_id, order_dt, order_version from of_these_days
  ) dish
  join last_days using (product_id, day)
  order by product_id, order_dt desc, order_version desc, order_id desc
), counted as (
  select product_id, in_order.h_category_pk
  from newest
  join dds.h_order hub on hub.order_id::text = newest.order_id
  cross join lateral (
    -- Not of the version in effect alone: the vault may have one without the dish, which the ledger has not yet.
    select item.h_category_pk
    from dds.s_order_product item join dds.l_order_product using (hk_order_product_pk)
    where item.h_order_pk = hub.h_order_pk and h_product_pk = product_id
    order by item.version_no desc limit 1
  ) in_order
)
select distinct on (link.h_product_pk) link.h_product_pk as product_id, category_name as category
from dds.l_product_category link
join dds.h_category using (h_category_pk)
left join counted on counted.product_id = link.h_product_pk and counted.h_category_pk = link.h_category_pk
-- A link keeps when the dish first came to the category, not when it came back: it decides where no order can.
order by link.h_product_pk, counted.product_id is null, link.load_dt desc, category_name;
create unique index on bi.dish_categories (product_id);
comment on materialized view bi.dish_categories is 'Categories of dishes, for dishes and dish_days';
comment on column bi.dish_categories.product_id is 'The dish';
comment on column bi.dish_categories.category is 'Its category; of several that it had, the one in its newest order';

drop materialized view bi.dishes;
create materialized view bi.dishes as
select product_id, product_name as dish, category, counted.orders, counted.guests,
  counted.orders::double precision / nullif(totals.orders, 0) as share_of_orders,
  counted.guests::double precision / nullif(totals.guests, 0) as share_of_guests
from (
  select product_id, sum(order_cnt)::integer as orders, count(*)::integer as guests
  from cdm.user_product_counters group by product_id
) counted
join cdm.product_names using (product_id)
left join bi.dish_categories using (product_id)
cross join bi.totals;
create unique index on bi.dishes (product_id);
comment on materialized view bi.dishes is 'Dishes over all time: in how many orders, by how many guests';
comment on column bi.dishes.product_id is 'The dish; two dishes may have one name';
comment on column bi.dishes.dish is 'Its newest name';
comment on column bi.dishes.category is 'Its category; of several that it had, the one in its newest order';
comment on column bi.dishes.orders is 'Orders with the dish';
comment on column bi.dishes.guests is 'Guests who ordered it at least once';
comment on column bi.dishes.share_of_orders is 'Of all orders, from 0 to 1. An order has several dishes: the shares add up to more than 1';
comment on column bi.dishes.share_of_guests is 'Of all guests, from 0 to 1';
comment on column bi.dish_days.category is 'Its category now, not that of the day; of several that it had, the one in its newest order';

create or replace function bi.refresh(now timestamptz, only_if_due boolean) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set max_parallel_workers_per_gather = 0 set work_mem = '32MB' set jit = off as $$
declare
  started timestamptz := clock_timestamp();
  changed date[];
  view_name text;
begin
  if not pg_try_advisory_xact_lock(7370120) then
    return false;
  end if;
  -- At rest for twenty times as long as it took: at most a twentieth of one core, however many orders there are. What
  -- was done in the future was done by a clock that went wrong.
  if only_if_due and exists (
    select from bi.settings
    where refreshed_at <= now and refreshed_at + greatest(refresh_took * 20, interval '1 minute') > now
  ) then
    return false;
  end if;
  -- First of all, since every statement sees what was committed before it: of these orders the views have all dishes,
  -- categories and restaurants, and an order that comes later changes a fingerprint for the next time.
  changed := bi.take_changed_days();
  -- In this order: later ones read earlier ones.
  foreach view_name in array array['totals', 'dishes', 'categories', 'restaurants', 'tags', 'tag_days'] loop
    execute format('refresh materialized view concurrently bi.%I', view_name);
  end loop;
  perform bi.compute_days(changed);
  -- Only now is it known on which day each dish had its newest order. Few refreshes find a dish that is new or has moved.
  refresh materialized view concurrently bi.dish_categories;
  if exists (
    select from bi.dishes join bi.dish_categories using (product_id)
    where dishes.category is distinct from dish_categories.category
  ) then
    refresh materialized view concurrently bi.dishes;
  end if;
  perform bi.rename_days();
  update bi.settings set refreshed_at = now, refresh_took = clock_timestamp() - started;
  return true;
end
$$;
`,
    // An analyst took the date for when an order was placed, and added up what must not be.
    "0009_what_words_mean": `
-- A refresh under way would wait for what is locked here, and this for what that refresh has locked already.
select pg_advisory_xact_lock(7370120);

comment on column bi.counted_orders.placed_at is 'The app''s date of the order, in the business time zone: in practice when it was closed';

comment on table bi.days is 'Orders and guests of a day. A day without orders has no row: an average over days is too high unless it counts as 0';
comment on column bi.days.day is 'Business day of the order''s date: in practice the day on which it was closed';
comment on column bi.days.guests is 'Guests with an order of the day. Not to be added up, and of weeks or months not to be had: a guest may come again';

comment on table bi.hours is 'Orders and guests of an hour of a day. An hour without orders has no row: an average over hours is too high unless it counts as 0';
comment on column bi.hours.day is 'Business day of the order''s date: in practice the day on which it was closed';
comment on column bi.hours.hour is 'Of the same date, from 0 to 23: 20 is from 20:00 to 20:59';
comment on column bi.hours.guests is 'Guests with an order of the hour. Not to be added up, and of longer times not to be had: a guest may come again';

comment on column bi.dishes.dish is 'The newest name that a CLOSED order brought';
comment on column bi.dishes.orders is 'Orders with the dish. An order has several dishes: added up, they are more than the orders';
comment on column bi.dishes.guests is 'Guests who ordered it at least once. Not to be added up: a guest orders several dishes';

comment on column bi.categories.orders is 'Orders with a dish of the category. An order has several categories: added up, they are more than the orders';
comment on column bi.categories.guests is 'Guests with at least one such order. Not to be added up: a guest orders from several categories';

comment on column bi.restaurants.restaurant is 'The newest name that an order brought, CLOSED or not';

comment on column bi.tags.guests is 'Guests who have it now. Not to be added up: a guest may have several tags';

comment on column bi.dish_days.day is 'Business day of the order''s date: in practice the day on which it was closed';
comment on column bi.dish_days.dish is 'The newest name that a CLOSED order brought';
comment on column bi.dish_days.orders is 'Orders with the dish on the day. Added up over dishes, they are more than the orders: an order has several';
comment on column bi.dish_days.guests is 'Guests who ordered it on the day. Not to be added up, over days or dishes: a guest may come again, and orders several';

comment on column bi.category_days.day is 'Business day of the order''s date: in practice the day on which it was closed';
comment on column bi.category_days.orders is 'Orders with a dish of the category on the day. Added up over categories, they are more than the orders: an order has several';
comment on column bi.category_days.guests is 'Guests with such an order on the day. Not to be added up, over days or categories: a guest may come again, and orders from several';

comment on table bi.restaurant_days is 'Orders, guests and takings of a restaurant on a day. A day without orders has no row: an average over days is too high unless it counts as 0';
comment on column bi.restaurant_days.day is 'Business day of the order''s date: in practice the day on which it was closed';
comment on column bi.restaurant_days.restaurant is 'The newest name that an order brought, CLOSED or not';
comment on column bi.restaurant_days.guests is 'Guests who ordered there on the day. Not to be added up, over days or restaurants: a guest may come again, and elsewhere';

comment on column bi.tag_days.guests is 'Guests who had it at the end of the day. Not to be added up: a guest may have several tags, and on several days';
comment on function bi.rename_days is 'Gives the rows of all days the names that dishes, categories and restaurants have here now';
`,
    "0010_guests_who_come_again": `
-- A refresh under way would wait for what is locked here, and this for what that refresh has locked already.
select pg_advisory_xact_lock(7370120);

create materialized view bi.weeks as
with guest_weeks as (
  select user_id, date_trunc('week', placed_at)::date as week, count(*) as orders
  from bi.counted_orders group by 1, 2
), placed as (
  select week, orders, week = min(week) over (partition by user_id) as is_first from guest_weeks
)
select week, sum(orders)::integer as orders, count(*)::integer as guests,
  (count(*) filter (where is_first))::integer as new_guests
from placed group by week;
create unique index on bi.weeks (week);
comment on materialized view bi.weeks is 'Orders and guests of a week. A week without orders has no row: an average over weeks is too high unless it counts as 0';
comment on column bi.weeks.week is 'Monday of the week, by the order''s date in the business time zone: in practice when it was closed';
comment on column bi.weeks.orders is 'Orders of the week';
comment on column bi.weeks.guests is 'Guests with an order of the week. Not to be added up: a guest may come again';
comment on column bi.weeks.new_guests is 'Those of them whose first order of all was in this week. May be added up: a guest is new once';

create materialized view bi.cohorts as
with guest_months as (
  select user_id, date_trunc('month', placed_at)::date as month, count(*) as orders
  from bi.counted_orders group by 1, 2
), placed as (
  select month, orders, min(month) over (partition by user_id) as first_month from guest_months
)
select first_month, month,
  (12 * (extract(year from month) - extract(year from first_month))
    + extract(month from month) - extract(month from first_month))::integer as months_later,
  sum(orders)::integer as orders, count(*)::integer as guests
from placed group by first_month, month;
create unique index on bi.cohorts (first_month, month);
comment on materialized view bi.cohorts is 'Whether guests come again: of those who first ordered in one month, how many ordered in each month from then on. A month in which none of them did has no row';
comment on column bi.cohorts.first_month is 'First day of the month of a guest''s first order, by its date in the business time zone';
comment on column bi.cohorts.month is 'First day of the month in which they ordered; the first month itself too';
comment on column bi.cohorts.months_later is 'Months from the first to this one: 0 is the first itself, with all guests of the cohort';
comment on column bi.cohorts.orders is 'Their orders of this month';
comment on column bi.cohorts.guests is 'Those of them with an order of this month. May be added up over first_month, not over month: a guest has one first month';

create view bi.months as
select month, sum(orders)::integer as orders, sum(guests)::integer as guests,
  coalesce(sum(guests) filter (where month = first_month), 0)::integer as new_guests
from bi.cohorts group by month;
comment on view bi.months is 'Orders and guests of a month. A month without orders has no row: an average over months is too high unless it counts as 0';
comment on column bi.months.month is 'First day of the month, by the order''s date in the business time zone: in practice when it was closed';
comment on column bi.months.orders is 'Orders of the month';
comment on column bi.months.guests is 'Guests with an order of the month. Not to be added up: a guest may come again';
comment on column bi.months.new_guests is 'Those of them whose first order of all was in this month. May be added up: a guest is new once';

comment on column bi.days.guests is 'Guests with an order of the day. Not to be added up: a guest may come again. Those of weeks and months are in bi.weeks and bi.months';
comment on column bi.hours.guests is 'Guests with an order of the hour. Not to be added up: a guest may come again';

-- Not before the views are made, which takes seconds: whoever wants to know the zone waits from here on.
alter table bi.settings add months_refreshed_at timestamptz, add months_took interval not null default '0';
comment on table bi.settings is 'The zone of days and hours in this schema, from BUSINESS_TIME_ZONE, and when its views were last computed: those of weeks and months more rarely';
create or replace view bi.freshness as
select refreshed_at at time zone time_zone as refreshed_at, time_zone,
  months_refreshed_at at time zone time_zone as months_refreshed_at
from bi.settings;
comment on column bi.freshness.refreshed_at is 'When all but weeks, months and cohorts was last computed, in the business time zone';
comment on column bi.freshness.months_refreshed_at is 'When weeks, months and cohorts were, in the business time zone';

create or replace function bi.refresh(now timestamptz, only_if_due boolean) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set max_parallel_workers_per_gather = 0 set work_mem = '32MB' set jit = off as $$
declare
  started timestamptz := clock_timestamp();
  months_started timestamptz;
  changed date[];
  view_name text;
begin
  if not pg_try_advisory_xact_lock(7370120) then
    return false;
  end if;
  -- At rest for twenty times as long as it took: at most a twentieth of one core, however many orders there are. What
  -- was done in the future was done by a clock that went wrong.
  if only_if_due and exists (
    select from bi.settings
    where refreshed_at <= now and refreshed_at + greatest(refresh_took * 20, interval '1 minute') > now
  ) then
    return false;
  end if;
  -- First of all, since every statement sees what was committed before it: of these orders the views have all dishes,
  -- categories and restaurants, and an order that comes later changes a fingerprint for the next time.
  changed := bi.take_changed_days();
  -- In this order: later ones read earlier ones.
  foreach view_name in array array['totals', 'dishes', 'categories', 'restaurants', 'tags', 'tag_days'] loop
    execute format('refresh materialized view concurrently bi.%I', view_name);
  end loop;
  perform bi.compute_days(changed);
  -- Only now is it known on which day each dish had its newest order. Few refreshes find a dish that is new or has moved.
  refresh materialized view concurrently bi.dish_categories;
  if exists (
    select from bi.dishes join bi.dish_categories using (product_id)
    where dishes.category is distinct from dish_categories.category
  ) then
    refresh materialized view concurrently bi.dishes;
  end if;
  perform bi.rename_days();
  -- These read all orders, since one that changes can make its guest new in another month. They take at most a
  -- hundredth of one core beside the rest: nobody looks at a month by the minute.
  if not only_if_due or not exists (
    select from bi.settings where months_refreshed_at <= now and months_refreshed_at + months_took * 100 > now
  ) then
    months_started := clock_timestamp();
    refresh materialized view concurrently bi.weeks;
    refresh materialized view concurrently bi.cohorts;
    update bi.settings set months_refreshed_at = now, months_took = clock_timestamp() - months_started;
  end if;
  update bi.settings set refreshed_at = now, refresh_took = clock_timestamp() - started;
  return true;
end
$$;
`,
    "0011_tags_with_a_window": `
-- A refresh under way would wait for the view that is dropped here, and this for what that refresh has locked already.
select pg_advisory_xact_lock(7370120);

drop materialized view bi.tags;
create materialized view bi.tags as
select rule.tag, rule.category_name as category, rule.threshold, coalesce(held.guests, 0) as guests,
  coalesce(held.guests, 0)::double precision / nullif(totals.guests, 0) as share_of_guests,
  rule.window_days, rule.exit_threshold
from cdm.tag_rules rule
left join (select tag, count(*)::integer as guests from cdm.user_tags group by tag) held using (tag)
cross join bi.totals
where rule.active;
create unique index on bi.tags (tag);
comment on materialized view bi.tags is 'The tags that rules give now, and how many guests have each';
comment on column bi.tags.tag is 'The tag';
comment on column bi.tags.category is 'The category its rule looks at';
comment on column bi.tags.threshold is 'A guest has the tag with more orders of the category than this; with a window, once the orders within it are more';
comment on column bi.tags.window_days is 'Each time a guest orders, the orders of so many days of 24 hours up to that one count; null: all orders count';
comment on column bi.tags.exit_threshold is 'With a window: a guest keeps the tag until no more orders than these are left in it; null without';
comment on column bi.tags.guests is 'Guests who have it now. Not to be added up: a guest may have several tags';
comment on column bi.tags.share_of_guests is 'Of all guests, from 0 to 1';
`
  }
}
