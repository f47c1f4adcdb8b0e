// Tables that Citus holds get a protection of their own, and nothing restrictive counts on them. Citus itself isn't here: an extension of its
// name stands in, with its list of tables. citus_server.test.mjs runs a real one.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

let cluster
before(() => {
  cluster = new Cluster()
  const share = execFileSync(cluster.folder + '/bin/pg_config', ['--sharedir'], { encoding: 'utf8' }).trim()
  writeFileSync(share + '/extension/citus.control', "default_version = '1'\nrelocatable = false\nschema = pg_catalog\n")
  writeFileSync(
    share + '/extension/citus--1.sql',
    `
    create schema citus;
    create table citus.pg_dist_partition (logicalrelid regclass not null, partmethod "char" not null default 'h');
    alter table citus.pg_dist_partition set schema pg_catalog;
  `,
  )
  cluster.psql(
    'postgres',
    `
    create role anon nologin; create role authenticated nologin; create role app login;
    create extension pg_aal;
    create schema app authorization app;
    set role app;
    create table app.payments (id int primary key, user_id uuid, other uuid);
    create table app.plain (id int);
    create function app.is_admin() returns boolean language sql stable as 'select true';
    create table app.events (id int, user_id uuid) partition by range (id);
    create table app.events_1 partition of app.events for values from (0) to (10) partition by range (id);
    create table app.events_1_1 partition of app.events_1 for values from (0) to (5);
    create table app.local (id int, user_id uuid) partition by range (id);
    create table app.local_1 partition of app.local for values from (0) to (10);
    create table app.protected_before (id int, user_id uuid);
    create policy everybody on app.protected_before using (true);
    grant usage on schema app to authenticated;
    grant select, insert, update, delete, truncate on all tables in schema app to authenticated;
    set client_min_messages = error;
    select auth.protect_table('app.protected_before', read => 'aal2');
  `,
  )
})
after(() => cluster.stop())

// Each in a transaction that is rolled back.
const attempt = (sql, role = 'app') =>
  cluster.psql('postgres', `set client_min_messages = error; begin; set role ${role};\n${sql};\nrollback;`).trim()
const refused = (sql, text, role) =>
  assert.throws(
    () => attempt(sql, role),
    (error) => error.stderr?.includes(text) ?? error.message.includes(text),
    sql,
  )
const calls = ['auth.protect_table', 'auth.protect_table_sql']

test('a table of somebody else that is called like the list says nothing', () => {
  const lists = `
    create table app.pg_dist_partition (logicalrelid regclass); insert into app.pg_dist_partition values ('app.plain');
    set search_path = app, pg_catalog;`
  for (const call of calls) assert.notEqual(attempt(`${lists} select count(*) from ${call}('app.plain')`), '')
  cluster.psql('postgres', 'create extension citus')
  for (const call of calls) assert.notEqual(attempt(`${lists} select count(*) from ${call}('app.plain')`), '')
  const none = attempt(
    `${lists} select auth.protect_table('app.plain', read => 'aal2'); select count(*) from auth.aal_matrix('app.plain') where note is not null`,
  )
  assert.match(none, /^0$/m)
})

const on = 'set citus.enable_ddl_propagation = on; set citus.enable_unsafe_triggers = on;'

test('what Citus holds gets permissive policies for own rows, and a trigger of its own for TRUNCATE; nothing else does', () => {
  cluster.psql(
    'postgres',
    "insert into pg_dist_partition values ('app.payments'), ('app.events'), ('app.events_1'), ('app.events_1_1'), ('app.local_1')",
  )
  for (const role of ['app', 'postgres']) {
    const made = attempt(
      `${on} select read, owner_column from auth.protect_table('app.payments', owner_column => 'user_id', max_age => '15 minutes');
       select polname, polpermissive, polcmd, pg_get_expr(coalesce(polqual, polwithcheck), polrelid) from pg_policy where polrelid = 'app.payments'::regclass order by 1;
       select tgname, tgtype from pg_trigger where tgrelid = 'app.payments'::regclass order by 1;
       select read, on_update, owner_column, guard from auth.protected_tables where target = 'app.payments'::regclass`,
      role,
    )
    const own = '(user_id = auth.subject_uuid())'
    const written = `(${own} AND auth.has_aal('aal2'::text, '00:15:00'::interval))`
    assert.equal(
      made,
      `aal1|user_id
aal_delete|t|d|${written}
aal_insert|t|a|${written}
aal_read|t|r|(${own} AND auth.has_aal('aal1'::text, NULL::interval))
aal_update|t|w|${written}
aal_guard|30
aal_truncate|34
aal1|aal2 within 15 minutes|user_id|t`,
    )
  }
  assert.match(attempt(`${on} select partitions from auth.protect_table('app.events', owner_column => 'user_id')`), /^2$/m)
  assert.notEqual(attempt("select count(*) from auth.protect_table('app.plain')"), '')
  assert.equal(attempt("select count(*) from pg_policy where polrelid = 'app.plain'::regclass and polpermissive"), '0')
})

