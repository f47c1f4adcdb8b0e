// Where tables ask for a live session, an access token that somebody kept counts for nothing once its session is over: with a real
// Supabase Auth server, each way in which it ends a session, and a real PostgREST.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { Secret, TOTP } from 'otpauth'
import { StepUp } from '../../clients/js/dist/index.js'
import { Cluster, isPortable, PostgREST } from '../stack.mjs'
import { Gateway, skip, SupabaseAuth } from './supabase_auth.mjs'

// Another version of supabase-js than the pinned one, by its folder.
const { createClient } = createRequire(import.meta.url)(process.env.SUPABASE_JS ?? '@supabase/supabase-js')

// Newer versions of it want a WebSocket to be there, which Node has since 22. Nothing here opens one.
const realtime = { transport: globalThis.WebSocket ?? class {} }

// How long a session lasts in the database `boxed`, in seconds.
const timebox = 5

const application = `
  create extension pg_aal;
  create table payments (id bigint generated always as identity primary key, user_id uuid not null default auth.subject_uuid(), amount numeric not null);
  grant select, insert, update, delete on payments to anon, authenticated;
  select auth.protect_table('payments', owner_column => 'user_id', live => true);
  create function transfer() returns boolean language sql as $$ select auth.require_live_session() $$;
`

// Of an answer of supabase-js, the data; its error is thrown.
async function data(answer) {
  const { data, error } = await answer
  if (error) throw error
  return data
}

const write = (supabase) => supabase.from('payments').insert({ amount: 1 }).select()

async function written(answer) {
  const { status, error } = await answer
  assert.equal(error, null)
  assert.equal(status, 201)
}

