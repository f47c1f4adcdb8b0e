// pg_aal_testing: the suites of examples/testing pass, with pgTAP and without. Each of them fails where the protection is less than
// it says. Through a gateway none of its functions does anything.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, sign } from '../tokens.mjs'

const example = (name) => readFileSync(new URL(`../../examples/testing/${name}.sql`, import.meta.url), 'utf8')
const pgtap = example('payments_pgtap')
const planned = Number(pgtap.match(/select plan\((\d+)\)/)[1])

let cluster, hasPgtap
before(() => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create role anon; create role authenticated; create role authenticator login noinherit; grant anon, authenticated to authenticator;
    create extension pg_aal;
    ${example('payments')}`,
  )
  hasPgtap = cluster.psql('postgres', `select count(*) from pg_available_extensions where name = 'pgtap'`).trim() === '1'
})
after(() => cluster.stop())

// What is wrong with the table then.
const wrong = {
  'no row security': ['alter table payments disable row level security', 'alter table payments enable row level security'],
  'no guard': ['alter table payments disable trigger aal_guard', 'alter table payments enable trigger aal_guard'],
  'the owner sees all': ['create policy open on payments using (true)', 'drop policy open on payments'],
  'one factor is enough': [
    "select from auth.protect_table('payments', write => 'aal1', owner_column => 'user_id', lower => true)",
    "select from auth.protect_table('payments', max_age => '15 minutes', owner_column => 'user_id')",
  ],
  'no grant': ['revoke update on payments from authenticated', 'grant update on payments to authenticated'],
}

test('the suite for pgTAP passes', (context) => {
  if (!hasPgtap) return context.skip('this Postgres has no pgTAP')
  const lines = cluster.psql('postgres', pgtap).split('\n').filter(Boolean)
  assert.equal(lines[0], `1..${planned}`)
  assert.deepEqual(
    lines.slice(1).map((line) => line.match(/^ok (\d+) - /)?.[1]),
    Array.from({ length: planned }, (_, n) => String(n + 1)),
    lines.join('\n'),
  )
})

test('the suite for psql passes', () => {
  const lines = cluster.psql('postgres', example('payments_psql')).split('\n').filter(Boolean)
  assert.equal(lines.length, 6)
  for (const line of lines) assert.match(line, /^ok - (allowed|refused below aal2|hidden): /)
})

for (const [what, [change, back]] of Object.entries(wrong)) {
  test(`both suites fail: ${what}`, () => {
    cluster.psql('postgres', change)
    try {
      if (hasPgtap) assert.match(cluster.psql('postgres', pgtap), /^not ok \d+ - .*\n# Failed test .*\n# {5}have: .*\n(# .*\n)*# {5}want: /m)
      assert.throws(() => cluster.psql('postgres', example('payments_psql')), /not ok - /)
    } finally {
      cluster.psql('postgres', back)
    }
  })
}

test('nothing of them stays', () => {
  assert.equal(cluster.psql('postgres', `select (select count(*) from payments), to_regnamespace('tests') is null`).trim(), '0|t')
})

test('the helpers can be installed', () => cluster.psql('postgres', 'create extension pg_aal_testing'))

test('docs/testing.md shows each function with its arguments', async () => {
  const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')
  const functions = await cluster.query(
    'postgres',
    `select p.proname as name, pg_get_function_arguments(p.oid) as arguments, array_to_string(p.proargnames, ', ') as names
       from pg_proc p where p.pronamespace = 'tests'::regnamespace and p.proname !~ '^aal_' and p.proargtypes[0] <> 'uuid'::regtype`,
  )
  assert.deepEqual(functions.map(({ name }) => name).sort(), ['allowed', 'claims', 'hidden', 'refused', 'sign_in', 'sign_out'])
  for (const { name, arguments: list, names } of functions) {
    const written = list.replace(/ DEFAULT (NULL|'[^']*')(::[\w" ]+)?/g, (_, value) => ` default ${value.toLowerCase().replace('00:00:00', '0')}`)
    const full = {
      sign_in: `tests.sign_in( ${written.replace('text', 'text or uuid')} )`,
      sign_out: `tests.sign_out(${written})`,
      claims: '`tests.claims` takes',
    }
    assert.ok(page.includes(full[name] ?? `tests.${name}(${names})`), `${name}: ${written}`)
  }
})

test('the proof finds no more where the helpers are installed', () => {
  const proof = () => cluster.psql('postgres', 'select * from auth.aal_matrix(); select * from auth.aal_lint()')
  const installed = proof()
  cluster.psql('postgres', 'drop extension pg_aal_testing')
  assert.equal(installed, proof())
  cluster.psql('postgres', 'create extension pg_aal_testing')
})

test('a client that reaches the helpers through PostgREST is refused', async () => {
  const postgrest = await PostgREST.start(cluster, 'postgres', { DB_SCHEMAS: 'tests' })
  const token = await sign(claims(), postgrest.secret)
  const call = async (name, body) => {
    const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ' + token }
    const response = await fetch(`${postgrest.url}/rpc/${name}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return `${response.status} ${(await response.json()).message}`
  }
  const refused = '403 role authenticator runs no tests here'
  const statement = `select set_config('request.jwt.claims', '{"aal":"aal2"}', true)`
  assert.equal(await call('sign_out', {}), refused)
  assert.equal(await call('aal_act', { role: 'authenticated', claims: { aal: 'aal2' } }), refused)
  for (const name of ['allowed', 'refused', 'hidden']) assert.equal(await call(name, { statement }), refused)
  assert.equal(await call('aal_outcome', { statement, undo: false }), refused)
  // With a UUID the two of this name are told apart by nothing: PostgREST asks for neither.
  assert.doesNotMatch(await call('sign_in', { subject: 'jane', level: 'aal2' }), /^2/)
})
