// Every recipe of docs/cookbook.md, behind a real PostgREST: who is let through, who is refused, and what they are told.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster, isPortable, PostgREST } from '../stack.mjs'
import { claims, sign } from '../tokens.mjs'

const page = readFileSync(new URL('../../docs/cookbook.md', import.meta.url), 'utf8')
const recipes = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql)

// What Supabase Storage makes, as far as the recipes need it.
const storage = `
  create schema storage;
  create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text, name text, owner_id text);
  create table storage.buckets (id text primary key, public boolean default false);
  alter table storage.objects enable row level security;
  alter table storage.buckets enable row level security;
  create function storage.operation() returns text language sql stable as $$ select current_setting('storage.operation', true) $$;
  create function storage.allow_any_operation(expected_operations text[]) returns boolean language sql stable as $$
    select coalesce(regexp_replace(storage.operation(), '^storage[.]', '') = any (expected_operations), false)
  $$;
`

// Who has a factor, and since when they are users.
const ann = '11111111-1111-4111-8111-111111111111' // old, without a factor
const bob = '22222222-2222-4222-8222-222222222222' // old, with a factor
const cyd = '33333333-3333-4333-8333-333333333333' // new, without a factor

let cluster, postgrest
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', readFileSync(new URL('../supabase_stand_in.sql', import.meta.url), 'utf8'))
  cluster.psql(
    'postgres',
    `
    insert into auth.users (id, created_at) values ('${ann}', '2025-06-01'), ('${bob}', '2025-06-01'), ('${cyd}', '2026-06-01');
    insert into auth.mfa_factors (user_id, status) values ('${ann}', 'unverified'), ('${bob}', 'verified');
    set client_min_messages = error;
    ${storage}
    ${recipes.join('\n')}
    alter role authenticator reset pg_aal.enrollment_function;
    alter role authenticator set pg_aal.error_format = 'postgrest';
    grant usage on schema storage to anon, authenticated;
    grant select, insert on storage.objects to anon, authenticated;
    grant select, update on storage.buckets to anon, authenticated;
    create policy everybody on storage.objects using (true) with check (true);
    create policy everybody on storage.buckets using (true);
    insert into storage.buckets (id) values ('contracts'), ('avatars');
    insert into storage.objects (bucket_id, name) values ('contracts', 'c.pdf'), ('avatars', 'a.png'), (null, 'n.txt');
    insert into secrets values (1, '${ann}', 1);
    insert into accounts select n, '${ann}', n from generate_series(1, 3) n;
    insert into archives select * from accounts;
    insert into invoices values (1, '${ann}', 1), (2, '${bob}', 1), (3, '${cyd}', 1);
    insert into orders select * from invoices;
    insert into tickets select * from invoices;
    insert into bank_details values ('${ann}', 'x'), ('${bob}', 'x');
    insert into reports values (1);
  `,
  )
  postgrest = await PostgREST.start(cluster, 'postgres', { DB_SCHEMAS: 'public,storage', DB_PRE_REQUEST: 'public.check_path' })
})
after(() => cluster.stop())

// signedIn, stepped: how many seconds ago.
async function as(sub, { signedIn = 60, stepped } = {}) {
  const session = claims({ sub, factorAge: stepped })
  session.amr.at(-1).timestamp = Math.floor(Date.now() / 1000) - signedIn
  return sign(session, postgrest.secret)
}

async function send(token, method, path, body, schema = 'public') {
  const headers = { 'Content-Type': 'application/json', Prefer: 'return=representation', 'Accept-Profile': schema, 'Content-Profile': schema }
  if (token) headers.Authorization = 'Bearer ' + token
  const response = await fetch(postgrest.url + path, { method, headers, body: body && JSON.stringify(body) })
  const text = await response.text()
  const answer = text && JSON.parse(text)
  if (answer.code === 'insufficient_aal') return `${response.status} ${JSON.parse(answer.details).action}`
  return response.status >= 400 ? `${response.status} ${answer.code}` : answer
}
const ids = (rows) => rows.map?.(({ id }) => id) ?? rows

test('all users need a second factor', async () => {
  assert.deepEqual(ids(await send(await as(ann), 'GET', '/secrets')), [])
  assert.deepEqual(await send(await as(ann), 'PATCH', '/secrets?id=eq.1', { amount: 2 }), '401 enroll')
  assert.deepEqual(await send(await as(bob), 'PATCH', '/secrets?id=eq.1', { amount: 2 }), '401 verify')
  assert.deepEqual(await send(undefined, 'PATCH', '/secrets?id=eq.1', { amount: 2 }), '401 sign_in')
  assert.deepEqual(ids(await send(await as(bob, { stepped: 3600 }), 'PATCH', '/secrets?id=eq.1', { amount: 2 })), [1])
  assert.deepEqual(ids(await send(await as(bob), 'GET', '/accounts')), [])
  assert.deepEqual(ids(await send(undefined, 'GET', '/accounts')), [])
  assert.deepEqual(ids(await send(await as(bob, { stepped: 3600 }), 'GET', '/accounts?id=lt.3')), [1, 2])
})

