// Tables that Citus holds can't be protected, and nothing restrictive counts on them. Citus itself isn't here: an extension of its name stands in, with its list of tables.

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
    create table app.payments (id int primary key, user_id uuid);
    create table app.plain (id int);
    create table app.events (id int) partition by range (id);
    create table app.events_1 partition of app.events for values from (0) to (10) partition by range (id);
    create table app.events_1_1 partition of app.events_1 for values from (0) to (5);
    create table app.local (id int) partition by range (id);
    create table app.local_1 partition of app.local for values from (0) to (10);
    create table app.protected_before (id int);
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

test('what Citus holds is refused, with its partitions and for them, and nothing else is', () => {
  cluster.psql('postgres', "insert into pg_dist_partition values ('app.payments'), ('app.events'), ('app.local_1')")
  for (const call of calls) {
    // Whoever asks; and app may not read the list.
    for (const role of ['app', 'postgres']) {
      refused(`select ${call}('app.payments')`, 'app.payments is a Citus table', role)
      refused(`select ${call}('app.events')`, 'app.events is a Citus table', role)
      refused(`select ${call}('app.events_1')`, 'app.events_1 is a Citus table', role)
      refused(`select ${call}('app.events_1_1')`, 'app.events_1_1 is a Citus table', role)
      refused(`select ${call}('app.local')`, 'app.local_1 is a Citus table', role)
      assert.notEqual(attempt(`select count(*) from ${call}('app.plain')`, role), '')
    }
  }
  const code = "do $$ begin perform auth.protect_table('app.payments'); exception when feature_not_supported then raise 'it was 0A000'; end $$"
  refused(code, 'it was 0A000')
  assert.equal(attempt("set citus.enable_ddl_propagation = off; select count(*) from auth.protect_table('app.plain')") === '', false)
  refused("set citus.enable_ddl_propagation = off; select auth.protect_table('app.payments')", 'app.payments is a Citus table')
})

test('the matrix counts nothing restrictive, and says why; taken out of the list, all is as before', () => {
  const matrix = () =>
    cluster
      .psql('postgres', "select command, required_aal, coalesce(note, '-') from auth.aal_matrix('app.protected_before') where role = 'authenticated'")
      .trim()
  const before = matrix()
  assert.match(before, /^SELECT\|aal2\|-$/m)
  cluster.psql('postgres', "insert into pg_dist_partition values ('app.protected_before')")
  for (const command of ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) {
    assert.match(matrix(), new RegExp(`^${command}\\|none\\|a Citus table: `, 'm'))
  }
  assert.throws(() => cluster.psql('postgres', "select auth.assert_aal('app.protected_before', 'update', 'aal1')"), /a Citus table/)
  refused("select auth.protect_table('app.protected_before')", 'is a Citus table')
  // What a restrictive policy asks, as a permissive one: it opens rows that no other policy does.
  const own =
    "alter policy everybody on app.protected_before using (auth.has_aal('aal3')); select required_aal from auth.aal_matrix('app.protected_before') where role = 'authenticated' and command = 'SELECT'"
  assert.match(attempt(own), /^aal2$/m)
  assert.notEqual(attempt("select count(*) from auth.unprotect_table('app.protected_before')"), '')
  cluster.psql('postgres', "delete from pg_dist_partition where logicalrelid = 'app.protected_before'::regclass")
  assert.equal(matrix(), before)
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
  for (const call of calls) refused(`select ${call}('app.plain')`, 'app.plain is a Citus table')
})
