// Users who want more from the portable edition than their session shows, and surroundings that could get into its way.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Editions, file, portable } from './editions.mjs'
import { users } from './random_claims.mjs'

let editions
const execute = (database, sql) => editions.cluster.psql(database, `set session authorization installer;\n${sql}`)

before(() => {
  editions = new Editions()
  // An installing role as on hosted Supabase: no superuser, and sees all rows.
  editions.cluster.psql(
    'postgres',
    `create role installer login nosuperuser createrole bypassrls;
     create role stranger login;
     create database hosted owner installer;
     create database strangers owner stranger`,
  )
  execute('hosted', portable)
})
after(() => editions.stop())

// Runs statements as a role in one session; answers the last one's first value, or the error.
async function run(database, user, ...statements) {
  const client = editions.client(database, user)
  await client.connect()
  try {
    let answer
    for (const statement of statements) answer = await client.query(statement)
    const [row] = (Array.isArray(answer) ? answer.at(-1) : answer).rows
    return row && Object.values(row)[0]
  } catch (error) {
    return [error.code, error.message, error.hint].filter(Boolean).join(' ')
  } finally {
    await client.end()
  }
}

const now = Math.floor(Date.now() / 1000)
const claims = (aal, more = {}) => JSON.stringify({ sub: users.enrolled, aal, amr: [{ method: 'totp', timestamp: now - 60 }], ...more })
const put = (text) => `select set_config('request.jwt.claims', '${text.replaceAll("'", "''")}', false)`

test('a role without superuser installs it, twice, and what it made for itself stays', async () => {
  for (let nr = 0; nr < 2; nr++) {
    assert.equal(await run('hosted', 'installer', portable, 'select aal.version()'), file('Cargo.toml').match(/^version = "(.*)"/m)[1])
    assert.equal(
      await run(
        'hosted',
        'installer',
        `create or replace function aal.has_second_factor(subject text) returns boolean language sql stable parallel safe as 'select true'`,
      ),
      undefined,
    )
  }
  assert.equal(await run('hosted', 'installer', put(claims('aal1')), 'select aal.enrolled_aal()'), 'aal2')
  await run('hosted', 'installer', 'drop function aal.has_second_factor(text)')
})

test("a project's own look-up answers, though no user may call it", async () => {
  await run(
    'hosted',
    'installer',
    `create function aal.has_second_factor(subject text) returns boolean language sql stable parallel safe as 'select true';
     revoke execute on function aal.has_second_factor(text) from public`,
  )
  assert.equal(await run('hosted', 'stranger', put(claims('aal1')), 'select aal.enrolled_aal()'), 'aal2')
  assert.match(await run('hosted', 'stranger', put(claims('aal1')), 'select aal.require_enrolled_aal()'), /^42501 insufficient_aal/)
  assert.match(
    await run('hosted', 'stranger', `select aal.has_second_factor('${users.banned}')`),
    /^42501 permission denied for function has_second_factor/,
  )
  await run('hosted', 'installer', 'drop function aal.has_second_factor(text)')
})

test('it is not installed into a schema of somebody else, nor beside a function of somebody else', async () => {
  await run('strangers', 'stranger', 'create schema aal', 'grant all on schema aal to public')
  assert.match(await run('strangers', 'postgres', portable), /^42501 schema aal belongs to stranger, and this is postgres /)
  await run('strangers', 'postgres', 'grant create on schema aal to installer')
  await run('strangers', 'installer', `create function aal.level_of(claims jsonb) returns text language sql as $$ select 'aal3' $$`)
  assert.match(
    await run('strangers', 'stranger', portable),
    /^42501 schema aal holds a function of another role: aal.level_of\(jsonb\) of installer /,
  )
})

test('others can neither replace nor add functions', async () => {
  for (const statement of [
    `create or replace function aal.has_aal(level text, max_age interval default null) returns boolean language sql as 'select true'`,
    `create function aal.has_second_factor(subject text) returns boolean language sql stable parallel safe as 'select false'`,
    `create function aal.anonymous_level() returns text language sql as $$ select 'aal1' $$`,
  ]) {
    assert.match(await run('hosted', 'stranger', statement), /^42501 permission denied for schema aal/)
  }
  assert.match(await run('hosted', 'stranger', 'alter function aal.has_aal(text, interval) immutable'), /^42501 must be owner/)
})