test('users who enrolled a factor need it', async () => {
  assert.deepEqual(ids(await send(await as(ann), 'PATCH', '/invoices', { amount: 2 })), [1])
  assert.deepEqual(await send(await as(bob), 'PATCH', '/invoices', { amount: 2 }), '401 verify')
  assert.deepEqual(ids(await send(await as(bob), 'GET', '/invoices')), [])
  assert.deepEqual(ids(await send(await as(bob, { stepped: 60 }), 'PATCH', '/invoices', { amount: 2 })), [2])
  assert.deepEqual(await send(undefined, 'PATCH', '/invoices', { amount: 2 }), '401 sign_in')
  assert.deepEqual(await send(await as('99999999-9999-4999-8999-999999999999'), 'PATCH', '/invoices', { amount: 2 }), '401 sign_in')
})

test('users created since a date need a second factor', async () => {
  assert.deepEqual(ids(await send(await as(ann), 'GET', '/orders')), [1])
  assert.deepEqual(ids(await send(await as(ann), 'PATCH', '/orders', { amount: 2 })), [1])
  assert.deepEqual(ids(await send(await as(cyd), 'GET', '/orders')), [])
  assert.deepEqual(ids(await send(await as(cyd), 'PATCH', '/orders', { amount: 2 })), [])
  assert.deepEqual(ids(await send(await as(cyd, { stepped: 60 }), 'GET', '/orders')), [3])
  assert.deepEqual(await send(undefined, 'PATCH', '/orders', { amount: 2 }), '401 sign_in')
})

test('only admins must step up', async () => {
  const as = async (sub, app_metadata, factorAge) => sign({ ...claims({ sub, factorAge }), app_metadata }, postgrest.secret)
  const admin = { provider: 'email', role: 'admin' }
  assert.deepEqual(ids(await send(await as(ann, { provider: 'email' }), 'GET', '/tickets')), [1])
  assert.deepEqual(ids(await send(await as(ann, { provider: 'email' }), 'PATCH', '/tickets', { amount: 2 })), [1])
  assert.deepEqual(ids(await send(await as(bob, admin), 'GET', '/tickets')), [])
  assert.deepEqual(await send(await as(bob, admin), 'PATCH', '/tickets', { amount: 2 }), '401 verify')
  assert.deepEqual(await send(await as(cyd, admin), 'PATCH', '/tickets', { amount: 2 }), '401 enroll')
  assert.deepEqual(ids(await send(await as(bob, admin, 60), 'GET', '/tickets?order=id')), [1, 2, 3])
  assert.equal((await send(await as(bob, admin, 60), 'PATCH', '/tickets', { amount: 3 })).length, 3)
  // What doesn't say whether it is an admin's.
  assert.deepEqual(await send(await as(bob), 'PATCH', '/tickets', { amount: 2 }), '401 verify')
  assert.deepEqual(await send(undefined, 'PATCH', '/tickets', { amount: 2 }), '401 sign_in')
})

test('the organisation decides', async () => {
  const [strict, easy] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']
  cluster.psql(
    'postgres',
    `
    insert into contracts select * from invoices;
    insert into private.organisations values ('${strict}', 'aal2'), ('${easy}', default);
    insert into private.members values ('${ann}', '${easy}'), ('${bob}', '${strict}'), ('${bob}', '${easy}');`,
  )
  const change = async (token) => ids(await send(token, 'PATCH', '/contracts', { amount: 5 }))
  assert.deepEqual(ids(await send(await as(ann), 'GET', '/contracts')), [1])
  assert.deepEqual(await change(await as(ann)), [1])
  assert.deepEqual(ids(await send(await as(bob), 'GET', '/contracts')), [], 'the highest of both')
  assert.deepEqual(await change(await as(bob)), '401 verify')
  assert.deepEqual(await change(await as(bob, { stepped: 60 })), [2])
  assert.deepEqual(await change(await as(cyd)), '401 enroll', 'a user without an organisation')
  assert.deepEqual(await change(undefined), '401 sign_in')
  assert.deepEqual(await send(undefined, 'GET', '/contracts'), [])

  // The organisation changes its mind.
  cluster.psql('postgres', `update private.organisations set required_aal = 'aal2' where id = '${easy}'`)
  assert.deepEqual(await change(await as(ann)), '401 enroll')
  assert.deepEqual(ids(await send(await as(ann), 'GET', '/contracts')), [])
  for (const level of ["'AAL1'", "''", "'none'", 'null']) {
    assert.throws(() => cluster.psql('postgres', `update private.organisations set required_aal = ${level}`), /violates (check|not-null) constraint/)
  }

  // Whom row security doesn't bind.
  assert.equal(cluster.psql('postgres', 'update contracts set amount = 6 returning id').trim().split('\n').length, 3)
  cluster.psql('postgres', 'drop trigger explain_organisation on contracts')
  assert.deepEqual(await change(await as(bob)), [], 'the policy holds without the trigger')
})

