/**
 * For migrations alone, and like these it does not change: what `ReferenceVersion.ts` makes of the versions of references
 * that earlier builds held as they came.
 */

/** Makes the function `readable_version` in the schema. */
export const readableVersionFunction = (schema: string): string => `
create function ${schema}.readable_version(held text) returns text language plpgsql set timezone = 'UTC' as $$
begin
  if held = '' or held ~ '^!\\d{16}$' then return held; end if;
  if held !~ '^\\d{4}-\\d\\d-\\d\\d' then return ''; end if;
  if held ~ '^.{10} \\d\\d:\\d\\d:\\d\\d(\\.\\d+)?$' then
    perform held::timestamp;
    return held;
  end if;
  return to_char(held::timestamptz, 'YYYY-MM-DD HH24:MI:SS.US');
exception when others then return '';
end
$$;
`