test('what does not hold in shards is refused with 0A000, and says what to do', () => {
  for (const call of calls) {
    const refusals = [
      ["'app.payments'", 'owner_column is missing'],
      ["'app.payments', owner_column => 'user_id', read => 'none'", 'level none for SELECT'],
      ["'app.payments', owner_column => 'user_id', on_insert => 'none'", 'level none for INSERT'],
      ["'app.payments', owner_column => 'user_id', write => 'enrolled'", 'level enrolled for INSERT'],
      ["'app.payments', owner_column => 'user_id', live => true", 'live cannot be'],
      ["'app.payments', owner_column => 'user_id', applies_when => 'app.is_admin()'", 'applies_when cannot be'],
      ["'app.payments', owner_column => 'user_id', sensitive_columns => '{id}'", 'sensitive_columns cannot be'],
      ["'app.payments', owner_column => 'user_id', refuse_reads => true", 'refuse_reads cannot be'],
      ["'app.local', owner_column => 'user_id'", 'app.local_1 is a Citus table, and app.local is not'],
      ["'app.protected_before', owner_column => 'user_id'", 'is a Citus table with other policies: everybody'],
    ]
    cluster.psql('postgres', "insert into pg_dist_partition values ('app.protected_before')")
    for (const [options, text] of refusals) refused(`${on} select ${call}(${options})`, text)
    cluster.psql('postgres', "delete from pg_dist_partition where logicalrelid = 'app.protected_before'::regclass")
    const owned = `select ${call}('app.payments', owner_column => 'user_id')`
    refused(owned, 'citus.enable_ddl_propagation is not on')
    refused(`set citus.enable_ddl_propagation = on; ${owned}`, 'needs citus.enable_unsafe_triggers')
    assert.notEqual(attempt(`set citus.enable_ddl_propagation = on; ${owned.replace(')', ', guard => false)')}`), '')
    const code = `do $$ begin perform ${call}('app.payments'); exception when feature_not_supported then raise 'it was 0A000'; end $$`
    refused(code, 'it was 0A000')
  }
})

test('protected again and taken back, without its comments, too', () => {
  const protect = "select read from auth.protect_table('app.payments', owner_column => 'user_id');"
  const lose = ['read', 'insert', 'update', 'delete'].map((it) => `comment on policy aal_${it} on app.payments is null;`).join('')
  const loseTriggers = ['guard', 'truncate'].map((it) => `comment on trigger aal_${it} on app.payments is null;`).join('')
  for (const lost of ['', lose + loseTriggers]) {
    const again = attempt(
      `${on} ${protect} ${lost} select count(*) from auth.aal_lint() where name ~ '0001|0020|0025|0048' and metadata ->> 'name' = 'payments'; ${protect}
       ${lost} select row_security from auth.unprotect_table('app.payments'); select count(*) from pg_policy where polrelid = 'app.payments'::regclass;
       select count(*) from pg_trigger where tgrelid = 'app.payments'::regclass`,
    )
    assert.equal(again, `aal1\n0\naal1\n${lost ? 't' : 'f'}\n0\n0`)
    const lowered = `${on} ${protect} ${lost} select auth.protect_table('app.payments', owner_column => 'user_id', write => 'aal1')`
    refused(lowered, 'would lower the protection')
    refused(`${on} ${protect} ${lost} select auth.protect_table('app.payments', owner_column => 'other')`, 'would lower the protection')
  }
  refused(
    `${on} ${protect} set citus.enable_ddl_propagation = off; select auth.unprotect_table('app.payments')`,
    'citus.enable_ddl_propagation is not on',
  )
  // One altered by hand is not known by its shape.
  const altered = "alter policy aal_read on app.payments using (user_id = auth.subject_uuid() or auth.has_aal('aal1'))"
  assert.match(
    attempt(`${on} ${protect} ${altered}; select detail from auth.aal_lint() where name ~ '0020' and metadata ->> 'name' = 'payments'`),
    /policy aal_read was altered/,
  )
})

