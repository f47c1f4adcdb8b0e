// With pg_aal.log_denials, the server's own log says who was refused what. The client learns no more than without it.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { SignJWT } from 'jose'
import pg from 'pg'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, jane, jwks, sign } from '../tokens.mjs'

let cluster, postgrest, token
before(async () => {
  cluster = new Cluster()
  cluster.configure(`logging_collector = on
log_directory = 'all_logs'
log_filename = 'server.log'
log_destination = 'stderr,csvlog,jsonlog'`)
  cluster.psql('postgres', 'create database logged')
  cluster.psql(
    'logged',
    `
    create role anon nologin;
    create role authenticated nologin;
    create role authenticator login noinherit;
    grant anon, authenticated to authenticator;
    create extension pg_aal;
    create table notes (id int primary key, note text);
    grant select, insert, update, delete on notes to authenticated;
    create policy everybody on notes using (true) with check (true);
    select auth.protect_table('notes', max_age => '15 minutes');
    create schema private;
    create table private."Odd ""name""" (id int);
    grant usage on schema private to authenticated;
    grant update on private."Odd ""name""" to authenticated;
    select auth.protect_table('private."Odd ""name"""');
    create function transfer() returns text language plpgsql security definer as $$
    begin
      perform auth.require_aal('aal2');
      return 'sent';
    end
    $$;
    alter role authenticator set pg_aal.error_format = 'postgrest';
    load 'pg_aal';
    alter database logged set pg_aal.log_denials = on;
  `,
  )
  postgrest = await PostgREST.start(cluster, 'logged')
  token = await sign(claims(), postgrest.secret)
})
after(() => cluster?.stop())

const log = (name) => readFileSync(`${cluster.folder}/data/all_logs/${name}`, 'utf8')

// The entries that something leaves in the log, from its DETAIL lines; and all of its text.
async function logged(something) {
  const before = log('server.log').length
  const answer = await something()
  const text = await waitForLog(before)
  const entries = [...text.matchAll(/DETAIL: {2}(\{.*\})$/gm)].map(([, json]) => JSON.parse(json))
  return { answer, entries, text }
}

// The collector is another process.
async function waitForLog(before) {
  for (let tries = 0; tries < 20; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const text = log('server.log').slice(before)
    if (text.endsWith('\n') && /STATEMENT|ERROR/.test(text)) return text
  }
  return log('server.log').slice(before)
}

async function request(path, options = {}) {
  const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ' + token }
  const response = await fetch(postgrest.url + path, { headers, ...options })
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text: await response.text() }
}

// A session of authenticated with these settings for one transaction.
async function as(settings, statement) {
  const client = new pg.Client({ ...cluster.connection, database: 'logged' })
  await client.connect()
  try {
    await client.query('begin')
    for (const [name, value] of Object.entries(settings)) await client.query('select set_config($1, $2, true)', [name, value])
    await client.query('set local role authenticated')
    return await client.query(statement).catch((error) => error)
  } finally {
    await client.end()
  }
}
const session = (more = {}) => ({ 'request.jwt.claims': JSON.stringify({ ...claims(), ...more }) })

const expected = {
  code: 'insufficient_aal',
  required_aal: 'aal2',
  current_aal: 'aal1',
  max_age: 900,
  action: 'verify',
  reason: 'level_too_low',
  table: 'public.notes',
  command: 'UPDATE',
  role: 'authenticated',
  subject: jane,
  session_id: claims().session_id,
  method: 'PATCH',
  path: '/notes',
}