test(
  'the level of an organisation is looked up once per statement, and the proof does not guess it',
  { skip: isPortable && 'the plan has more sub-selects, and the proof is native' },
  () => {
    const asBob = `set role authenticated; set request.jwt.claims = '{"sub":"${bob}","aal":"aal2"}';`
    const plan = cluster.psql('postgres', `${asBob} explain (costs off) select * from contracts`)
    assert.match(plan, /Filter: .*user_id = /)
    assert.match(plan, /InitPlan 1/)
    assert.doesNotMatch(plan, /Filter: .*(required_level|has_aal)/)
    const [, shownPlan] = page.match(/```text\nexplain \(costs off\) select \* from contracts;\n\n(.*?)```/s)
    // Later majors name the parameters otherwise.
    if ((process.env.PG ?? '15') === '15') assert.ok(plan.startsWith(shownPlan), plan)

    cluster.psql(
      'postgres',
      `
    create sequence private.lookups;
    alter function private.required_level() rename to looked_up;
    create function private.required_level() returns text language plpgsql stable security definer as $$
    begin perform nextval('private.lookups'); return private.looked_up(); end $$;
    create table many as select n as id, '${bob}'::uuid as user_id from generate_series(1, 100) n;
    grant select, update on many to authenticated;
    alter table many enable row level security;
    create policy everybody on many using (true);
    create policy organisation_decides on many as restrictive using (true)`,
    )
    const lookups = (condition, statement) => {
      cluster.psql('postgres', `alter policy organisation_decides on many using (${condition}); alter sequence private.lookups restart`)
      return cluster.psql('postgres', `${asBob} ${statement}; reset role; select nextval('private.lookups') - 1`).trim().split('\n').at(-1)
    }
    const [, recommended] = page.match(/policy organisation_decides on contracts as restrictive\n {2}using \((.*)\);\n/)
    assert.equal(lookups(recommended, 'select count(*) from many'), '1')
    // Once for USING, and once for WITH CHECK.
    assert.equal(lookups(recommended, 'update many set id = id'), '2')
    assert.equal(lookups('auth.has_aal(private.required_level())', 'select count(*) from many'), '1')
    assert.equal(lookups('auth.has_aal(private.required_level())', 'update many set id = id'), '200', 'as the page says')

    const shown = cluster.psql(
      'postgres',
      `select distinct required_aal, decided_by from auth.aal_matrix('contracts') where role = 'authenticated' and command <> 'TRUNCATE'`,
    )
    assert.match(shown, /^aal1\|/)
    assert.throws(() => cluster.psql('postgres', `select auth.assert_aal('contracts', 'update', 'aal2')`), /is possible below aal2/)
    cluster.psql('postgres', `select auth.assert_aal('contracts', 'update', 'aal1')`)
  },
)

test('one command needs a fresh second factor', async () => {
  assert.deepEqual(await send(await as(bob, { stepped: 3600 }), 'DELETE', '/archives?id=eq.3'), '401 reverify')
  assert.deepEqual(await send(await as(bob, { stepped: 3600 }), 'DELETE', '/archives?id=eq.999'), '401 reverify')
  assert.deepEqual(await send(undefined, 'DELETE', '/archives?id=eq.3'), '401 sign_in')
  assert.deepEqual(ids(await send(await as(bob, { stepped: 60 }), 'DELETE', '/archives?id=eq.3')), [3])
  assert.deepEqual(ids(await send(await as(ann), 'PATCH', '/archives?id=eq.2', { amount: 5 })), [2])
  cluster.psql('postgres', 'alter table archives disable trigger explain_fresh_delete')
  assert.deepEqual(ids(await send(await as(bob, { stepped: 3600 }), 'DELETE', '/archives?id=eq.2')), [])
})

