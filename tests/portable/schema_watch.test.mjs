// The watch of aal.protect_schema: no table comes past it, whoever brings it and however.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { portable } from './editions.mjs'

let cluster, client
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', `create role app_owner; grant create on database postgres to app_owner; ${portable}`)
  // An extension with a table, that its owner may move.
  const share = execFileSync(cluster.folder + '/bin/pg_config', ['--sharedir'], { encoding: 'utf8' }).trim() + '/extension/has_a_table'
  writeFileSync(share + '.control', "default_version = '1'\nrelocatable = true\nsuperuser = false\n")
  writeFileSync(share + '--1.sql', 'create table of_extension (id int);')
  writeFileSync(share + '--1--2.sql', 'create table of_update (id int);')
})
after(async () => {
  await client?.end()
  cluster.stop()
})
beforeEach(async () => {
  await client?.end()
  client = new pg.Client({ ...cluster.connection, database: 'postgres' })
  client.notices = []
  client.on('notice', (notice) => client.notices.push(notice.message))
  await client.connect()
  await client.query(`
    drop extension if exists has_a_table;
    drop schema if exists app, other, elsewhere, renamed cascade;
    do $$ declare it record; begin
      for it in select name from aal.watches() loop execute format('drop event trigger %I; drop function aal.%I()', it.name, it.name); end loop; end $$;
    create schema app authorization app_owner;
    create schema elsewhere authorization app_owner`)
})

const asOwner = async (sql) => {
  await client.query('set role app_owner')
  // One by one: a statement that must not run in a transaction may be among them.
  for (const statement of sql.split(';').filter((it) => it.trim())) await client.query(statement)
  await client.query('reset role')
}
const levels = async (schema = 'app') =>
  (
    await client.query(`select c.relname, p.on_update, p.row_security from pg_class c left join aal.protected_tables p on p.target = c.oid
                         where c.relnamespace = to_regnamespace('${schema}') and c.relkind in ('r', 'p') and not exists (
                           select from aal.protected_schemas s where c.relname = any (s.excluding)) order by 1`)
  ).rows.map(({ relname, on_update, row_security }) => `${relname} ${on_update}${row_security ? '' : ', row security off'}`)

const ways = {
  'CREATE TABLE': ['create table app.t (id int)', 't'],
  'CREATE TABLE … AS': ['create table app.t as select 1 as id', 't'],
  'SELECT INTO': ['select 1 as id into app.t', 't'],
  'CREATE TABLE … LIKE': ['create table elsewhere.l (id int); create table app.t (like elsewhere.l)', 't'],
  'CREATE TABLE … INHERITS': ['create table elsewhere.p (id int); create table app.t () inherits (elsewhere.p)', 't'],
  'CREATE TABLE … OF': ['create type elsewhere.k as (id int); create table app.t of elsewhere.k', 't'],
  'CREATE TABLE … PARTITION OF': [
    'create table elsewhere.p (id int) partition by range (id); create table app.t partition of elsewhere.p for values from (0) to (1)',
    't',
  ],
  'CREATE UNLOGGED TABLE': ['create unlogged table app.t (id int)', 't'],
  'CREATE SCHEMA with a table': ['drop schema app; create schema app create table t (id int)', 't'],
  'ALTER TABLE … SET SCHEMA': ['create table elsewhere.t (id int); alter table elsewhere.t set schema app', 't'],
  'ALTER TABLE … RENAME of an excluded table': ['create table app.open (id int); alter table app.open rename to t', 't'],
  'ALTER INDEX, which renames tables, too': ['create table app.open (id int); alter index app.open rename to t', 't'],
  'DETACH PARTITION of an excluded table': [
    `create table app.open (id int) partition by range (id); create table app.t partition of app.open for values from (0) to (1);
     alter table app.open detach partition app.t`,
    't',
  ],
  'DETACH PARTITION CONCURRENTLY of an excluded table': [
    `create table app.open (id int) partition by range (id); create table app.t partition of app.open for values from (0) to (1);
     alter table app.open detach partition app.t concurrently`,
    't',
  ],
  'CREATE EXTENSION … SCHEMA': ['create extension has_a_table schema app', 'of_extension'],
  'ALTER EXTENSION … UPDATE': [
    "create extension has_a_table schema app; drop table if exists app.none; alter extension has_a_table update to '2'",
    'of_update',
  ],
  'ALTER EXTENSION … SET SCHEMA': ['create extension has_a_table schema elsewhere; alter extension has_a_table set schema app', 'of_extension'],
  'ALTER SCHEMA … RENAME to the name that is watched': [
    'drop schema app; create table elsewhere.t (id int); alter schema elsewhere rename to app',
    't',
  ],
}

describe('with new_tables => protect, a table that comes in is protected', () => {
  for (const [way, [sql, table]] of Object.entries(ways)) {
    test(way, async () => {
      await client.query(`select from aal.protect_schema('app', excluding => '{open}')`)
      await asOwner(sql)
      assert.ok((await levels()).includes(`${table} aal2`), `${await levels()}`)
    })
  }
  test('by a session that fires no ordinary triggers', async () => {
    await client.query(`select from aal.protect_schema('app'); set session_replication_role = replica; create table app.t (id int)`)
    assert.deepEqual(await levels(), ['t aal2'])
  })
})

describe('with new_tables => refuse, it is refused', () => {
  for (const [way, [sql]] of Object.entries(ways)) {
    test(way, async () => {
      await client.query(`select from aal.protect_schema('app', excluding => '{open}', new_tables => 'refuse')`)
      await assert.rejects(asOwner(sql), ({ code, message }) => code === '55000' && /takes no tables without its protection/.test(message))
    })
  }
})