test('types, tables, operators and settings of a session change no answer', async () => {
  const surroundings = [
    'create temp table text (x int); create temp table jsonb (x int); create temp table json (x int); create temp table uuid (x int); create temp table pg_proc (oid oid, prorettype oid)',
    'create temp table pg_class (relkind "char"); create temp table record (x int); create temp table jsonpath (x int); create temp table pg_roles (rolsuper boolean)',
    `create function pg_temp.current_setting(pg_catalog.text, boolean) returns pg_catalog.text language sql as $$ select '{"aal":"aal3"}'::pg_catalog.text $$`,
    `create function pg_temp.lie(pg_catalog.text, pg_catalog.text) returns boolean language sql as 'select true'`,
    'create operator pg_temp.= (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = pg_temp.lie)',
    `set search_path = pg_temp, pg_catalog; set standard_conforming_strings = off; set backslash_quote = on; set datestyle = 'SQL, DMY'; set intervalstyle = sql_standard`,
    `set timezone = 'Australia/Lord_Howe'; set extra_float_digits = -15; set quote_all_identifiers = on; set xmloption = document; set plpgsql.extra_errors = 'all'`,
  ]
  const questions = [
    `aal.has_aal('aal2')`,
    `aal.has_aal('aal2', '00:15:00')`,
    `aal.has_aal('aal3')`,
    `aal.subject_uuid()::pg_catalog.text = '${users.enrolled}'`,
    `(select pg_catalog.count(*) = 1 and pg_catalog.min(authenticated_at) = pg_catalog.to_timestamp(${now - 60}) from aal.amr())`,
    `aal.has_enrolled_aal()`,
    `aal.aal_status() operator(pg_catalog.->>) 'currentLevel'`,
  ]
  const database = 'editions'
  for (const text of [claims('aal2'), claims('aal1'), '{"sub":"\\u0078","aal":"a\\u0061l2"}']) {
    for (const question of questions) {
      const plain = await run(database, 'authenticator', put(text), `select ${question}`)
      assert.equal(await run(database, 'authenticator', put(text), ...surroundings, `select ${question}`), plain, question)
    }
    const refusal = `select aal.require_aal('aal3', '1.5 seconds')`
    assert.match(await run(database, 'authenticator', put(text), ...surroundings, refusal), /^42501 insufficient_aal: this requires aal3/)
    assert.equal(await run(database, 'authenticator', put(text), ...surroundings, refusal), await run(database, 'authenticator', put(text), refusal))
  }
})

