// The commands of docs/proof.md for CI do what they say: pass where the tables need what they should, and fail where not.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const page = readFileSync(new URL('../../docs/proof.md', import.meta.url), 'utf8')
const section = page.slice(page.indexOf('## A gate for CI'))
const [, shell] = section.match(/```sh\n(.*?)```/s)
const [, pgtap] = section.match(/```text\n(select plan.*?)```/s)
// Each command is below a comment of its own.
const commands = shell.split(/^(?=# )/m).map((text) => ({ name: text.split('\n')[0].slice(2), text }))

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create role anon; create role authenticated; create role authenticator login noinherit; grant anon, authenticated to authenticator;
    create extension pg_aal;
    create table payments (id int, user_id uuid default auth.subject_uuid());
    grant select, insert, update, delete on payments to anon, authenticated;
    select auth.protect_table('payments', owner_column => 'user_id');`,
  )
})
after(() => cluster.stop())

function run({ text }, database = 'postgres') {
  const { host, user } = cluster.connection
  const environment = { ...process.env, DATABASE: `host=${host} user=${user} dbname=${database}`, PATH: `${cluster.folder}/bin:${process.env.PATH}` }
  return spawnSync('bash', ['-c', text], { cwd: cluster.folder, env: environment, encoding: 'utf8' })
}

test('the page shows four commands', () => assert.equal(commands.length, 4))

for (const command of commands) {
  test(`passes: ${command.name}`, () => {
    const { status, stderr } = run(command)
    assert.equal(status, 0, stderr)
  })
}

test('the last one leaves a page', () => {
  assert.match(readFileSync(cluster.folder + '/aal.html', 'utf8'), /^<!doctype html>.*payments.*<\/html>\s*$/is)
})

test('each of the first three fails where a table is left open', () => {
  cluster.psql('postgres', 'create policy open on payments using (true); drop policy aal_update on payments; drop trigger aal_guard on payments')
  try {
    for (const command of commands.slice(0, 3)) assert.notEqual(run(command).status, 0, command.name)
  } finally {
    cluster.psql('postgres', `drop policy open on payments; select auth.protect_table('payments', owner_column => 'user_id')`)
  }
})

const ways = {
  'a SECURITY DEFINER function': [
    'create function cancel() returns void language sql security definer as $$ delete from public.payments $$',
    'drop function cancel',
  ],
  'a trigger on another table': [
    `create table visits (id int); grant insert on visits to anon;
     create function visited() returns trigger language plpgsql security definer as $$ begin delete from public.payments; return new; end $$;
     create trigger visited after insert on visits for each row execute function visited();
     alter table visits enable row level security; create policy visitors on visits for insert with check (true)`,
    'drop table visits; drop function visited',
  ],
  'a foreign key': [
    `create schema hidden; create table hidden.accounts (id int primary key); grant usage on schema hidden to authenticated;
     grant delete on hidden.accounts to authenticated; alter table payments add account int references hidden.accounts on delete cascade`,
    'alter table payments drop account; drop schema hidden cascade',
  ],
}
for (const [name, [make, drop]] of Object.entries(ways)) {
  test(`the gate for every table fails for a way past: ${name}`, () => {
    cluster.psql('postgres', make)
    try {
      const { status, stderr } = run(commands[1])
      assert.notEqual(status, 0)
      assert.match(stderr, /DETAIL:.*\n\s+key: /)
    } finally {
      cluster.psql('postgres', drop)
    }
  })
}

test('each fails where it cannot connect, and where pg_aal is not installed', () => {
  for (const command of commands) {
    for (const database of ['nowhere', 'template1']) assert.notEqual(run(command, database).status, 0, `${command.name}: ${database}`)
  }
})

test('the pgTAP test passes, and fails where the table is left open', (context) => {
  const available = cluster.psql('postgres', `select count(*) from pg_available_extensions where name = 'pgtap'`).trim()
  if (available === '0') return context.skip('this Postgres has no pgTAP')
  const tap = () => cluster.psql('postgres', 'begin; create extension if not exists pgtap;\n' + pgtap + '\nrollback;')
  assert.doesNotMatch(tap(), /^not ok/m)
  assert.match(tap(), /^ok 3/m)
  cluster.psql('postgres', 'alter table payments disable row level security')
  try {
    assert.match(tap(), /^not ok 1/m)
  } finally {
    cluster.psql('postgres', 'alter table payments enable row level security')
  }
})