// With the tokens of a gateway, and with those that Postgres verifies itself.
for (const tokenMode of isPortable ? [false] : [false, true]) {
  describe(`revocation by a real Supabase Auth server${tokenMode ? ', in token mode' : ''}`, { skip }, () => {
    let cluster, auth, boxedAuth, gateway, boxed, anonKey, admin
    before(async () => {
      cluster = new Cluster()
      cluster.psql('postgres', 'create database app; create database boxed')
      SupabaseAuth.prepare(cluster, 'app')
      cluster.psql('boxed', 'create schema auth authorization supabase_auth_admin; grant usage on schema auth to anon, authenticated, service_role')
      auth = await SupabaseAuth.start(cluster, 'app', { asymmetric: true })
      boxedAuth = await SupabaseAuth.start(cluster, 'boxed', { asymmetric: true, settings: { GOTRUE_SESSIONS_TIMEBOX: `${timebox}s` } })
      cluster.psql('app', application)
      cluster.psql('boxed', application)
      cluster.psql('boxed', `load 'pg_aal'; alter database boxed set pg_aal.session_timebox = '${timebox}s'`)
      cluster.psql('app', `alter role authenticator set pg_aal.error_format = 'postgrest'`)
      if (tokenMode) {
        for (const [database, server] of Object.entries({ app: auth, boxed: boxedAuth })) {
          const set = (name, value) => `alter role authenticator in database ${database} set pg_aal.${name} = '${value}';`
          cluster.psql(database, `load 'pg_aal';` + set('claims_source', 'token') + set('jwks', await server.publishedKeys()))
        }
      }
      gateway = await Gateway.start(auth, await PostgREST.start(cluster, 'app', { JWT_SECRET: auth.verifier }))
      boxed = await Gateway.start(boxedAuth, await PostgREST.start(cluster, 'boxed', { JWT_SECRET: boxedAuth.verifier }))
      anonKey = await auth.apiKey('anon')
      admin = client(await auth.apiKey('service_role'))
    })
    after(() => {
      gateway?.stop()
      boxed?.stop()
      cluster?.stop()
    })

    const client = (key = anonKey, to = gateway) => createClient(to.url, key, { realtime, auth: { persistSession: false, autoRefreshToken: false } })

    // A client that has kept the access token a session has now, as a thief or another tab.
    async function kept(supabase, key = anonKey, to = gateway) {
      const { session } = await data(supabase.auth.getSession())
      return createClient(to.url, key, { realtime, accessToken: async () => session.access_token })
    }

    async function verify(supabase, { id, totp }) {
      const challenge = await data(supabase.auth.mfa.challenge({ factorId: id }))
      return data(supabase.auth.mfa.verify({ factorId: id, challengeId: challenge.id, code: totp.generate() }))
    }

    async function signUp(supabase = client()) {
      const user = { email: `${randomUUID()}@example.com`, password: randomUUID() }
      const { user: made } = await data(supabase.auth.signUp(user))
      return { supabase, id: made.id, ...user }
    }

    async function enroll(supabase) {
      const { id, totp } = await data(supabase.auth.mfa.enroll({ factorType: 'totp' }))
      return { id, totp: new TOTP({ secret: Secret.fromBase32(totp.secret) }) }
    }

    // A user at aal2 who has written something, and a token of theirs.
    async function atAal2(supabase = client(), key = anonKey, to = gateway) {
      const user = await signUp(supabase)
      const factor = await enroll(supabase)
      await verify(supabase, factor)
      await written(write(supabase))
      const token = await kept(supabase, key, to)
      assert.equal((await data(token.from('payments').select())).length, 1)
      return { ...user, factor, token }
    }

    async function signIn({ email, password }) {
      const supabase = client()
      await data(supabase.auth.signInWithPassword({ email, password }))
      return supabase
    }

    // The next statements of a token are refused: a write and a function with an error that says why, a read with no rows.
    async function refused(token, reason) {
      for (const answer of [await write(token), await token.rpc('transfer')]) {
        assert.equal(answer.status, 401)
        assert.equal(answer.error.code, 'insufficient_aal')
        const { action, reason: why } = JSON.parse(answer.error.details)
        assert.deepEqual([action, why], ['sign_in', reason])
      }
      assert.deepEqual(await data(token.from('payments').select()), [])
    }

    const ends = {
      'a sign-out on this device': ['session_ended', ({ supabase }) => supabase.auth.signOut({ scope: 'local' })],
      'a sign-out everywhere': ['session_ended', ({ supabase }) => supabase.auth.signOut({ scope: 'global' })],
      'a ban': ['unknown_user', ({ id }) => admin.auth.admin.updateUserById(id, { ban_duration: '24h' })],
      'a soft deletion': ['unknown_user', ({ id }) => admin.auth.admin.deleteUser(id, true)],
      'a hard deletion': ['unknown_user', ({ id }) => admin.auth.admin.deleteUser(id)],
      'removing the factor': ['factor_removed', ({ supabase, factor }) => supabase.auth.mfa.unenroll({ factorId: factor.id })],
      'an admin who removes the factor': ['factor_removed', ({ id, factor }) => admin.auth.admin.mfa.deleteFactor({ id: factor.id, userId: id })],
    }
    for (const [name, [reason, end]] of Object.entries(ends)) {
      test(`${name} ends a token at once`, async () => {
        const [user, other] = [await atAal2(), await atAal2()]
        const { error } = await end(user)
        assert.equal(error, null)
        await refused(user.token, reason)
        // And nobody else's.
        await written(write(other.token))
      })
    }

    test('a sign-out on the other devices ends their tokens, and leaves this one', async () => {
      const user = await atAal2()
      const here = await signIn(user)
      await verify(here, user.factor)
      const token = await kept(here)
      await data(here.auth.signOut({ scope: 'others' }))
      await refused(user.token, 'session_ended')
      await written(write(token))
    })

    test('a new password ends the user’s other sessions', async () => {
      const user = await atAal2()
      const here = await signIn(user)
      await verify(here, user.factor)
      await data(here.auth.updateUser({ password: randomUUID() }))
      await refused(user.token, 'session_ended')
      await written(write(here))
    })

    test('a step-up ends the user’s other sessions at aal1, reads included', async () => {
      const user = await atAal2()
      const here = await signIn(user)
      const token = await kept(here)
      assert.equal((await data(token.from('payments').select())).length, 1)
      const there = await signIn(user)
      await verify(there, user.factor)
      await refused(token, 'session_ended')
      await written(write(user.token))
    })

    test('a ban that is lifted leaves the session as it was', async () => {
      const user = await atAal2()
      await data(admin.auth.admin.updateUserById(user.id, { ban_duration: '24h' }))
      await refused(user.token, 'unknown_user')
      await data(admin.auth.admin.updateUserById(user.id, { ban_duration: 'none' }))
      await written(write(user.token))
    })

    test('after the factor was removed, a refreshed token reads at aal1 and is told to enroll', async () => {
      const { supabase, token, factor } = await atAal2()
      await data(supabase.auth.mfa.unenroll({ factorId: factor.id }))
      await refused(token, 'factor_removed')
      await data(supabase.auth.refreshSession())
      assert.equal((await data(supabase.from('payments').select())).length, 1)
      const { error } = await write(supabase)
      assert.equal(JSON.parse(error.details).action, 'enroll')
    })

    test('another factor may be removed', async () => {
      const { supabase, token } = await atAal2()
      const second = await data(supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'second' }))
      await data(supabase.auth.mfa.unenroll({ factorId: second.id }))
      await written(write(token))
    })

    test('a token from before the step-up goes on at its own level', async () => {
      const user = await signUp()
      const token = await kept(user.supabase)
      await verify(user.supabase, await enroll(user.supabase))
      assert.deepEqual(await data(token.from('payments').select()), [])
      const { error } = await write(token)
      assert.deepEqual(JSON.parse(error.details).action, 'verify')
    })

    test('the refusal challenges by RFC 6750, and its message says why', async () => {
      const user = await atAal2()
      const { session } = await data(user.supabase.auth.getSession())
      await data(user.supabase.auth.signOut())
      const answer = await fetch(gateway.url + '/rest/v1/payments', {
        method: 'POST',
        headers: { Authorization: `Bearer ${session.access_token}`, 'Content-Type': 'application/json' },
        body: '{"amount":1}',
      })
      assert.equal(answer.status, 401)
      assert.equal(answer.headers.get('WWW-Authenticate'), 'Bearer error="invalid_token", error_description="the session has ended"')
      const { message, hint } = await answer.json()
      assert.equal(message, 'insufficient_aal: insert on table "payments" requires a live session, and the session has ended')
      assert.equal(hint, 'Sign in, then try again with the new access token.')
    })

    test('the client module signs in again, verifies, and the request goes through', async () => {
      const user = await atAal2()
      const there = await signIn(user)
      await verify(there, user.factor)
      await data(there.auth.signOut({ scope: 'others' }))
      const asked = []
      const stepUp = new StepUp(user.supabase, {
        signIn: async ({ need }) => (asked.push(need.reason), { email: user.email, password: user.password }),
        code: async () => (asked.push('code'), user.factor.totp.generate()),
      })
      await written(stepUp.withStepUp(() => write(user.supabase)))
      assert.deepEqual(asked, ['session_ended', 'code'])
    })

    test('a session’s timebox ends its tokens, by the setting that repeats the server’s', { skip: isPortable && 'it is a setting' }, async () => {
      const key = await boxedAuth.apiKey('anon')
      const { supabase, token } = await atAal2(client(key, boxed), key, boxed)
      await new Promise((resolve) => setTimeout(resolve, (timebox + 1) * 1000))
      await refused(token, 'session_ended')
      await assert.rejects(data(supabase.auth.refreshSession()), { code: 'session_expired' })
    })
  })
}
