-- Every call of one of our functions must reach ours. An overload that was there before could fit a call better. So the
-- installation fails where schema auth holds one.
set local search_path = pg_catalog, pg_temp;

do $$
declare
  overloads text;
begin
  select pg_catalog.string_agg(distinct other.oid::pg_catalog.regprocedure::pg_catalog.text, ', ')
    into overloads
    from pg_catalog.pg_extension e
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = e.oid
    join pg_catalog.pg_proc ours on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = ours.oid
    join pg_catalog.pg_proc other on other.proname = ours.proname and other.pronamespace = ours.pronamespace
   where e.extname = 'pg_aal' and d.deptype = 'e'
     and not exists (
       select from pg_catalog.pg_depend m
        where m.classid = d.classid and m.objid = other.oid and m.refobjid = e.oid and m.deptype = 'e');
  if overloads is not null then
    raise duplicate_function using
      message = pg_catalog.format('schema auth already holds functions with names of pg_aal: %s', overloads),
      hint = 'Rename or drop them.';
  end if;
end
$$;

set local search_path = auth, pg_temp;