test('credentials need the enrolled level, and a sign-in of the last minutes', async () => {
  const change = async (token) => ids(await send(token, 'PATCH', '/bank_details?select=id:user_id', { iban: 'y' }))
  assert.deepEqual(await change(await as(ann)), [ann])
  assert.deepEqual(await change(await as(ann, { signedIn: 3600 })), '401 reverify')
  assert.deepEqual(await change(await as(bob)), '401 verify')
  assert.deepEqual(await change(await as(bob, { stepped: 60 })), [bob])
  assert.deepEqual(await change(await as(bob, { signedIn: 3600, stepped: 3500 })), '401 reverify')
  assert.deepEqual(await change(undefined), '401 sign_in')
  assert.deepEqual(ids(await send(await as(bob, { signedIn: 3600 }), 'GET', '/bank_details?select=id:user_id')), [bob])
  cluster.psql('postgres', 'alter table bank_details disable trigger user')
  assert.deepEqual(await change(await as(bob)), [])
  assert.deepEqual(await change(await as(ann, { signedIn: 3600 })), [])
})

test('files of one bucket', async () => {
  const names = async (token) => (await send(token, 'GET', '/objects?order=name', undefined, 'storage')).map(({ name }) => name)
  assert.deepEqual(await names(await as(bob)), ['a.png', 'n.txt'])
  assert.deepEqual(await names(undefined), ['a.png', 'n.txt'])
  assert.deepEqual(await names(await as(bob, { stepped: 3600 })), ['a.png', 'c.pdf', 'n.txt'])
  assert.deepEqual(await send(await as(bob), 'POST', '/objects', { bucket_id: 'contracts', name: 'x' }, 'storage'), '401 verify')
  assert.equal((await send(await as(bob), 'POST', '/objects', { bucket_id: 'avatars', name: 'x' }, 'storage')).length, 1)
  const makePublic = async (token, bucket) => (await send(token, 'PATCH', `/buckets?id=eq.${bucket}`, { public: true }, 'storage')).length
  assert.equal(await makePublic(await as(bob), 'contracts'), 0)
  assert.equal(await makePublic(await as(bob), 'avatars'), 1)
  assert.equal(await makePublic(await as(bob, { stepped: 3600 }), 'contracts'), 1)
})

test('links to files of one bucket', () => {
  // What Storage asks, and says what for.
  const answers = (operation, statement) =>
    cluster
      .psql(
        'postgres',
        `
    set role authenticated;
    set request.jwt.claims = '{"sub":"${bob}","aal":"aal2"}';
    set storage.operation = '${operation}';
    ${statement}`,
      )
      .trim()
  const seen = "select string_agg(name, ' ' order by name) from storage.objects where name like '_.___'"
  for (const operation of ['storage.object.sign', 'storage.object.sign_many', 'object.sign']) {
    assert.equal(answers(operation, seen), 'a.png n.txt', operation)
  }
  for (const operation of ['', 'storage.object.get_authenticated', 'storage.object.list_v2']) {
    assert.equal(answers(operation, seen), 'a.png c.pdf n.txt', operation)
  }
  const upload = (bucket) => `begin; insert into storage.objects (bucket_id, name) values ('${bucket}', 'u'); rollback`
  assert.throws(() => answers('storage.object.sign_upload_url', upload('contracts')), /row-level security/)
  answers('storage.object.sign_upload_url', upload('avatars'))
  answers('storage.object.upload', upload('contracts'))
})

test('an RPC', async () => {
  assert.deepEqual(await send(await as(ann), 'POST', '/rpc/close_account', {}), '401 enroll')
  assert.deepEqual(await send(await as(bob), 'POST', '/rpc/close_account', {}), '401 verify')
  assert.deepEqual(await send(await as(bob, { stepped: 3600 }), 'POST', '/rpc/close_account', {}), '401 reverify')
  assert.deepEqual(await send(await as(bob, { stepped: 60 }), 'POST', '/rpc/close_account', {}), 'closed ' + bob)
})

test('whole paths, before the request', async () => {
  for (const path of ['/reports', '/rpc/admin_hello']) {
    assert.deepEqual(await send(await as(bob), 'GET', path), '401 verify')
    assert.deepEqual(await send(undefined, 'GET', path), '401 sign_in')
  }
  assert.deepEqual(ids(await send(await as(bob, { stepped: 60 }), 'GET', '/reports')), [1])
  assert.deepEqual(await send(await as(bob, { stepped: 60 }), 'GET', '/rpc/admin_hello'), 'hello')
})