describe('a foreign table, which cannot be protected, is refused', () => {
  const foreign = {
    'CREATE FOREIGN TABLE': `create foreign table app.f (id int) server nowhere`,
    'ALTER FOREIGN TABLE … SET SCHEMA': `create foreign table elsewhere.f (id int) server nowhere; alter foreign table elsewhere.f set schema app`,
    'ALTER TABLE … SET SCHEMA': `create foreign table elsewhere.f (id int) server nowhere; alter table elsewhere.f set schema app`,
    'IMPORT FOREIGN SCHEMA': `import foreign schema elsewhere limit to (local) from server itself into app`,
  }
  for (const [way, sql] of Object.entries(foreign)) {
    test(way, async (t) => {
      await client.query(`
        drop server if exists nowhere cascade;
        drop foreign data wrapper if exists nothing;
        create foreign data wrapper nothing;
        create server nowhere foreign data wrapper nothing;
        create table elsewhere.local (id int);
        select from aal.protect_schema('app')`)
      if (sql.startsWith('import')) {
        const { rows } = await client.query("select from pg_available_extensions where name = 'postgres_fdw'")
        if (rows.length === 0) return t.skip('this server comes without postgres_fdw')
        await client.query(`
          create extension postgres_fdw;
          create server itself foreign data wrapper postgres_fdw options (host '${cluster.connection.host}', dbname 'postgres');
          create user mapping for postgres server itself options (user 'postgres')`)
      }
      await assert.rejects(client.query(sql), ({ code, message }) => code === '42809' && /^app\.(f|local) is a foreign table/.test(message))
    })
  }
})

describe('a table that comes with a protection of its own', () => {
  const come = async (options, damage = '') => {
    await client.query(`select from aal.protect_schema('app'); create table elsewhere.t (id int, user_id uuid);
                        select from aal.protect_table('elsewhere.t', ${options}); ${damage} alter table elsewhere.t set schema app`)
    return levels()
  }
  const cases = {
    'of lower writes': [`write => 'aal1'`],
    'whose row security is off': [`read => 'aal1'`, 'alter table elsewhere.t disable row level security;'],
    'whose policy is gone': [`read => 'aal1'`, 'drop policy aal_update on elsewhere.t;'],
    'whose guard is off': [`read => 'aal1'`, 'alter table elsewhere.t disable trigger aal_guard;'],
    'for some roles': [`roles => '{app_owner}'`],
  }
  for (const [name, arguments_] of Object.entries(cases)) {
    test(`${name} gets the schema's`, async () => {
      assert.deepEqual(await come(...arguments_), ['t aal2'])
      const lacks = `select aal.lacks_of_schema((select record from aal.watches()), 'app.t'::regclass) as lacks`
      assert.deepEqual((await client.query(lacks)).rows, [{ lacks: [] }])
    })
  }
  test('that is higher keeps it', async () => assert.deepEqual(await come(`write => 'aal3'`), ['t aal3']))
  test('that is lower in something and higher in something is refused', async () => {
    await assert.rejects(come(`read => 'none', write => 'aal3'`), ({ code, detail }) => code === '55000' && /^read: /.test(detail))
  })
  test("whose policies are somebody else's by our names is refused", async () => {
    await client.query(`select from aal.protect_schema('app'); create table elsewhere.t (id int); create policy aal_read on elsewhere.t using (true)`)
    await assert.rejects(client.query('alter table elsewhere.t set schema app'), ({ code }) => code === '42710')
  })
  test('may be given a lower one afterwards, also in the same transaction', async () => {
    await client.query(`select from aal.protect_schema('app'); begin; create table app.t (id int);
                        select from aal.protect_table('app.t', write => 'aal1', lower => true);
                        alter table app.t add note text; alter table app.t alter note set default 'x'; alter table app.t add unique (note);
                        create table app.u (id int); select from aal.unprotect_table('app.u'); commit; alter table app.t add other text`)
    assert.deepEqual(await levels(), ['t aal1', 'u null, row security off'])
  })
})

test('a schema that gets another name is named', async () => {
  await client.query(`select from aal.protect_schema('app')`)
  await asOwner('alter schema app rename to renamed')
  assert.ok(client.notices.includes('new tables are watched in schema app, and no schema has that name'), client.notices.join('\n'))
})

test('each schema has a watch of its own, however long their names are', async () => {
  const long = 'ä'.repeat(26)
  const names = [long + '_1', long + '_2', 'aal_schema_1', '1', 'a"b\'c; drop']
  for (const name of names) await client.query(`create schema ${pg.escapeIdentifier(name)}`)
  for (const name of names) await client.query(`select from aal.protect_schema(${pg.escapeLiteral(pg.escapeIdentifier(name))})`)
  for (const name of names) await client.query(`create table ${pg.escapeIdentifier(name)}.t (id int)`)
  for (const name of names) {
    const { rows } = await client.query('select on_update from aal.protected_tables where target = $1::regclass', [pg.escapeIdentifier(name) + '.t'])
    assert.deepEqual(rows, [{ on_update: 'aal2' }], name)
    await client.query(`select from aal.unprotect_schema(${pg.escapeLiteral(pg.escapeIdentifier(name))})`)
    await client.query(`drop schema ${pg.escapeIdentifier(name)} cascade`)
  }
  assert.deepEqual((await client.query('select * from aal.protected_schemas')).rows, [])
})