test('the matrix counts nothing restrictive, and says why; taken out of the list, all is as before', () => {
  const matrix = (table = 'app.protected_before', before = '') =>
    attempt(`${before} select command, required_aal, coalesce(note, '-') from auth.aal_matrix('${table}') where role = 'authenticated'`, 'postgres')
  const before = matrix()
  assert.match(before, /^SELECT\|aal2\|-$/m)
  cluster.psql('postgres', "insert into pg_dist_partition values ('app.protected_before')")
  for (const command of ['SELECT', 'INSERT', 'UPDATE', 'DELETE']) {
    assert.match(matrix(), new RegExp(`^${command}\\|none\\|a Citus table: in its shards`, 'm'))
  }
  assert.throws(() => cluster.psql('postgres', "select auth.assert_aal('app.protected_before', 'update', 'aal1')"), /a Citus table/)
  const found = "select metadata ->> 'policy' from auth.aal_lint() where name = '0048_restrictive_in_shards' order by 1"
  assert.equal(cluster.psql('postgres', found).trim(), 'aal_delete\naal_insert\naal_read\naal_update')
  // What a restrictive policy asks, as a permissive one: it opens rows that no other policy does.
  const own =
    "alter policy everybody on app.protected_before using (auth.has_aal('aal3')); select required_aal from auth.aal_matrix('app.protected_before') where role = 'authenticated' and command = 'SELECT'"
  assert.match(attempt(own), /^aal2$/m)
  assert.notEqual(attempt(`${on} select count(*) from auth.unprotect_table('app.protected_before')`), '')
  cluster.psql('postgres', "delete from pg_dist_partition where logicalrelid = 'app.protected_before'::regclass")
  assert.equal(matrix(), before)
  // Protected for its shards. Where they are can't be told here, so rows may be copied into one on this node.
  const protect = (options = '') => `${on} select count(*) from auth.protect_table('app.payments', owner_column => 'user_id' ${options});`
  const shards = matrix('app.payments', protect())
  for (const [command, level] of [
    ['SELECT', 'aal1'],
    ['INSERT', 'none'],
    ['UPDATE', 'aal2'],
    ['DELETE', 'aal2'],
    ['TRUNCATE', 'aal2'],
  ]) {
    assert.match(shards, new RegExp(`^${command}\\|${level}\\|a Citus table: what its shards have`, 'm'))
  }
  assert.match(matrix('app.payments', protect(', guard => false')), /^TRUNCATE\|none\|/m)
})

test('a shard on this node opens INSERT, and one elsewhere does not', () => {
  cluster.psql(
    'postgres',
    `
    create table citus.pg_dist_object (classid oid, objid oid, distribution_argument_index int, colocationid int);
    alter table citus.pg_dist_object set schema pg_catalog;
    alter extension citus add table pg_catalog.pg_dist_object;
    create table citus.pg_dist_local_group (groupid int not null);
    create table citus.pg_dist_shard (logicalrelid regclass not null, shardid bigint not null);
    create table citus.pg_dist_placement (placementid bigint, shardid bigint not null, groupid int not null);
    alter table citus.pg_dist_local_group set schema pg_catalog;
    alter table citus.pg_dist_shard set schema pg_catalog;
    alter table citus.pg_dist_placement set schema pg_catalog;
    alter extension citus add table pg_catalog.pg_dist_local_group;
    alter extension citus add table pg_catalog.pg_dist_shard;
    alter extension citus add table pg_catalog.pg_dist_placement;
    insert into pg_dist_local_group values (7);
    insert into pg_dist_shard values ('app.payments', 1), ('app.payments', 2), ('app.events', 3);
    insert into pg_dist_placement values (1, 1, 8), (2, 2, 9), (3, 3, 7)`,
  )
  const insert = (table) =>
    attempt(
      `${on} select count(*) from auth.protect_table('${table}', owner_column => 'user_id'); select required_aal, decided_by from auth.aal_matrix('${table}') where role = 'authenticated' and command = 'INSERT'`,
      'postgres',
    )
  assert.match(insert('app.payments'), /^aal2\|.*aal_insert/m)
  assert.match(insert('app.events'), /^none\|.*COPY and INSERT \.\.\. SELECT into a shard on this node/m)
  // A function that Citus passes on to a node, which the role may execute: its statements run there.
  cluster.psql('postgres', "create function app.passed_on() returns void language plpgsql as 'begin end'")
  const passes = (index, colocation) =>
    cluster.psql(
      'postgres',
      `delete from pg_dist_object; insert into pg_dist_object values ('pg_proc'::regclass, 'app.passed_on()'::regprocedure, ${index}, ${colocation})`,
    )
  passes('null', 'null')
  assert.match(insert('app.payments'), /^aal2\|/m)
  for (const way of [
    ['0', 'null'],
    ['null', '3'],
  ]) {
    passes(...way)
    assert.match(insert('app.payments'), /^none\|.*INSERT \.\.\. SELECT asks no policy where the role runs statements on other nodes/m)
  }
  cluster.psql('postgres', 'revoke execute on function app.passed_on from public')
  assert.match(insert('app.payments'), /^aal2\|/m)
  cluster.psql('postgres', 'update pg_dist_placement set groupid = 7 where placementid = 2')
  assert.match(insert('app.payments'), /^none\|/m)
})