test('a refused request through PostgREST is one line in the log, and the answer is as without it', async () => {
  const change = () => request('/notes?id=eq.1', { method: 'PATCH', body: '{"note":"x"}' })
  const { answer, entries, text } = await logged(change)
  assert.equal(answer.status, 401)
  assert.deepEqual(entries, [expected])
  assert.deepEqual(Object.keys(entries[0]), Object.keys(expected))
  for (const secret of [token, 'jane@example.com', 'user_metadata', 'password']) assert.ok(!text.includes(secret), secret)

  cluster.psql('logged', 'alter database logged reset pg_aal.log_denials')
  const { pid } = (await cluster.query('postgres', "select pid from pg_stat_activity where usename = 'authenticator' limit 1"))[0]
  await cluster.query('postgres', "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
  let without
  for (let tries = 0; tries < 50 && without?.answer.status !== 401; tries++) {
    without = await logged(change)
  }
  assert.ok(pid)
  assert.deepEqual(without.answer, answer)
  assert.deepEqual(
    without.entries.filter(({ code }) => code),
    [],
  )
  cluster.psql('logged', "load 'pg_aal'; alter database logged set pg_aal.log_denials = on")
  await cluster.query('postgres', "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
})

test('a function that asks for a level has no table, and the role is that of the request', async () => {
  let found
  for (let tries = 0; tries < 50 && found?.answer.status !== 401; tries++) {
    found = await logged(() => request('/rpc/transfer', { method: 'POST', body: '{}' }))
  }
  const none = { max_age: null, table: null, command: null }
  assert.deepEqual(found.entries, [{ ...expected, ...none, method: 'POST', path: '/rpc/transfer' }])
})

test('the client of a plain connection sees no more than the documented DETAIL', async () => {
  const { answer, entries } = await logged(() => as(session(), 'delete from notes'))
  assert.deepEqual(Object.keys(JSON.parse(answer.detail)), ['code', 'required_aal', 'current_aal', 'max_age', 'action', 'reason'])
  assert.deepEqual(entries, [{ ...expected, command: 'DELETE', method: null, path: null }])
})

test('the session is named as the decision names it: by session_id, or without it by sid', async () => {
  for (const [more, named] of [
    [{ session_id: undefined, sid: 'by sid' }, 'by sid'],
    [{ sid: 'by sid' }, claims().session_id],
    [{ session_id: '', sid: 'by sid' }, null],
    [{ session_id: undefined }, null],
  ]) {
    const { entries } = await logged(() => as(session(more), 'delete from notes'))
    assert.deepEqual([entries.length, entries[0].session_id], [1, named], JSON.stringify(more))
  }
})

test('names and what a client chooses stay in one short line', async () => {
  const hostile = 'x"}\nERROR:  forged\r\t\u0007\u2028\u202e' + 'ü'.repeat(10_000)
  const settings = { ...session({ sub: hostile, session_id: ['no', 'text'] }), 'request.path': '/' + hostile, 'request.method': hostile }
  const { entries, text } = await logged(() => as(settings, 'update private."Odd ""name""" set id = 1'))
  assert.equal(entries.length, 1)
  const { subject, session_id, method, path, table } = entries[0]
  assert.equal(subject, [...hostile].slice(0, 200).join('') + '...')
  assert.equal(path, ['/', ...hostile].slice(0, 500).join('') + '...')
  assert.deepEqual([method, session_id, table], [subject, null, 'private."Odd ""name"""'])
  assert.ok(!/^ERROR: {2}forged/m.test(text))
  const detail = text.split('\n').find((line) => line.includes('DETAIL:  {'))
  assert.match(detail, /^[ -~]+$/)
  assert.ok(detail.length < 8_000)
})

test('an anonymous user and nobody are told apart', async () => {
  const guest = await logged(() => as(session({ is_anonymous: true }), 'delete from notes'))
  assert.deepEqual(guest.entries[0], {
    ...expected,
    current_aal: null,
    action: 'sign_in',
    reason: 'anonymous_user',
    command: 'DELETE',
    method: null,
    path: null,
  })
  const nobody = await logged(() => as({}, 'delete from notes'))
  assert.deepEqual([nobody.entries[0].reason, nobody.entries[0].subject, nobody.entries[0].session_id], ['not_signed_in', null, null])
})

test('a refused token is logged without its user', async () => {
  cluster.psql('logged', `copy (select '${jwks(postgrest.secret)}') to '${cluster.folder}/data/logged_jwks.json'`)
  const inTokenMode = { 'pg_aal.claims_source': 'token', 'pg_aal.jwks_file': 'logged_jwks.json', 'request.path': '/notes', 'request.method': 'GET' }
  const expired = await new SignJWT({ ...claims(), exp: 1 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(postgrest.secret))
  const { answer, entries, text } = await logged(() => as({ ...inTokenMode, 'pg_aal.token': expired }, "select auth.require_aal('aal1')"))
  assert.equal(answer.code, '28000')
  assert.equal(answer.detail, undefined)
  const none = { required_aal: null, current_aal: null, max_age: null, action: null, table: null, command: null, subject: null, session_id: null }
  const refused = { ...expected, ...none, code: 'invalid_token', reason: 'the token has expired', method: 'GET' }
  assert.deepEqual(entries, [refused])
  assert.ok(!text.includes(expired))
  // By the statement that puts it in force, too.
  const literal = pg.escapeLiteral(expired)
  const authenticated = await logged(() => as(inTokenMode, `select auth.authenticate(${literal})`))
  assert.deepEqual(authenticated.entries, [refused])
  // A token that verifies names its user.
  const verified = await logged(() => as({ ...inTokenMode, 'pg_aal.token': token }, 'delete from notes'))
  assert.deepEqual(verified.entries, [{ ...expected, command: 'DELETE', method: 'GET' }])
})

test('csvlog and jsonlog have the same entry', async () => {
  await logged(() => as(session(), 'delete from notes'))
  const entry = JSON.stringify({ ...expected, command: 'DELETE', method: null, path: null })
  const inJson = log('server.json').trim().split('\n').map(JSON.parse)
  assert.equal(inJson.findLast(({ detail }) => detail)?.detail, entry)
  assert.ok(log('server.csv').includes(`"${entry.replaceAll('"', '""')}"`))
  assert.ok(readdirSync(cluster.folder + '/data/all_logs').length >= 3)
})

test('an error that is caught leaves no entry, and neither does a policy that is silent', async () => {
  const caught = `do $$ begin delete from notes; exception when insufficient_privilege then null; end $$`
  const { entries } = await logged(() => as(session(), caught))
  assert.deepEqual(entries, [])
  assert.deepEqual((await logged(() => as(session({ aal: null }), 'select * from notes'))).entries, [])
})

test('only superusers say what is logged', async () => {
  const error = await as(session(), 'select auth.aal(); set pg_aal.log_denials = off')
  assert.equal(error.code, '42501')
  // Before the library is loaded, nobody knows yet who may set it.
  const { entries } = await logged(() => as(session(), 'set pg_aal.log_denials = off; delete from notes'))
  assert.deepEqual(entries, [{ ...expected, command: 'DELETE', method: null, path: null }])
})

test('the options of a connection that would switch it off leave the session without a level', async () => {
  const client = new pg.Client({ ...cluster.connection, user: 'authenticator', database: 'logged', options: '-c pg_aal.log_denials=off' })
  await client.connect()
  try {
    await client.query('begin; set local role authenticated')
    await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(claims({ factorAge: 60 }))])
    assert.deepEqual((await client.query('select auth.aal()')).rows, [{ aal: null }])
  } finally {
    await client.end()
  }
})
