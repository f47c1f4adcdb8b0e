-- pg_aal {{ version }}, the portable edition: step-up authentication for row-level security, in plain SQL.
--
-- Written by `make portable` from sql/portable/ and crates/aal. Don't edit it: an upgrade is the next file.
-- Run it as the role that owns your tables (on Supabase: postgres). It is safe to run again.
do $$
declare
  owner pg_catalog.name := (select pg_catalog.pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = 'aal');
  stranger pg_catalog.text;
begin
  if pg_catalog.getdatabaseencoding() <> 'UTF8' then
    raise feature_not_supported using
      message = pg_catalog.format('pg_aal needs a database with encoding UTF8, and this one has %s', pg_catalog.getdatabaseencoding());
  end if;
  if owner <> current_user then
    raise insufficient_privilege using
      message = pg_catalog.format('schema aal belongs to %I, and this is %I', owner, current_user),
      hint = 'If it holds the portable edition, run this as its owner. Else rename that schema: the portable edition needs the name.';
  end if;
  -- What somebody else made in it could be called in the place of what is made here.
  select pg_catalog.format('%s of %I', function.oid::pg_catalog.regprocedure, pg_catalog.pg_get_userbyid(function.proowner))
    into stranger
    from pg_catalog.pg_proc as function
   where function.pronamespace = pg_catalog.to_regnamespace('aal')
     and pg_catalog.pg_get_userbyid(function.proowner) <> current_user
   limit 1;
  if stranger is not null then
    raise insufficient_privilege using
      message = pg_catalog.format('schema aal holds a function of another role: %s', stranger),
      hint = 'Drop it, or give it to the owner of the schema.';
  end if;
end
$$;

create schema if not exists aal;

-- Only its owner creates in it: a function here decides who passes.
revoke create on schema aal from public;
grant usage on schema aal to public;

create or replace function aal.version() returns text
language sql immutable parallel safe
set search_path = ''
as $$ select '{{ version }}'::pg_catalog.text $$;
