// Beside other libraries that have hooks in the executor, loaded before pg_aal or after it: an error passes through all their
// hooks, and leaves the session as it was.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims, jane, jwks, sign } from '../tokens.mjs'

const secret = 'a secret for a session beside other libraries'
const ann = '22222222-2222-4222-8222-222222222222'

const libraries = {
  auto_explain: 'auto_explain.log_min_duration = 0\nauto_explain.log_analyze = on\nauto_explain.log_nested_statements = on',
  pg_stat_statements: 'pg_stat_statements.track = all',
  pgaudit: "pgaudit.log = 'all'\npgaudit.log_parameter = on",
  pg_stat_kcache: 'pg_stat_kcache.track = all',
  pg_qualstats: 'pg_qualstats.sample_rate = 1',
  powa: 'powa.frequency = -1',
}
const needs = { pg_stat_kcache: ['pg_stat_statements'] }

// What fails, and by which error: in each of the executor's hooks, alone and within others.
const failures = [
  ['as it begins', 'select * from parted where k = fails()', 'P0001'],
  ['for want of a privilege', 'select * from secrets', '42501'],
  ['as it runs', 'select auth.aal(), 1 / (n - 1) from generate_series(1, 2) n', '22012'],
  ['as it finishes', 'insert into failing_at_end values (1)', 'P0001'],
  ['as its transaction ends', 'insert into failing_at_commit values (1)', 'P0001'],
  ['within another', "select runs('select fails()')", 'P0001'],
  ['within two others, as it finishes', "select runs('select runs(''insert into failing_at_end values (1)'')')", 'P0001'],
  ['within another, which goes on', "select catches('select fails()')", undefined],
  ['within another, which goes on and fails', "select catches('select fails()'), fails()", 'P0001'],
  [
    'in a cursor',
    'declare c0 cursor for select 1; declare c1 cursor for select 2; declare c cursor for select fails() from generate_series(1, 2); fetch c',
    'P0001',
  ],
  ['in a cursor that a statement runs', "declare c cursor for select fails() from generate_series(1, 2); select runs('fetch c')", 'P0001'],
]

let cluster
const missing = []
before(() => {
  cluster = new Cluster()
  const folder = execFileSync(cluster.folder + '/bin/pg_config', ['--pkglibdir'], { encoding: 'utf8' }).trim()
  for (const name of Object.keys(libraries)) if (!existsSync(`${folder}/${name}.so`)) missing.push(name)
  cluster.psql(
    'postgres',
    `create extension pg_aal;
    create role app login;
    create function fails() returns int language plpgsql stable as $$ begin perform auth.aal(); raise exception 'as it should'; end $$;
    create function fails_as_trigger() returns trigger language plpgsql as $$ begin perform fails(); return null; end $$;
    create function runs(query text) returns void language plpgsql as $$ begin execute query; end $$;
    create function catches(query text) returns void language plpgsql as $$
    begin
      execute query;
    exception when raise_exception then
      perform auth.aal();
    end $$;
    create table secrets (id int);
    create table parted (k int) partition by list (k);
    create table part partition of parted for values in (1);
    create table other_part partition of parted for values in (2);
    create table failing_at_end (id int);
    create trigger fails after insert on failing_at_end for each row execute function fails_as_trigger();
    create table failing_at_commit (id int);
    create constraint trigger fails after insert on failing_at_commit deferrable initially deferred
      for each row execute function fails_as_trigger();
    grant all on parted, failing_at_end, failing_at_commit to app;`,
  )
})
after(() => cluster.stop())

