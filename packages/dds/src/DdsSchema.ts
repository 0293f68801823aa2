/** The `dds` schema: a Data Vault of the orders. Keys are UUIDs derived from business keys. */
import { readableVersionFunction } from "@metka/core/heldVersions"
import type { SchemaMigrations } from "@metka/core/Migrations"

/** Part of a migration, and like it it does not change: of rows that get one key the first is kept. */
const withReadableVersions = (table: string, parent: string, version: string, hashdiff: string): string => `
delete from dds.${table} where ctid in (
  select ctid from (
    select ctid, row_number() over (partition by ${parent}, dds.readable_version(${version}), ${hashdiff} order by load_dt) as place
    from dds.${table}
  ) placed where place > 1
);
update dds.${table} set ${version} = dds.readable_version(${version})
where ${version} <> dds.readable_version(${version});`

export const ddsMigrations: SchemaMigrations = {
  schema: "dds",
  migrations: {
    "0001_hubs": `
create table dds.h_user (h_user_pk uuid primary key, user_id text not null, load_dt timestamptz not null, load_src text not null);
create table dds.h_product (h_product_pk uuid primary key, product_id text not null, load_dt timestamptz not null, load_src text not null);
create table dds.h_category (h_category_pk uuid primary key, category_name text not null, load_dt timestamptz not null, load_src text not null);
create table dds.h_restaurant (h_restaurant_pk uuid primary key, restaurant_id text not null, load_dt timestamptz not null, load_src text not null);
create table dds.h_order (
  h_order_pk uuid primary key,
  order_id bigint not null,
  order_dt timestamp not null,
  order_version text collate "C" not null,
  version_no integer not null,
  load_dt timestamptz not null,
  load_src text not null
);
comment on column dds.h_order.order_version is 'The newest version the vault has taken in';
comment on column dds.h_order.version_no is 'How many versions the vault has taken in: the satellite rows of this number say what the order is now';
`,
    "0002_links": `
create table dds.l_order_user (
  hk_order_user_pk uuid primary key, h_order_pk uuid not null, h_user_pk uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create table dds.l_order_product (
  hk_order_product_pk uuid primary key, h_order_pk uuid not null, h_product_pk uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create table dds.l_product_category (
  hk_product_category_pk uuid primary key, h_product_pk uuid not null, h_category_pk uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create table dds.l_product_restaurant (
  hk_product_restaurant_pk uuid primary key, h_product_pk uuid not null, h_restaurant_pk uuid not null,
  load_dt timestamptz not null, load_src text not null
);
`,
    "0003_satellites": `
create table dds.s_user_names (
  h_user_pk uuid not null, username text not null, userlogin text,
  user_version text collate "C" not null, hk_user_names_hashdiff uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_user_pk, user_version, hk_user_names_hashdiff)
);
create table dds.s_product_names (
  h_product_pk uuid not null, name text not null,
  restaurant_version text collate "C" not null, hk_product_names_hashdiff uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_product_pk, restaurant_version, hk_product_names_hashdiff)
);
create table dds.s_restaurant_names (
  h_restaurant_pk uuid not null, name text not null,
  restaurant_version text collate "C" not null, hk_restaurant_names_hashdiff uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_restaurant_pk, restaurant_version, hk_restaurant_names_hashdiff)
);
create table dds.s_order_cost (
  h_order_pk uuid not null, cost numeric not null, payment numeric not null,
  version_no integer not null, hk_order_cost_hashdiff uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_order_pk, version_no)
);
create table dds.s_order_status (
  h_order_pk uuid not null, status text not null,
  version_no integer not null, hk_order_status_hashdiff uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_order_pk, version_no)
);
create table dds.s_order_effectivity (
  h_order_pk uuid not null, h_user_pk uuid not null, h_restaurant_pk uuid not null,
  version_no integer not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_order_pk, version_no)
);
comment on table dds.s_order_effectivity is 'Whose order a version is and of which restaurant; the row of the newest version is in effect';
create table dds.s_order_product (
  hk_order_product_pk uuid not null, h_order_pk uuid not null, h_category_pk uuid not null,
  price numeric not null, quantity numeric not null,
  version_no integer not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (h_order_pk, version_no, hk_order_product_pk)
);
comment on table dds.s_order_product is 'The dishes of a version, with the category each had when the version was enriched; the rows of the newest version are in effect';
comment on column dds.s_order_product.price is 'Roubles a piece; of a dish that the order names twice, of its first item';
comment on column dds.s_order_product.quantity is 'Pieces, over all items of the dish';
`,
    // They were compared as text: a name of the time zzz was newer than any that came after it.
    "0004_readable_versions": `
${readableVersionFunction("dds")}
${withReadableVersions("s_user_names", "h_user_pk", "user_version", "hk_user_names_hashdiff")}
${withReadableVersions("s_product_names", "h_product_pk", "restaurant_version", "hk_product_names_hashdiff")}
${withReadableVersions("s_restaurant_names", "h_restaurant_pk", "restaurant_version", "hk_restaurant_names_hashdiff")}
drop function dds.readable_version;
`
  }
}
