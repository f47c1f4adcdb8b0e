// A statement waits for a row that another connection changes. Postgres then looks at the row as it has become: the policies decide about
// that one anew, whether their calls stayed where they are (by a unique key) or are evaluated once per statement (InitPlans).

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'

const jane = '11111111-1111-4111-8111-111111111111'
const john = '21111111-1111-4111-8111-111111111111'
const session = '51111111-1111-4111-8111-111111111111'

let cluster, writer, user
before(async () => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create role authenticated nologin;
    create extension pg_aal;
    create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz);
    create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
    create table auth.sessions (
      id uuid primary key, user_id uuid not null, created_at timestamptz default now(), factor_id uuid, aal text, not_after timestamptz);
    insert into auth.users values ('${jane}');
    insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '${jane}', 'verified');
    insert into auth.sessions (id, user_id, aal, factor_id) values ('${session}', '${jane}', 'aal2', 'f1111111-1111-4111-8111-111111111111');

    create table owned (id int primary key, owner uuid not null, note text);
    create table levelled (id int primary key, level text not null, note text);
    create table live (id int primary key, owner uuid not null, note text);
    create table enrolled (like live including all);
    grant select, insert, update, delete on owned, levelled, live, enrolled to authenticated;
    alter table levelled enable row level security;
    create policy by_column on levelled to authenticated using (auth.has_aal(level)) with check (auth.has_aal('aal1'));
    create policy everybody on live using (true) with check (true);
    create policy everybody on enrolled using (true) with check (true);
    set client_min_messages = error;
    select auth.protect_table('owned', owner_column => 'owner');
    select auth.protect_table('live', live => true);
    select auth.protect_table('enrolled', read => 'enrolled', write => 'enrolled');
  `,
  )
  const connect = async () => {
    const client = new pg.Client({ ...cluster.connection, database: 'postgres' })
    await client.connect()
    return client
  }
  writer = await connect()
  user = await connect()
  // A plan that is made while the library is loaded has InitPlans in any case.
  await user.query("load 'pg_aal'")
})
after(async () => {
  await writer?.end()
  await user?.end()
  cluster.stop()
})

const claims = (aal) => JSON.stringify({ sub: jane, role: 'authenticated', aal, session_id: session })

async function signIn(aal) {
  await user.query('reset role')
  await user.query("select set_config('request.jwt.claims', $1, false)", [claims(aal)])
  await user.query('set role authenticated')
}

async function waits() {
  for (let tries = 0; tries < 200; tries++) {
    const { rows } = await writer.query("select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'", [user.processID])
    if (rows.length === 1) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('does not wait')
}

// Runs a statement of the user's while another connection has changed a row that it needs; then that commits. Answers how many rows the
// statement reached, or its SQLSTATE.
async function meanwhile(change, statement, beforeCommit = async () => {}) {
  await writer.query('begin')
  await writer.query(change)
  const running = user.query(statement).then(
    ({ rowCount }) => rowCount,
    ({ code }) => code,
  )
  await waits()
  await beforeCommit()
  await writer.query('commit')
  return running
}

async function reset() {
  await writer.query(`
    truncate owned, levelled, live, enrolled;
    insert into owned select n, '${jane}', 'first' from generate_series(1, 3) n;
    insert into levelled select n, 'aal1', 'first' from generate_series(1, 3) n;
    insert into live select n, '${jane}', 'first' from generate_series(1, 3) n;
    insert into enrolled table live;
    update auth.sessions set not_after = null;
    update auth.users set banned_until = null;
    update auth.mfa_factors set status = 'verified';
    analyze owned, levelled, live, enrolled`)
}

// By a unique key, and by a scan, where calls with constant arguments are InitPlans.
const places = { 'by a unique key': 'id = 1', 'by a scan': 'id + 0 = 1' }
const statements = {
  update: (table, where) => `update ${table} set note = 'mine' where ${where}`,
  'update … returning': (table, where) => `update ${table} set note = 'mine' where ${where} returning *`,
  'update in WITH': (table, where) => `with u as (update ${table} set note = 'mine' where ${where} returning *) select * from u`,
  delete: (table, where) => `delete from ${table} where ${where}`,
  'select for update': (table, where) => `select * from ${table} where ${where} for update`,
  upsert: (table, where) => (where === 'id = 1' ? upsert(table) : null),
  merge: (table, where) => `merge into ${table} t using (values (1)) v(id) on t.${where} when matched then update set note = 'mine'`,
}
const upsert = (table) =>
  `insert into ${table} values (1, ${table === 'levelled' ? "'aal1'" : `'${jane}'`}, 'new') on conflict (id) do update set note = 'mine'`
const all = Object.entries(places).flatMap(([place, where]) =>
  Object.entries(statements).map(([name, make]) => [`${name}, ${place}`, (table) => make(table, where)]),
)
// What a statement answers whose row its policies hide: an upsert and a merge say so.
const hidden = (name) => (name.startsWith('upsert') ? '42501' : 0)

test('the plans are those that are meant', async () => {
  await reset()
  await signIn('aal2')
  const plan = async (where) => {
    const { rows } = await user.query(`explain update owned set note = 'mine' where ${where}`)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
  await user.query('set enable_seqscan = off')
  const [byKey, byScan] = [await plan('id = 1'), await plan('id + 0 = 1')]
  assert.match(byKey, /Index Scan/)
  assert.doesNotMatch(byKey, /InitPlan/)
  assert.match(byScan, /InitPlan/)
})

for (const [name, make] of all) {
  if (make('owned') === null) continue
  test(`${name}: a row that became another user's is out of reach, and one that stayed is in reach`, async () => {
    await reset()
    await signIn('aal2')
    await user.query('set enable_seqscan = off')
    const answer = await meanwhile(`update owned set owner = '${john}' where id = 1`, make('owned'))
    if (name.startsWith('merge')) assert.ok(answer === 0 || answer === '42501', String(answer))
    else assert.equal(answer, hidden(name))
    assert.deepEqual(await cluster.query('postgres', 'select owner, note from owned where id = 1'), [{ owner: john, note: 'first' }])
    await reset()
    assert.equal(await meanwhile("update owned set note = 'second' where id = 1", make('owned')), 1)
  })

  test(`${name}: the level that the row names by now is the one that counts`, async () => {
    for (const [level, reached] of [
      ['aal2', true],
      ['aal3', false],
    ]) {
      await reset()
      await signIn('aal2')
      const answer = await meanwhile(`update levelled set level = '${level}' where id = 1`, make('levelled'))
      if (reached) assert.equal(answer, 1)
      else if (name.startsWith('merge')) assert.ok(answer === 0 || answer === '42501', String(answer))
      else assert.equal(answer, hidden(name))
      const [row] = await cluster.query('postgres', 'select note from levelled where id = 1')
      if (!reached) assert.equal(row.note, 'first')
    }
  })
}