async function keepsItsLevel(preloaded) {
  const settings = preloaded.map((name) => libraries[name] ?? '').join('\n')
  cluster.configure(`shared_preload_libraries = '${preloaded.join(', ')}'\n${settings}
    pg_aal.claims_source = 'token'\npg_aal.jwks = '${jwks(secret)}'`)
  const client = new pg.Client({ ...cluster.connection, user: 'app', database: 'postgres' })
  await client.connect()
  const tokens = [await sign(claims({ sub: jane }), secret), await sign(claims({ sub: ann, factorAge: 60 }), secret)]

  // A transaction of two statements, of two tokens.
  async function levels() {
    const seen = []
    await client.query('begin')
    for (const token of tokens) {
      await client.query('select auth.authenticate($1)', [token])
      seen.push((await client.query({ text: 'select auth.subject(), auth.aal()', rowMode: 'array' })).rows[0])
    }
    await client.query('rollback')
    return seen
  }
  try {
    const expected = [
      [jane, 'aal1'],
      [ann, 'aal2'],
    ]
    assert.deepEqual(await levels(), expected, preloaded.join())
    for (const [how, sql, code] of failures) {
      await client.query('begin')
      await client.query('select auth.authenticate($1)', [tokens[0]])
      await client.query('savepoint a')
      let error
      try {
        await client.query(sql)
        if (how === 'as its transaction ends') await client.query('set constraints all immediate')
      } catch (raised) {
        error = raised
      }
      assert.equal(error?.code, code, `${how}: ${error?.message}`)
      await client.query('rollback to a')
      // In the same transaction, and in the next.
      await client.query('select auth.authenticate($1)', [tokens[1]])
      const { rows } = await client.query({ text: 'select auth.subject(), auth.aal()', rowMode: 'array' })
      assert.deepEqual(rows[0], expected[1], `${preloaded}: ${how}: in the same transaction`)
      await client.query('rollback')
      assert.deepEqual(await levels(), expected, `${preloaded}: ${how}: in the next transaction`)
    }
  } finally {
    await client.end()
  }
}

const installed = () => Object.keys(libraries).filter((name) => !missing.includes(name))

test('a session keeps its level beside each of them, loaded before pg_aal or after it', async () => {
  for (const name of installed()) {
    await keepsItsLevel([...(needs[name] ?? []), name, 'pg_aal'])
    await keepsItsLevel(['pg_aal', ...(needs[name] ?? []), name])
  }
})

test('a session keeps its level beside all of them', async () => {
  const all = installed()
  await keepsItsLevel([...all, 'pg_aal'])
  await keepsItsLevel(['pg_aal', ...all])
  await keepsItsLevel([...all.slice(0, 2), 'pg_aal', ...all.slice(2)])
})

// pgaudit's hook stands in the same chain as the one that refuses reads: that of the permissions check.
test('reads are refused beside pgaudit, loaded before pg_aal or after it, and pgaudit logs those that pass', async (t) => {
  if (missing.includes('pgaudit')) return t.skip('not tried: pgaudit')
  cluster.psql(
    'postgres',
    `create role auditor nologin;
    create table letters (id int);
    insert into letters values (1);
    grant select, update on letters to app, auditor;
    create policy everybody on letters using (true);
    select auth.protect_table('letters', read => 'aal2', refuse_reads => true);
    create view shown as select * from letters;
    alter view shown owner to auditor;
    grant select on shown to app;`,
  )
  const statements = ['select /* # */ id from letters', 'update /* # */ letters set id = id where id = 1', 'select /* # */ id from shown']
  for (const preloaded of ['pgaudit, pg_aal', 'pg_aal, pgaudit']) {
    cluster.configure(`shared_preload_libraries = '${preloaded}'\npgaudit.log = 'read, write'\npgaudit.role = 'auditor'`)
    const client = new pg.Client({ ...cluster.connection, user: 'app', database: 'postgres' })
    await client.connect()
    try {
      for (const [nr, statement] of statements.entries()) {
        for (const aal of ['aal1', 'aal2']) {
          const marked = statement.replace('#', `${preloaded.split(',')[0]} ${nr} ${aal}`)
          await client.query('select set_config($1, $2, false)', ['request.jwt.claims', JSON.stringify({ ...claims(), aal })])
          const { error, rows } = await client.query(marked).catch((error) => ({ error }))
          if (aal === 'aal1') assert.match(error.message, /^insufficient_aal: select on table "letters" requires aal2/)
          else assert.equal(error, undefined, `${preloaded}: ${statement}`)
          if (rows && statement.startsWith('select')) assert.deepEqual(rows, [{ id: 1 }])
          const audited = cluster
            .log()
            .split('\n')
            .filter((line) => line.includes('AUDIT: ') && line.includes(marked))
          if (aal === 'aal2')
            assert.ok(audited.some((line) => line.includes('AUDIT: OBJECT')) && audited.some((line) => line.includes('AUDIT: SESSION')), marked)
        }
      }
    } finally {
      await client.end()
    }
  }
})

test('all six are installed', (t) => {
  if (missing.length > 0) t.skip(`not tried: ${missing.join(', ')}`)
})

test('none of them made the server crash, or pg_aal panic', () => {
  assert.doesNotMatch(cluster.log(), /internal error|PANIC|terminated by signal/)
})
