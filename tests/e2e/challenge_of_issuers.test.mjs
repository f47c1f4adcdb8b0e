// What a real PostgREST answers to users of other issuers than Supabase Auth: each is told what to ask its own issuer for.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { issuers, profiles } from '../issuers.mjs'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'

let cluster, postgrest
before(async () => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create role anon;
    create role authenticated;
    create role authenticator login noinherit;
    grant anon, authenticated to authenticator;
    create extension pg_aal;
    create table payments (id int primary key, user_id text not null default auth.subject());
    grant select, insert, update, delete on payments to anon, authenticated;
    select auth.protect_table('payments', owner_column => 'user_id', max_age => '15 minutes');
    create function five_members() returns void language plpgsql as $$
    begin
      raise sqlstate 'PGRST' using message = '{"code":"1","message":"2","details":"3","hint":"4","clerk_error":{}}', detail = '{"status":401,"headers":{}}';
    end
    $$;
    create function aal_status() returns jsonb language sql stable as $$ select auth.aal_status() $$;
    alter role authenticator set pg_aal.error_format = 'postgrest';
    alter role authenticator set pg_aal.claims_profile = '${profiles}';
  `,
  )
  postgrest = await PostgREST.start(cluster, 'postgres', { DB_POOL: 1 })
})
after(() => cluster?.stop())

async function request(path, claims, body) {
  const headers = { 'content-type': 'application/json' }
  if (claims) headers.authorization = 'Bearer ' + (await sign(claims, postgrest.secret))
  const response = await fetch(postgrest.url + path, { method: 'POST', headers, body })
  const answer = await response.json()
  return { status: response.status, headers: response.headers, answer, detail: answer.details && JSON.parse(answer.details) }
}
const insert = (claims) => request('/payments', claims, '{"id":1}')

const detail = {
  code: 'insufficient_aal',
  required_aal: 'aal2',
  current_aal: 'aal1',
  max_age: 900,
  action: 'verify',
  reason: 'level_too_low',
}

test("Okta's user gets a challenge of RFC 9470 with Okta's acr_values", async () => {
  const refused = await insert(issuers.okta)
  assert.equal(refused.status, 401)
  assert.equal(
    refused.headers.get('www-authenticate'),
    'Bearer error="insufficient_user_authentication", error_description="A higher authentication level is required", acr_values="urn:okta:loa:2fa:any", max_age="900"',
  )
  assert.match(refused.headers.get('access-control-expose-headers'), /WWW-Authenticate/)
  assert.equal(refused.answer.code, 'insufficient_aal')
  assert.deepEqual(refused.detail, { ...detail, acr_values: 'urn:okta:loa:2fa:any' })
})

test("Entra's user gets a claims challenge, which the header of Microsoft's documentation has", async () => {
  const refused = await insert(issuers.entra)
  assert.equal(refused.status, 401)
  const header = refused.headers.get('www-authenticate')
  assert.match(
    header,
    /^Bearer authorization_uri="https:\/\/login\.microsoftonline\.com\/tenant-1\/oauth2\/v2\.0\/authorize", error="insufficient_claims", /,
  )
  assert.match(header, /, cc_type="authcontext", max_age="900"$/)
  // As Microsoft's samples take a challenge apart: at its commas and equals signs.
  const parameters = Object.fromEntries(
    header
      .slice('Bearer '.length)
      .split(',')
      .map((part) => part.split('='))
      .map(([name, value]) => [name.trim(), decodeURI(value.replace(/['"]+/g, ''))]),
  )
  const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
  assert.equal(atob(parameters.claims), claims)
  assert.deepEqual(refused.detail, { ...detail, acr_values: null, claims })
})

test("Clerk's user gets the hint that useReverification reads", async () => {
  const refused = await insert(issuers.clerk)
  assert.equal(refused.status, 401)
  const { clerk_error, ...others } = refused.detail
  assert.deepEqual(others, { ...detail, acr_values: null })
  assert.deepEqual(clerk_error, {
    type: 'forbidden',
    reason: 'reverification-error',
    metadata: { reverification: { level: 'second_factor', afterMinutes: 15 } },
  })
  assert.match(refused.headers.get('www-authenticate'), /error="insufficient_user_authentication".*, max_age="900"$/)
})

test("a level that Keycloak's realm states and the profile doesn't name is stepped up", async () => {
  const refused = await insert({ ...issuers.keycloak, acr: '0' })
  assert.deepEqual(refused.detail, { ...detail, current_aal: null, acr_values: 'aal2' })
  assert.match(refused.headers.get('www-authenticate'), /acr_values="aal2", max_age="900"$/)
  assert.match(refused.answer.hint, /^The access token states the level "0", which the profile of its issuer does not name\. /)
})

test('a user of an unknown issuer, and nobody, are told no word of another issuer', async () => {
  const unknown = await insert({ ...claims(), iss: 'https://other.example' })
  assert.deepEqual(unknown.detail, { ...detail, current_aal: null, action: 'configure', reason: 'no_level', acr_values: null })
  const nobody = await insert(null)
  assert.equal(nobody.detail.acr_values, null)
  for (const { headers } of [unknown, nobody]) assert.doesNotMatch(headers.get('www-authenticate'), /acr_values/)
})

test('the status says what to ask for before a button is pressed', async () => {
  const status = async (claims) => (await request('/rpc/aal_status', claims, '{}')).answer
  const okta = await status(issuers.okta)
  assert.deepEqual([okta.currentLevel, okta.action, okta.acrValues], ['aal1', 'verify', 'urn:okta:loa:2fa:any'])
  assert.equal((await status(issuers.entra)).claims, '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}')
})

test("PostgREST hands on four members of a body, so Clerk's hint is within one of them", async () => {
  const { status, answer } = await request('/rpc/five_members', issuers.clerk, '{}')
  assert.deepEqual([status, Object.keys(answer).sort()], [401, ['code', 'details', 'hint', 'message']])
})

test("a token that Postgres verifies itself is read by its issuer's profile, too", async () => {
  // Each issuer has keys of its own.
  const { keys } = JSON.parse(jwks(postgrest.secret))
  const bound = JSON.parse(profiles).map(({ issuer }) => ({ issuer, secrets: true, keys }))
  const asked = (token) => `
    set pg_aal.jwks = '${JSON.stringify({ issuers: bound })}';
    set pg_aal.claims_profile = '${profiles}';
    set pg_aal.claims_source = 'token';
    begin;
    set local pg_aal.token = '${token}';
    select coalesce(auth.aal(), 'none') || ' ' || coalesce(auth.aal_status() ->> 'acrValues', 'nothing');
    commit;
  `
  const ask = async (claims) => cluster.psql('postgres', asked(await sign(claims, postgrest.secret))).trim()
  assert.equal(await ask(issuers.keycloak), 'aal1 aal2')
  assert.equal(await ask({ ...issuers.keycloak, acr: 'aal2' }), 'aal2 nothing')
  assert.equal(await ask({ ...issuers.keycloak, acr: '0' }), 'none aal2')
  assert.equal(await ask({ ...issuers.okta, acr: 'aal2' }), 'aal1 urn:okta:loa:2fa:any')
  assert.equal(await ask({ ...issuers.keycloak, acr: 'aal2', iss: 'https://other.example' }), 'none nothing')
})