test('claims are handed on only where Citus hands settings on, and statements fail where they have changed since', () => {
  const set = (aal) => `select set_config('request.jwt.claims', '{"aal":"${aal}"}', true) is null;`
  refused(`${set('aal2')} select auth.hand_on_claims()`, 'citus.propagate_set_commands is not local')
  const hand_on = "set citus.propagate_set_commands = 'local'; select auth.hand_on_claims();"
  const read = 'select count(*) from app.plain;'
  assert.match(attempt(`${set('aal2')} ${hand_on} ${read}`), /0$/)
  const changed = 'the claims have changed since they were handed on'
  for (const sql of [read, 'insert into app.plain values (1);', 'do $$ begin perform from app.plain; end $$;']) {
    refused(`${set('aal2')} ${hand_on} ${set('aal1')} ${sql}`, changed)
  }
  assert.match(attempt(`${set('aal2')} ${hand_on} ${set('aal1')} ${hand_on} ${read}`), /0$/)
  // What began before the change, and what the executor doesn't run.
  const cursor = 'declare c cursor for select * from app.plain;'
  assert.equal(attempt(`${set('aal2')} ${hand_on} ${cursor} fetch c;`), 'f')
  refused(`${set('aal2')} ${hand_on} ${cursor} ${set('aal1')} fetch c;`, changed)
  refused(`${set('aal2')} ${hand_on} ${cursor} fetch c; ${set('aal1')} fetch c;`, changed)
  refused(`${set('aal2')} ${hand_on} ${set('aal1')} copy app.plain to stdout;`, changed)
  refused(`${set('aal2')} ${hand_on} ${set('aal1')} copy (select 1) to stdout;`, changed)
  const procedure = "create procedure app.nothing() language plpgsql as 'begin end';"
  assert.equal(attempt(`${procedure} ${set('aal2')} ${hand_on} call app.nothing();`), 'f')
  refused(`${procedure} ${set('aal2')} ${hand_on} ${set('aal1')} call app.nothing();`, changed)
  // A savepoint that is rolled back gives back the claims that were handed on before it. Within one Citus hands on nothing that stays.
  refused(`${set('aal2')} ${hand_on} savepoint s; ${set('aal1')} ${read}`, changed)
  assert.match(attempt(`${set('aal2')} ${hand_on} savepoint s; ${set('aal1')} rollback to s; ${read}`), /0$/)
  const within = "cannot be handed on to Citus' other nodes within a savepoint or a block with EXCEPTION"
  refused(`${set('aal2')} savepoint s; ${hand_on}`, within)
  refused(`${set('aal2')} ${hand_on} savepoint s; ${set('aal1')} ${hand_on}`, within)
  refused(
    `set citus.propagate_set_commands = 'local'; do $$ begin perform auth.hand_on_claims(); exception when division_by_zero then end $$;`,
    within,
  )
  // The next transaction hands nothing on.
  assert.match(attempt(`${set('aal2')} ${hand_on} commit; begin; ${set('aal1')} ${read}`), /0$/)
})

