/**
 * For migrations alone, and like these it does not change: `ReferenceVersion.ts` in SQL, for the versions of references
 * that earlier builds held as they came.
 */

/** Makes the function `readable_version` in the schema. */
export const readableVersionFunction = (schema: string): string => `
create function ${schema}.readable_version(held text) returns text language plpgsql as $$
declare
  part text[] := regexp_match(held,
    '^(\\d{4}-\\d\\d-\\d\\d)(?:[T ](\\d\\d:\\d\\d)(:\\d\\d)?(\\.\\d+)?)?(?: ?(?:Z|UTC|([+-])(\\d\\d)(?::?(\\d\\d))?))?$');
  spelled text := concat(part[1], ' ', coalesce(part[2], '00:00'), coalesce(part[3], ':00'));
  sign text := coalesce(part[5], '+');
  utc timestamp;
begin
  if held ~ '^!\\d{16}$' then return held; end if;
  if part is null or to_char(spelled::timestamp, 'YYYY-MM-DD HH24:MI:SS') <> spelled then return ''; end if;
  utc := spelled::timestamp - make_interval(
    hours => concat(sign, coalesce(part[6], '0'))::int, mins => concat(sign, coalesce(part[7], '0'))::int);
  if extract(year from utc) not between 1 and 9999 then return ''; end if;
  return concat(to_char(utc, 'YYYY-MM-DD HH24:MI:SS'), part[4]);
exception when others then return '';
end
$$;
`