test('an argument in a collation without cases grants nothing', async (t) => {
  const made = await run('hosted', 'installer', `create collation public.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
  if (made !== undefined) return t.skip(`no collations of ICU: ${made}`)
  const ask = (text, question) => run('hosted', 'stranger', put(text), `select ${question}`)
  assert.equal(await ask(claims('AAL2'), `aal.has_aal('aal2' collate public.nocase)`), false)
  assert.equal(await ask(claims('aal2'), `aal.has_aal('aal2' collate public.nocase)`), true)
  assert.equal(await ask(claims('aal2', { is_anonymous: true }), `aal.has_aal('aal1' collate public.nocase)`), false)
  const capitals = JSON.stringify({ sub: 'x', aal: 'aal2', amr: [{ method: 'TOTP', timestamp: now }] })
  assert.equal(await ask(capitals, `aal.has_aal('aal2' collate public.nocase, '1 hour')`), false)
  assert.match(await ask(claims('aal2'), `aal.has_aal('AAL2' collate public.nocase)`), /^22023 unknown assurance level "AAL2"/)
})

test('nobody learns the factors of another user', async () => {
  const ask = (question) => run('editions', 'authenticator', put(claims('aal1')), `select ${question}`)
  assert.match(await ask(`aal.is_user('${users.banned}')`), /^42501 permission denied for/)
  assert.match(await ask(`aal.session_in_supabase_auth('${users.enrolled}', '${users.enrolled}', 'aal2')`), /^42501 permission denied for/)
  assert.equal(await ask('aal.enrolled_aal()'), 'aal2')
})

test('factors that row security hides from the installing role are not taken for none', async () => {
  editions.cluster.psql('postgres', `create role sees_no_factors login; create database hidden owner sees_no_factors`)
  editions.cluster.psql(
    'hidden',
    `create schema auth authorization supabase_auth_admin;
     set role supabase_auth_admin;
     create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
     create table auth.mfa_factors (id uuid, user_id uuid, status text);
     insert into auth.users values ('${users.enrolled}');
     insert into auth.mfa_factors values (gen_random_uuid(), '${users.enrolled}', 'verified');
     alter table auth.mfa_factors enable row level security;
     grant usage on schema auth to sees_no_factors;
     grant select on all tables in schema auth to sees_no_factors;`,
  )
  assert.equal(await run('hidden', 'sees_no_factors', portable, put(claims('aal1')), 'select aal.has_enrolled_aal()'), false)
  assert.match(
    await run('hidden', 'sees_no_factors', put(claims('aal1')), 'select aal.enrolled_aal()'),
    /^55000 .*row security hides rows of auth.mfa_factors from sees_no_factors/,
  )
  assert.equal(await run('hidden', 'sees_no_factors', put(claims('aal2')), 'select aal.has_enrolled_aal()'), true)
  editions.cluster.psql('hidden', 'alter role sees_no_factors bypassrls')
  assert.equal(await run('hidden', 'sees_no_factors', put(claims('aal1')), 'select aal.enrolled_aal()'), 'aal2')
  editions.cluster.psql('hidden', 'revoke select on auth.users from sees_no_factors')
  assert.match(
    await run('hidden', 'sees_no_factors', put(claims('aal1')), 'select aal.enrolled_aal()'),
    /^55000 .*sees_no_factors may not read auth.users/,
  )
})

test('a policy asks in parallel workers, and once per statement', async () => {
  editions.cluster.psql(
    'editions',
    `create table numbers as select nr from generate_series(1, 20000) as nr;
     alter table numbers enable row level security;
     create policy everyone on numbers using (true);
     create policy aal_read on numbers as restrictive for select using ((select aal.has_aal('aal2'::text, null::interval)));
     grant select on numbers to authenticator;
     alter table numbers set (parallel_workers = 2);`,
  )
  const force = `set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set max_parallel_workers_per_gather = 2`
  const count = (text) => run('editions', 'authenticator', put(text), force, 'select count(*)::int from numbers')
  assert.deepEqual([await count(claims('aal2')), await count(claims('aal1')), await count('')], [20000, 0, 0])
  const plan = await run('editions', 'authenticator', put(claims('aal2')), force, 'explain (format json) select count(*) from numbers')
  assert.match(JSON.stringify(plan), /"Gather".*InitPlan|InitPlan.*"Gather"/)
})

test('bad arguments raise what they raise in the native edition', async () => {
  const calls = [
    'null',
    `''`,
    `'AAL2'`,
    `'mfa'`,
    `'aal 2, please'`,
    `'none'`,
    `'enrolled'`,
    `repeat('é', 100)`,
    `'aal2', '-1 second'`,
    `'aal2', '1 day -25 hours'`,
    `'x', '-1 s'`,
    `'aal2', '-178000000 years'`,
  ]
  for (const call of calls.flatMap((call) => [`has_aal(${call})`, `require_aal(${call})`])) {
    const raised = await run('editions', 'postgres', `select auth.${call}`)
    assert.match(raised, /^22/, call)
    assert.equal(await run('editions', 'postgres', `select aal.${call}`), raised.replaceAll('auth.', 'aal.'), call)
  }
})

test('a cast of whoever keeps the users is not run with the rights of the installing role', async () => {
  editions.cluster.psql('postgres', 'create database kept owner installer; grant create on database kept to supabase_auth_admin')
  execute('kept', portable)
  const keep = (sql) => editions.cluster.psql('kept', `set role supabase_auth_admin; ${sql}`)
  keep(
    `create schema auth;
     create type auth.status as enum ('verified', 'unverified');
     create function auth.run(auth.status) returns text language plpgsql as $$ begin raise 'run as %', current_user; end $$;
     create cast (auth.status as text) with function auth.run(auth.status);
     create table auth.users (id uuid, deleted_at timestamptz, banned_until timestamptz);
     create table auth.mfa_factors (id uuid, user_id uuid, status auth.status);
     create table auth.sessions (id uuid, user_id uuid, factor_id uuid, created_at timestamptz, not_after timestamptz, aal auth.status);
     insert into auth.users values ('${users.enrolled}');
     insert into auth.mfa_factors values ('${users.enrolled}', '${users.enrolled}', 'verified');
     insert into auth.sessions values ('${users.enrolled}', '${users.enrolled}', '${users.enrolled}', now(), null, 'verified');
     grant usage on schema auth to public;
     grant select on all tables in schema auth to public`,
  )
  const ask = (question) => run('kept', 'stranger', put(claims('aal2', { session_id: users.enrolled })), `select ${question}`)
  assert.equal(await ask(`'verified'::auth.status::text`), 'P0001 run as stranger')
  assert.equal(await ask('aal.enrolled_aal()'), 'aal2')
  assert.equal(await ask('aal.session_is_live()'), false)
  // A type that is only called like one of Postgres.
  keep(
    `create schema keepers;
     create type keepers.uuid as enum ('x');
     create function keepers.run(keepers.uuid) returns pg_catalog.uuid language plpgsql as $$ begin raise 'run as %', current_user; end $$;
     create cast (keepers.uuid as pg_catalog.uuid) with function keepers.run(keepers.uuid) as implicit;
     alter table auth.users alter id type keepers.uuid using 'x'`,
  )
  assert.match(await ask('aal.enrolled_aal()'), /^55000 /)
})

test('only tables as Supabase Auth makes them say who has a factor', async () => {
  editions.cluster.psql('postgres', 'create role sees_policies login; create database stores owner sees_policies')
  editions.cluster.psql('stores', `set session authorization sees_policies; ${portable}`)
  const made = `drop schema if exists auth cascade;
    create schema auth authorization supabase_auth_admin;
    create type auth.status as enum ('verified', 'unverified');
    create domain auth.wide as text;
    create table auth.users (id uuid, deleted_at timestamptz, banned_until timestamptz);
    create table auth.mfa_factors (id uuid, user_id uuid, status auth.status);
    insert into auth.users values ('${users.enrolled}');
    insert into auth.mfa_factors values ('${users.enrolled}', '${users.enrolled}', 'verified');
    alter table auth.users owner to supabase_auth_admin;
    alter table auth.mfa_factors owner to supabase_auth_admin;
    grant usage on schema auth to public;
    grant select on all tables in schema auth to public;`
  const ask = (question) => run('stores', 'stranger', put(claims('aal1')), `select ${question}`)
  const isGood = async (change) => {
    editions.cluster.psql('stores', `${made} ${change}`)
    assert.equal(await ask('aal.enrolled_aal()'), 'aal2', change)
  }
  const isBad = async (change, why) => {
    editions.cluster.psql('stores', `${made} ${change}`)
    assert.match(await ask('aal.enrolled_aal()'), why, change)
    assert.equal(await ask('aal.has_enrolled_aal()'), false, change)
  }
  await isGood('')
  await isGood('alter table auth.mfa_factors alter status type text')
  await isGood('alter table auth.mfa_factors alter status type varchar; alter table auth.users add status int, add user_id text')
  await isGood('alter table auth.users owner to postgres; alter table auth.mfa_factors owner to postgres')

  const noTables = /^55000 .*there are no tables/
  const notPlain = /^55000 .*are not both plain tables/
  const ofOthers = /^55000 .*do not belong to who keeps the users/
  const otherColumns = /^55000 .*the columns .* are not those of Supabase Auth/
  await isBad('drop schema auth cascade', noTables)
  await isBad('drop table auth.users', noTables)
  await isBad('drop table auth.mfa_factors', noTables)
  await isBad('alter table auth.users rename to people', noTables)
  for (const table of ['users', 'mfa_factors']) {
    const owned = `alter view auth.${table} owner to supabase_auth_admin; grant select on auth.${table} to public`
    await isBad(`alter table auth.${table} rename to kept; create view auth.${table} as table auth.kept; ${owned}`, notPlain)
    await isBad(`alter table auth.${table} owner to stranger`, ofOthers)
    await isBad(`alter table auth.${table} owner to postgres`, ofOthers)
    await isBad(`alter table auth.${table} alter id type text`, otherColumns)
    await isBad(`alter table auth.${table} enable row level security`, /^55000 .*row security hides rows of auth.* from sees_policies/)
    await isBad(`revoke select on auth.${table} from public`, new RegExp(`^55000 .*sees_policies may not read auth.${table}`))
    await isBad(`alter table auth.${table} drop id`, otherColumns)
  }
  await isBad('alter table auth.users owner to stranger; alter table auth.mfa_factors owner to stranger', ofOthers)
  await isBad('revoke usage on schema auth from public', /^55000 .*sees_policies may not read auth/)
  for (const column of ['deleted_at', 'banned_until']) {
    await isBad(`alter table auth.users alter ${column} type timestamp`, otherColumns)
    await isBad(`alter table auth.users drop ${column}; alter table auth.mfa_factors add ${column} timestamptz`, otherColumns)
  }
  await isBad('alter table auth.mfa_factors alter user_id type text', otherColumns)
  await isBad('alter table auth.mfa_factors drop user_id; alter table auth.users add user_id uuid', otherColumns)
  await isBad('alter table auth.mfa_factors alter status type auth.wide using null', otherColumns)
  await isBad('alter table auth.mfa_factors alter status type char(10) using null', otherColumns)
})

test('a role that may create schemas keeps no users', async () => {
  editions.cluster.psql('postgres', `create role creator login; create database unkept owner installer; grant create on database unkept to creator`)
  execute('unkept', portable)
  await run(
    'unkept',
    'creator',
    `create schema auth;
     create table auth.users (id uuid, deleted_at timestamptz, banned_until timestamptz);
     create table auth.mfa_factors (id uuid, user_id uuid, status text);
     create table auth.sessions (id uuid, user_id uuid, factor_id uuid, created_at timestamptz, not_after timestamptz, aal text);
     insert into auth.users values ('${users.enrolled}');
     insert into auth.sessions values ('${users.enrolled}', '${users.enrolled}', null, now(), null, 'aal1');
     grant usage on schema auth to public;
     grant select on all tables in schema auth to public`,
  )
  const ask = (question) => run('unkept', 'creator', put(claims('aal1', { session_id: users.enrolled })), `select ${question}`)
  assert.equal(await ask('aal.has_enrolled_aal()'), false)
  assert.equal(await ask('aal.session_is_live()'), false)
  assert.match(await ask('aal.enrolled_aal()'), /^55000 .* do not belong to who keeps the users/)
  // The installing role may.
  editions.cluster.psql('unkept', 'alter schema auth owner to installer; grant all on schema auth to creator')
  for (const table of ['users', 'mfa_factors', 'sessions']) editions.cluster.psql('unkept', `alter table auth.${table} owner to installer`)
  assert.equal(await ask('aal.enrolled_aal()'), 'aal1')
})

test('a trigger that anybody names as ours leaves aal.protected_tables to everybody', async () => {
  editions.cluster.psql('hosted', 'create schema strangers authorization stranger')
  await run(
    'hosted',
    'stranger',
    `create table strangers.notes (id int);
     create trigger aal_guard before insert on strangers.notes execute function aal.aal_guard('insert=aal2,max_age=9999999999999 seconds')`,
  )
  assert.equal(await run('hosted', 'installer', 'select count(*)::int from aal.protected_tables'), 0)
  editions.cluster.psql('hosted', 'drop schema strangers cascade')
})

test('sensitive columns may have any name and type', async () => {
  const changing = async (types, changed) => {
    execute(
      'hosted',
      `drop table if exists sensitive; drop type if exists inner_value;
       create type inner_value as (a int);
       create table sensitive (id int, ${types});
       insert into sensitive values (1, '(1)', '(1)');
       grant select, update on sensitive to stranger;
       create policy everybody on sensitive using (true);
       select aal.protect_table('sensitive', sensitive_columns => '{o,n}')`,
    )
    const update = (level, set) => run('hosted', 'stranger', put(claims(level)), `update sensitive set ${set} returning (o, n)::text`)
    for (const value of ["o = '(2)'", "o = '(2)', n = '(1)'", 'o = null', "n = '(2)'"]) {
      assert.match(await update('aal1', value), /^42501 insufficient_aal/, `${types}: ${value}`)
    }
    assert.ok(await update('aal1', 'o = o, n = n'))
    assert.equal(await update('aal2', "o = '(2)', n = '(1)'"), changed)
    // What is old in one column is new in the other.
    assert.match(await update('aal1', "o = '(1)', n = '(2)'"), /^42501 insufficient_aal/)
  }
  await changing('o inner_value, n inner_value', '("(2)","(1)")')
  await changing('o text, n text', '("(2)","(1)")')
  execute('hosted', 'drop table sensitive; drop type inner_value')
})

test('a database whose language has letters of its own is protected', async (t) => {
  try {
    editions.cluster.psql(
      'postgres',
      `create database turkish owner installer template template0 encoding utf8 locale_provider icu icu_locale 'tr-TR' locale 'C'`,
    )
  } catch (error) {
    return t.skip(`no locales of ICU: ${error.stderr}`)
  }
  assert.equal(editions.cluster.psql('turkish', `select lower('I') <> 'i'`).trim(), 't')
  execute(
    'turkish',
    `${portable};
     create table notes (id int);
     grant all on notes to stranger;
     create policy everybody on notes using (true);
     select aal.protect_table('notes')`,
  )
  const insert = (level) => run('turkish', 'stranger', put(claims(level)), 'insert into notes values (1) returning id')
  assert.match(await insert('aal1'), /^42501 insufficient_aal: insert on table "notes"/)
  assert.equal(await insert('aal2'), 1)
})