test('policies that a tool made permissive, without their comments, are repaired by protecting again', () => {
  const lost = `
    select read from auth.protect_table('app.plain', read => 'aal2');
    do $$
    declare p record;
    begin
      for p in select * from pg_policies where tablename = 'plain' loop
        execute format('drop policy %I on app.plain', p.policyname);
        execute format('create policy %I on app.plain for %s', p.policyname, p.cmd)
          || coalesce(' using (' || p.qual || ')', '') || coalesce(' with check (' || p.with_check || ')', '');
      end loop;
    end $$;
    comment on trigger aal_guard on app.plain is null;`
  const policies = "select count(*) filter (where polpermissive), count(*) from pg_policy where polrelid = 'app.plain'::regclass;"
  const protect = "select read from auth.protect_table('app.plain', read => 'aal2');"
  assert.equal(attempt(`${lost} ${policies} ${protect} ${policies}`), 'aal2\n4|4\naal2\n0|4')
  // One of another shape is somebody else's.
  refused(`${lost} alter policy aal_read on app.plain using (true); ${protect}`, 'was not made by auth.protect_table')
})

test('which node trusts other than this one is said, and in what: settings, keys, versions; no key is shown', () => {
  // What another node says is in a table here.
  cluster.psql(
    'postgres',
    `
    create table citus.pg_dist_node (nodeid int, nodename text, nodeport int);
    alter table citus.pg_dist_node set schema pg_catalog;
    insert into pg_dist_node values (1, 'here', 5432), (2, 'there', 5433);
    create table app.says (result text);
    create function pg_catalog.run_command_on_all_nodes(command text, out nodeid int, out success bool, out result text) returns setof record
    language plpgsql as $$
    begin
      nodeid := 1; success := true; execute command into result; return next;
      nodeid := 2; select s.result, s.result ~ '^{' from app.says s into result, success; return next;
    end $$`,
  )
  const there = (change) => `insert into app.says select (auth.trust() || ${change})::text;`
  const check = 'select auth.assert_same_trust()'
  const keys = `set pg_aal.jwks = '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';`
  assert.equal(attempt(`${there("'{}'")} ${check}`, 'postgres'), '')
  refused(`${there(`'{"pg_aal.claims_source":"token"}'`)} ${check}`, 'there:5433: pg_aal.claims_source is "token", here "request"', 'postgres')
  refused(`${there(`'{"version of the library":"0"}'`)} ${check}`, 'there:5433: version of the library is "0"', 'postgres')
  refused(`${there(`'{"a later setting":"on"}'`)} ${check}`, 'there:5433: a later setting is "on", here unknown', 'postgres')
  refused(`${there("'{}'")} ${keys} ${check}`, 'there:5433: other keys', 'postgres')
  refused(
    `${there("'{}'")} set pg_aal.jwt_issuer = 'https://issuer'; ${check}`,
    'there:5433: pg_aal.jwt_issuer is "", here "https://issuer"',
    'postgres',
  )
  for (const answer of ['connection refused', '{'])
    refused(`insert into app.says values ('${answer}'); ${check}`, 'there:5433: does not say what it trusts', 'postgres')
  for (const sql of [check, 'select auth.trust()']) refused(sql, 'permission denied to see what pg_aal trusts')
})

test('nobody is looked up in tables that Citus holds', () => {
  cluster.psql(
    'postgres',
    `
    create table auth.users (id uuid primary key, deleted_at timestamptz);
    create table auth.mfa_factors (id int, user_id uuid, status text);
    insert into auth.users values ('11111111-1111-4111-8111-111111111111')`,
  )
  const ask = (what) =>
    attempt(`set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}'; select ${what}`, 'authenticated')
  assert.match(ask('auth.has_enrolled_aal()'), /^t$/m)
  for (const table of ['auth.users', 'auth.mfa_factors']) {
    cluster.psql('postgres', `insert into pg_dist_partition values ('${table}')`)
    assert.match(ask('auth.has_enrolled_aal()'), /^f$/m)
    assert.throws(() => ask('auth.require_enrolled_aal()'), /is a Citus table, whose rows are in shards/)
    assert.match(ask(`auth.aal_status() ->> 'reason'`), /^factors_unknown$/m)
    cluster.psql('postgres', `delete from pg_dist_partition where logicalrelid = '${table}'::regclass`)
  }
  assert.match(ask('auth.has_enrolled_aal()'), /^t$/m)
})

test('a list that cannot be read could hold any table', () => {
  cluster.psql('postgres', 'alter table pg_catalog.pg_dist_partition rename logicalrelid to relid')
  for (const call of calls) refused(`select ${call}('app.plain')`, 'app.plain cannot be protected: which tables Citus holds cannot be read')
})
