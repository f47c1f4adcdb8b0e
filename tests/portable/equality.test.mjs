// The portable edition answers as the native one does, or refuses: the same questions to both, in one database and one statement.
//
//   CLAIMS=100000 SEED=1 EVERY=20 node --test equality.test.mjs
//
// EVERY=20 asks one text of twenty all questions, and the others has_aal and require_aal.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Editions, file } from './editions.mjs'
import { ClaimsWriter, users } from './random_claims.mjs'

const count = Number(process.env.CLAIMS ?? 500)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const regress = 'tests/pg_regress/'

let editions
before(() => {
  editions = new Editions()
})
after(() => editions.stop())

const isJson = (text) => {
  try {
    return Boolean(JSON.parse(text))
  } catch {
    return false
  }
}

test('the cases of level_and_freshness have equal answers', async (t) => {
  const cases = file(`${regress}sql/level_and_freshness.sql`).match(/create temp table cases[^]*?(?=create function)/)[0]
  editions.cluster.psql('editions', cases.replace('temp table', 'table'))
  const rows = await editions.cluster.query('editions', 'select test.with_times(claims) as claims from cases order by nr')
  assert.equal(rows.length, 104)
  await editions.compare(
    t,
    rows.map(({ claims }) => claims),
  )
})

test('every claims document of the other tests has equal answers', async (t) => {
  const folders = ['crates/aal/src/', 'crates/aal/src/profile/']
  const named = (folder, ending) => readdirSync(new URL(`../../${folder}`, import.meta.url)).filter((name) => name.endsWith(ending))
  const rust = folders.flatMap((folder) => named(folder, '.rs').map((name) => file(folder + name)))
  const written = rust.flatMap((text) => [...text.matchAll(/r#"([^]*?)"#/g)].map(([, document]) => document))
  const sql = named(`${regress}sql/`, '.sql').map((name) => file(`${regress}sql/${name}`))
  written.push(...sql.flatMap((text) => [...text.matchAll(/'((?:''|[^'])*\{(?:''|[^'])*)'/g)].map(([, document]) => document.replaceAll("''", "'"))))
  const now = Math.floor(Date.now() / 1000)
  const filled = (text) =>
    text
      .replace(/@([-+]?\d+)@/g, (_, offset) => String(now + Number(offset)))
      .replaceAll('{{', '{')
      .replaceAll('}}', '}')
  // The cases of providers leave out the issuer and the subject.
  const complete = (text) => (text.includes('"') && !text.startsWith('{') ? `{"iss":"x","sub":"jane","aal":"aal2",${text}}` : text)
  const documents = new Set(written.flatMap((text) => [filled(text), complete(filled(text))]))
  // Other texts in quotes are no claims: a statement, a call.
  const claims = [...documents].filter((text) => !text.includes('\0') && isJson(text))
  assert.ok(claims.length > 400, String(claims.length))
  await editions.compare(t, claims)
})

test('members that are stated twice, and methods of any shape, have equal answers', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  const texts = [
    '"aal":"aal2","aal":"aal2"',
    '"aal" :\n"aal2","aal"\t:\t"aal2"',
    '"aal":"aal2","x":":::","aal":"aal2"',
    '"aal":"aal2","x":{"a:":":","a:":1}',
  ]
  const entry = (method, timestamp) => `{"method":${method},"timestamp":${timestamp}}`
  const methods = ['"totp"', '["totp"]', '{"totp":1}', 'null', '7', '"otp"', '"token_refresh"', '"anonymous"', '"\\u0074otp"']
  const times = [
    now,
    now + 29.9,
    now + 31,
    `[${now}]`,
    `"${now}"`,
    'null',
    '0',
    '-1',
    '5e-324',
    '1e-400',
    '9223372036853.5',
    '9223372036854',
    '1e13',
    '1e200',
  ]
  const amrs = methods.flatMap((method) => times.map((time) => entry(method, time)))
  amrs.push(
    ...times.map((time) => `${entry('"totp"', now - 60)},${entry('"mfa/phone"', time)}`),
    ...['1', '0.9', '99999999999', '99999999999.5', '1e-300', now - 870, now - 930, now + 1, now + 60].flatMap((time) => [
      entry('"totp"', time),
      `${entry('"totp"', time)},${entry('"password"', now)}`,
    ]),
    `[${entry('"totp"', now)}]`,
    '"totp"',
    '"totp",7',
    '{"method":"totp"}',
  )
  texts.push(...amrs.map((amr) => `"aal":"aal2","auth_time":${now},"amr":[${amr}]`), `"aal":"aal2","amr":${entry('"totp"', now)}`)
  await editions.compare(
    t,
    texts.map((text) => `{"sub":"${users.enrolled}",${text}}`),
  )
})

test('random claims have equal answers', async (t) => {
  const writer = new ClaimsWriter(seed, Math.floor(Date.now() / 1000))
  const texts = Array.from({ length: count }, () => writer.next())
  await editions.compare(t, texts, { every: Number(process.env.EVERY ?? 1), hint: `SEED=${seed}` })
})

// Claims of each standing, for questions that need few.
const standings = () => {
  const now = Math.floor(Date.now() / 1000)
  const amr = [
    { method: 'totp', timestamp: now - 60 },
    { method: 'password', timestamp: now - 7200 },
  ]
  const began = [{ method: 'anonymous', timestamp: now - 60 }]
  const subjects = [...Object.values(users), 'jane', '', undefined]
  const levels = ['aal1', 'aal2', 'aal3', 'AAL2', 'not shown', 2, undefined]
  const claims = subjects.flatMap((sub) => levels.map((aal) => ({ sub, aal, amr })))
  claims.push(...levels.map((aal) => ({ sub: users.enrolled, aal, amr: began })))
  claims.push(
    ...['aal1', 'aal2', undefined].flatMap((aal) =>
      Object.values(users).map((sub) => ({ sub, aal, amr: began, is_anonymous: true, session_id: 's' })),
    ),
  )
  return [null, '{}', '[]', '{"aal":"aal2","aal":"aal2"}', ...claims.map((claims) => JSON.stringify(claims))]
}

test('a refusal of a request is the response that the native edition makes', async (t) => {
  await editions.compare(t, standings(), { settings: { 'request.method': 'GET', 'pg_aal.error_format': 'postgrest' } })
})

test('without the tables of Supabase Auth answers are equal but for what to set', async (t) => {
  await editions.compare(t, standings(), { database: 'without_tables' })
})

test('functions answer for users, sessions and guests as settings of the native edition', async (t) => {
  editions.cluster.psql(
    'without_tables',
    `create function aal.has_second_factor(subject text) returns boolean language sql stable parallel safe as
       $$ select case subject when 'jane' then true when '${users.factorless}' then false end $$;
     create function aal.is_live_session(subject text, session text) returns boolean language sql stable parallel safe as
       $$ select session = 's' $$;
     create function aal.anonymous_level() returns text language sql immutable parallel safe as $$ select 'aal1' $$;`,
  )
  const settings = {
    'pg_aal.enrollment_function': 'aal.has_second_factor',
    'pg_aal.session_function': 'aal.is_live_session',
    'pg_aal.anonymous_level': 'aal1',
  }
  const named = standings().flatMap((text) => [text, text?.startsWith('{"sub"') ? text.replace('{', '{"session_id":"s",') : '{}'])
  await editions.compare(t, named, { database: 'without_tables', settings })
})