test('a plan that is kept for sessions of any level asks for the level of the session that runs it', async () => {
  await reset()
  await user.query('reset role; set plan_cache_mode = force_generic_plan')
  await signIn('aal3')
  await user.query("prepare kept(int) as update levelled set note = 'mine' where id = $1")
  await user.query('execute kept(2)')
  for (const [aal, reached] of [
    ['aal3', 1],
    ['aal2', 0],
    ['aal1', 0],
    ['aal3', 1],
  ]) {
    await reset()
    await signIn(aal)
    assert.equal(await meanwhile("update levelled set level = 'aal3' where id = 1", 'execute kept(1)'), reached, aal)
  }
  await user.query('deallocate kept; reset plan_cache_mode')
})

for (const [name, table, end] of [
  ['a session that ended', 'live', "update auth.sessions set not_after = '-infinity'"],
  ['a user who was banned', 'enrolled', "update auth.users set banned_until = 'infinity'"],
]) {
  test(`${name} while its statement by key waited for a row is refused the row that changed`, async () => {
    for (const statement of [statements.update(table, 'id = 1'), statements.delete(table, 'id = 1')]) {
      await reset()
      await signIn('aal2')
      await user.query('set enable_seqscan = off')
      const answer = await meanwhile(`update ${table} set note = 'second' where id = 1`, statement, () => cluster.query('postgres', end))
      assert.equal(answer, 0)
      const [row] = await cluster.query('postgres', `select note from ${table} where id = 1`)
      assert.equal(row.note, 'second')
    }
  })
}
