// Reads that are refused, as a client of a real PostgREST sees them, and as Realtime doesn't.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, sign } from '../tokens.mjs'

let cluster, postgrest
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create database app')
  cluster.psql(
    'app',
    `
    create role anon nologin;
    create role authenticated nologin;
    create role authenticator login noinherit;
    create role realtime login noinherit;
    grant anon, authenticated to authenticator, realtime;
    create extension pg_aal;
    alter role authenticator set pg_aal.error_format = 'postgrest';
    alter role realtime set pg_aal.refuse_reads = off;

    create table people (id int primary key, name text);
    create table letters (id int primary key, person int references people, user_id uuid default auth.subject_uuid(), body text);
    insert into people values (1, 'Ann'), (2, 'Ben');
    insert into letters values (1, 1, '11111111-1111-4111-8111-111111111111', 'a'), (2, 2, '22222222-2222-4222-8222-222222222222', 'b');
    grant select, insert, update, delete on people, letters to anon, authenticated;
    select auth.protect_table('letters', read => 'aal2', on_insert => 'aal1', owner_column => 'user_id', refuse_reads => true);

    create function bodies() returns setof text language sql stable as $$ select body from letters $$;
    create function how_many() returns bigint language plpgsql stable security definer as $$ begin return (select count(*) from letters); end $$;
    create view pages with (security_invoker) as select id, body from letters;
    grant select on pages to anon, authenticated;
  `,
  )
  postgrest = await PostgREST.start(cluster, 'app', { DB_POOL: 2 })
})
after(() => cluster.stop())

async function request(session, path, options = {}) {
  const headers = { 'Content-Type': 'application/json', ...options.headers }
  if (session) headers.Authorization = 'Bearer ' + (await sign(session, postgrest.secret))
  const response = await fetch(postgrest.url + path, { ...options, headers })
  const text = await response.text()
  const body = text && /json/.test(response.headers.get('content-type')) ? JSON.parse(text) : undefined
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text, body }
}

const aal1 = () => claims()
const aal2 = () => claims({ factorAge: 60 })
const challenge = 'Bearer error="insufficient_user_authentication", error_description="A higher authentication level is required", acr_values="aal2"'
const representation = { Prefer: 'return=representation' }

const reads = [
  ['GET', '/letters'],
  ['GET of one row', '/letters?id=eq.1'],
  ['GET of a row that is not there', '/letters?id=eq.424242'],
  ['GET of a count', '/letters?select=count', { headers: { Prefer: 'count=exact' } }],
  ['HEAD', '/letters', { method: 'HEAD' }],
  ['HEAD with a count', '/letters', { method: 'HEAD', headers: { Prefer: 'count=exact' } }],
  ['GET of CSV', '/letters', { headers: { Accept: 'text/csv' } }],
  ['embedding', '/people?select=name,letters(body)'],
  ['embedding, as a filter', '/people?select=name,letters!inner()'],
  ['the other way', '/letters?select=body,people(name)'],
  ['a view of an invoker', '/pages'],
  ['RPC by GET', '/rpc/bodies'],
  ['RPC by POST', '/rpc/bodies', { method: 'POST', body: '{}' }],
  ['POST with RETURNING', '/letters', { method: 'POST', body: '{"id":10,"person":1}', headers: representation }],
  ['an upsert', '/letters', { method: 'POST', body: '{"id":1,"person":1}', headers: { Prefer: 'resolution=ignore-duplicates' } }],
  ['PATCH', '/letters?id=eq.1', { method: 'PATCH', body: '{"body":"x"}' }],
  ['PATCH with RETURNING', '/letters?id=eq.1', { method: 'PATCH', body: '{"body":"x"}', headers: representation }],
  ['DELETE', '/letters?id=eq.424242', { method: 'DELETE' }],
]

for (const [name, path, options] of reads) {
  test(`${name} is refused below the level, with a challenge`, async () => {
    const refused = await request(aal1(), path, options)
    assert.equal(refused.status, 401)
    assert.equal(refused.challenge, challenge)
    if (options?.method !== 'HEAD') {
      assert.equal(refused.body.code, 'insufficient_aal')
      assert.equal(refused.body.message, 'insufficient_aal: select on table "letters" requires aal2, and the session is at aal1')
      assert.equal(JSON.parse(refused.body.details).action, 'verify')
    }
    assert.equal((await request(null, path, options)).status, 401)
  })
}

test('at the level each of them passes', async () => {
  for (const [name, path, options] of reads) {
    const { status, text } = await request(aal2(), path, options)
    assert.ok(status < 300, `${name}: ${status} ${text}`)
  }
  cluster.psql('app', 'delete from letters where id = 10')
})

test('a row that is there and one that is not get the same answer, byte by byte', async () => {
  for (const options of [{}, { method: 'DELETE' }, { method: 'PATCH', body: '{"body":"x"}' }]) {
    const [existing, missing] = [await request(aal1(), '/letters?id=eq.1', options), await request(aal1(), '/letters?id=eq.424242', options)]
    assert.deepEqual(existing, missing)
  }
})

test('what reads nothing of the table passes below the level', async () => {
  assert.deepEqual((await request(aal1(), '/people?select=name')).body, [{ name: 'Ann' }, { name: 'Ben' }])
  assert.equal((await request(aal1(), '/rpc/how_many')).body, 2)
  const insert = { method: 'POST', body: '{"id":11,"person":1}', headers: { Prefer: 'return=minimal' } }
  assert.equal((await request(aal1(), '/letters', insert)).status, 201)
  cluster.psql('app', 'delete from letters where id = 11')
})

test('clients that share pooled connections never take on each other’s level', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => request([aal1(), aal2()][i % 2], '/letters?select=id')))
  for (const [i, { status, body }] of answers.entries()) {
    assert.equal(status, [401, 200][i % 2])
    if (i % 2) assert.deepEqual(body, [{ id: 1 }])
  }
})

// As Realtime does: one prepared statement, and the subscribers' claims one after the other in one transaction. Nobody catches an error.
test('a batch of Realtime’s, with the setting off for its role, raises nothing', async () => {
  const subscribers = [
    ['authenticated', aal1(), 0],
    ['authenticated', aal2(), 1],
    ['authenticated', aal1(), 0],
    ['anon', { role: 'anon' }, 0],
    ['authenticated', { ...aal2(), sub: '22222222-2222-4222-8222-222222222222' }, 1],
    ['authenticated', null, 0],
    ['authenticated', { aal: 'AAL2' }, 0],
  ]
  const run = async (settings) => {
    const client = new pg.Client({ ...cluster.connection, database: 'app', user: 'realtime' })
    await client.connect()
    const visible = []
    try {
      await client.query(`${settings}; set role authenticated; prepare visible as select count(*)::int from letters; reset role; begin`)
      for (const [role, claims] of subscribers) {
        const values = [role, claims ? JSON.stringify(claims) : '{']
        await client.query("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", values)
        visible.push((await client.query('execute visible')).rows[0].count)
      }
      await client.query('commit')
    } finally {
      await client.end()
    }
    return visible
  }
  const expected = subscribers.map(([, , count]) => count)
  assert.deepEqual(await run('set plan_cache_mode = auto'), expected)
  assert.deepEqual(await run('set plan_cache_mode = force_generic_plan'), expected)
  // With the setting on, the error for the first subscriber ends it for all.
  await assert.rejects(run('set pg_aal.refuse_reads = on'), /insufficient_aal: select on table "letters"/)
})
