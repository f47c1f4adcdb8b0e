-- What aal_matrix and aal_lint are measured on where somebody wants to keep others from an answer: {policies} policies of deep calls that
-- can't be read, and as many tables whose policies must be told apart in very many ways.
create extension pg_aal;
create function f(boolean) returns boolean language plpgsql stable as 'begin return true; end';
create table deep (id int, b boolean);
alter table deep enable row level security;
grant select, insert, update, delete on deep to public;
do $$
declare
  ages text;
begin
  select string_agg(format('auth.has_aal(''aal2'', ''%s s'')', n), ' or ') into ages from generate_series(1, 16) n;
  for t in 1..{policies} loop
    execute (select format('create policy p%s on deep using (%s)', t, string_agg(repeat('f(', 190) || 'id = ' || t || g || repeat(')', 190), ' or ')) from generate_series(1, 50) g);
    execute format('create table told_apart_%s (id int, b1 bool, b2 bool, b3 bool, b4 bool, b5 bool)', t);
    execute format('grant select, insert, update, delete on told_apart_%s to public', t);
    execute format('alter table told_apart_%s enable row level security', t);
    execute format('create policy p on told_apart_%1$s using (((((b1 <> b2) <> b3) <> b4) <> b5) and (%2$s or current_user <> ''x'') and not ((((b1 <> b2) <> b3) <> b4) <> b5))', t, ages);
  end loop;
end
$$;
analyze;
