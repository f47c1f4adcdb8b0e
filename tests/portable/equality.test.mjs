// The portable edition answers as the native one does, or refuses: the same questions to both, in one database and one statement.
//
//   CLAIMS=100000 SEED=1 node --test equality.test.mjs

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'
import { kindOf, major } from './kinds.mjs'
import { questions, setUp } from './questions.mjs'
import { ClaimsWriter, sessions, users } from './random_claims.mjs'

const count = Number(process.env.CLAIMS ?? 4000)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

const file = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
export const edition = file(`portable/pg_aal_portable--${file('Cargo.toml').match(/^version = "(.*)"/m)[1]}.sql`)
const regress = 'tests/pg_regress/'
// Replaces @-60@ by a time, as the fixture of pg_regress does.
const fixture = file(regress + 'fixture.sql').match(/create schema test;[^]*?language plpgsql stable as \$\$[^]*?\$\$;/)[0]

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create database both')
  cluster.psql('both', file('tests/supabase_stand_in.sql'))
  cluster.psql('both', `create extension pg_aal;\n${edition}\n${fixture}\n${setUp}`)
  cluster.psql('both', `
    insert into auth.users (id, banned_until) values ('${users.enrolled}', null), ('${users.factorless}', '-infinity'), ('${users.banned}', 'infinity');
    insert into auth.mfa_factors (id, user_id, status) values
      ('66666666-6666-4666-8666-666666666666', '${users.enrolled}', 'verified'),
      ('66666666-6666-4666-8666-666666666667', '${users.factorless}', 'unverified');
    insert into auth.sessions (id, user_id, factor_id, aal, not_after) values
      ('${sessions.atAal2}', '${users.enrolled}', '66666666-6666-4666-8666-666666666666', 'aal2', null),
      ('${sessions.atAal1}', '${users.factorless}', null, 'aal1', 'infinity');`)
})
after(() => cluster.stop())

// Holds both editions against each other for these texts; notes each difference by its kind.
async function compare(t, texts) {
  const tally = new Map()
  for (let from = 0; from < texts.length; from += 1000) {
    const part = texts.slice(from, from + 1000)
    const rows = await cluster.query('both', 'select * from compared.differences($1)', [part])
    for (const { nr, question, native, portable } of rows) {
      const text = part[nr] ?? ''
      const difference = { text, question: questions[question], native, portable }
      const kind = kindOf(difference)
      assert.ok(kind, `SEED=${seed}\n${text.slice(0, 2000)}\n${questions[question].name}\nnative:   ${native}\nportable: ${portable}`)
      const counted = tally.get(kind) ?? { answers: 0, texts: new Set() }
      counted.answers++
      counted.texts.add(from + nr)
      tally.set(kind, counted)
    }
  }
  t.diagnostic(`${texts.length} texts, ${questions.length} questions to each`)
  for (const [kind, { answers, texts }] of tally) t.diagnostic(`${kind}: ${answers} answers, of ${texts.size} texts`)
}

test('the cases of level_and_freshness have equal answers', async (t) => {
  const cases = file(`${regress}sql/level_and_freshness.sql`).match(/create temp table cases[^]*?(?=create function)/)[0]
  cluster.psql('both', cases.replace('temp table', 'table'))
  const rows = await cluster.query('both', 'select test.with_times(claims) as claims from cases order by nr')
  assert.equal(rows.length, 104)
  await compare(t, rows.map(({ claims }) => claims))
})

test('every claims document of the other tests has equal answers', async (t) => {
  const folders = ['crates/aal/src/', 'crates/aal/src/profile/']
  const rust = folders.flatMap((folder) => readdirSync(new URL(`../../${folder}`, import.meta.url)).filter((name) => name.endsWith('.rs')).map((name) => file(folder + name)))
  const written = rust.flatMap((text) => [...text.matchAll(/r#"([^]*?)"#/g)].map(([, document]) => document))
  const sql = readdirSync(new URL(`../../${regress}sql`, import.meta.url)).map((name) => file(`${regress}sql/${name}`))
  written.push(...sql.flatMap((text) => [...text.matchAll(/'((?:''|[^'])*\{(?:''|[^'])*)'/g)].map(([, document]) => document.replaceAll("''", "'"))))
  const now = Math.floor(Date.now() / 1000)
  const filled = (text) => text.replace(/@([-+]?\d+)@/g, (_, offset) => String(now + Number(offset))).replaceAll('{{', '{').replaceAll('}}', '}')
  // The cases of providers leave out the issuer and the subject.
  const documents = new Set(written.map(filled).flatMap((text) => (text.includes('"') && !text.startsWith('{') ? [text, `{"iss":"x","sub":"jane","aal":"aal2",${text}}`] : [text])))
  assert.ok(documents.size > 500, String(documents.size))
  await compare(t, [...documents].filter((text) => !text.includes('\0')))
})

test('random claims have equal answers', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const writer = new ClaimsWriter(seed, Math.floor(Date.now() / 1000))
  const texts = Array.from({ length: count }, () => writer.next())
  await compare(t, texts)
})