test('where the session stands', async () => {
  const status = async (token) => send(token, 'POST', '/rpc/aal_status', {})
  const { currentAuthenticationMethods, ...bobs } = await status(await as(bob))
  assert.deepEqual(bobs, { currentLevel: 'aal1', nextLevel: 'aal2', action: 'verify', reason: null, sessionIsLive: false })
  assert.equal(currentAuthenticationMethods[0].method, 'password')
  cluster.psql('postgres', `insert into auth.sessions (id, user_id, aal) values ('${claims().session_id}', '${bob}', 'aal1')`)
  assert.equal((await status(await as(bob))).sessionIsLive, true)
  assert.equal((await status(await as(bob, { stepped: 60 }))).action, null)
  assert.equal((await status(await as(ann))).action, 'enroll')
  const none = { currentLevel: null, nextLevel: null, currentAuthenticationMethods: [], sessionIsLive: null }
  assert.deepEqual(await status(undefined), { ...none, action: 'sign_in', reason: 'not_signed_in' })
  const { aal: _, ...withoutLevel } = claims({ sub: bob })
  assert.deepEqual(await status(await sign(withoutLevel, postgrest.secret)), { ...none, action: 'configure', reason: 'no_level' })
})

test('other stores of factors', { skip: isPortable && 'a setting names them, and the portable edition has none' }, async () => {
  cluster.psql(
    'postgres',
    `
    insert into users.second_factors values ('bob', now()), ('ann', null);
    insert into kratos.identities values ('${ann}', 'active'), ('${bob}', 'active'), ('${cyd}', 'inactive');
    insert into kratos.identity_credential_types values ('${ann}', 'password'), ('${bob}', 'totp');
    insert into kratos.identity_credentials values (gen_random_uuid(), '${ann}', '${ann}', '{"x":1}'), (gen_random_uuid(), '${bob}', '${bob}', '{"x":1}');
  `,
  )
  const ask = (store, subject) =>
    cluster
      .psql(
        'postgres',
        `
    load 'pg_aal';
    set pg_aal.enrollment_function = '${store}';
    set request.jwt.claims = '{"sub":"${subject}","aal":"aal1"}';
    set role authenticated;
    select coalesce(auth.enrolled_aal(), 'unknown'), auth.has_enrolled_aal()`,
      )
      .trim()
  assert.equal(ask('users.has_second_factor', 'bob'), 'aal2|f')
  assert.equal(ask('users.has_second_factor', 'ann'), 'aal1|t')
  assert.equal(ask('kratos.has_second_factor', bob), 'aal2|f')
  assert.equal(ask('kratos.has_second_factor', ann), 'aal1|t')
  assert.equal(ask('kratos.has_second_factor', cyd), 'unknown|f')
})

test('a new second factor', async () => {
  const pay = async (sub, ago) => {
    const answer = await send(await as(sub, ago), 'POST', '/payouts', { id: ++payout, user_id: sub, amount: 1 })
    return typeof answer === 'string' ? answer : answer.length
  }
  let payout = 0
  // His factor is older than the trigger.
  assert.equal(await pay(bob, { stepped: 60 }), 1)
  assert.equal(await pay(bob), '401 verify')
  assert.equal(await pay(bob, { signedIn: 3600, stepped: 60 }), '403 42501')

  // A thief who has her session, or her password.
  const verify = `update auth.mfa_factors set status = 'verified' where user_id = '${ann}'`
  cluster.psql('postgres', `update auth.users set email = 'ann@example.com' where id = '${ann}'; set role supabase_auth_admin; ${verify}`)
  assert.equal(await pay(ann, { stepped: 10, signedIn: 10 }), '403 42501')
  const announce = recipes.find((sql) => sql.startsWith('update private.enrolled_factors'))
  assert.match(cluster.psql('postgres', announce), /^ann@example\.com\|/)
  assert.equal(cluster.psql('postgres', announce), '', 'an e-mail is sent once')

  // A day later. That the server writes the factor again makes it no new one.
  cluster.psql('postgres', `update private.enrolled_factors set enrolled_at = now() - interval '25 hours'; ${verify}`)
  assert.equal(await pay(ann, { stepped: 10, signedIn: 10 }), 1)
  assert.equal(await pay(ann, { stepped: 10, signedIn: 3600 }), '403 42501', 'without the password of the last minutes')

  cluster.psql('postgres', `insert into auth.mfa_factors (user_id, status) values ('${ann}', 'verified')`)
  assert.equal(await pay(ann, { stepped: 10, signedIn: 10 }), '403 42501', 'one that begins as verified counts, too')
  assert.equal(await pay(bob, { stepped: 60 }), 1, 'somebody else is not held up')
})
