// What an application sees that uses supabase-js: real tokens of a real Supabase Auth server, and a real PostgREST.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { Secret, TOTP } from 'otpauth'
import { Cluster, PostgREST } from './stack.mjs'
import { Gateway, skip, SupabaseAuth } from './supabase_auth.mjs'

// The guide's own JavaScript.
const page = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8')
const module = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, js]) => js).join('\n')
const { setPassword, withStepUp } = await import('data:text/javascript,' + encodeURIComponent(module))

// How old a second factor may be for a write to `transfers`, in seconds.
const maxAge = 4

const application = `
  create table payments (
    id bigint generated always as identity primary key,
    user_id uuid not null default auth.subject_uuid(),
    amount numeric not null
  );
  create table transfers (like payments including all);
  create table profiles (like payments including all);
  grant select, insert, update, delete on payments, transfers, profiles to anon, authenticated;
  select auth.protect_table('payments', owner_column => 'user_id');
  select auth.protect_table('transfers', owner_column => 'user_id', max_age => '${maxAge} seconds');
  select auth.protect_table('profiles', owner_column => 'user_id', write => 'enrolled');
  create function aal_status() returns jsonb language sql stable as $$ select auth.aal_status() $$;
  create function session() returns json language sql stable as $$
    select json_build_object('aal', auth.aal(), 'subject', auth.subject_uuid(), 'amr', (
      select json_agg(json_build_object('method', method, 'timestamp', extract(epoch from authenticated_at)::bigint)) from auth.amr()
    ))
  $$;
  alter role authenticator set pg_aal.error_format = 'postgrest';
`

describe('supabase-js with a real Supabase Auth server', { skip }, () => {
  for (const asymmetric of [false, true]) {
    describe(`tokens signed with ${asymmetric ? 'ES256' : 'the secret'}`, () => {
      let cluster, auth, gateway, anonKey, admin, made
      before(async () => {
        cluster = new Cluster()
        cluster.psql('postgres', 'create database app')
        auth = await SupabaseAuth.start(cluster, 'app', { asymmetric })
        made = await schemaOfSupabaseAuth()
        cluster.psql('app', 'create extension pg_aal;' + application)
        const postgrest = await PostgREST.start(cluster, 'app', { JWT_SECRET: auth.verifier })
        gateway = await Gateway.start(auth, postgrest)
        anonKey = await auth.apiKey('anon')
        admin = client(await auth.apiKey('service_role'))
      })
      after(() => {
        gateway?.stop()
        cluster?.stop()
      })

      const client = (key = anonKey) => createClient(gateway.url, key, { auth: { persistSession: false, autoRefreshToken: false } })

      // Of an answer of supabase-js, the data; its error is thrown.
      const data = async (answer) => {
        const { data, error } = await answer
        if (error) throw error
        return data
      }

      async function signUp() {
        const user = { email: `${randomUUID()}@example.com`, password: randomUUID() }
        const supabase = client()
        await data(supabase.auth.signUp(user))
        return { supabase, ...user }
      }

      async function signIn({ email, password }) {
        const supabase = client()
        await data(supabase.auth.signInWithPassword({ email, password }))
        return supabase
      }

      async function enrol(supabase) {
        const { id, totp } = await data(supabase.auth.mfa.enroll({ factorType: 'totp' }))
        return { id, totp: new TOTP({ secret: Secret.fromBase32(totp.secret) }) }
      }

      async function verify(supabase, factor) {
        const challenge = await data(supabase.auth.mfa.challenge({ factorId: factor.id }))
        return data(supabase.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: factor.totp.generate() }))
      }

      async function signUpWithFactor() {
        const user = await signUp()
        const factor = await enrol(user.supabase)
        await verify(user.supabase, factor)
        return { ...user, factor }
      }

      const write = (supabase, table = 'payments') => supabase.from(table).insert({ amount: 1 }).select()

      async function refused(answer, action) {
        const { status, error } = await answer
        assert.equal(status, 401)
        assert.equal(error.code, 'insufficient_aal')
        assert.equal(JSON.parse(error.details).action, action)
      }

      async function written(answer) {
        const { status, error } = await answer
        assert.equal(error, null)
        assert.equal(status, 201)
      }

      const amr = async (supabase) => (await data(supabase.rpc('session'))).amr

      // What the database takes the session for is what supabase-js says of it. Methods of one second come in any order.
      async function agrees(supabase, level) {
        const seen = await data(supabase.rpc('session'))
        const status = await data(supabase.auth.mfa.getAuthenticatorAssuranceLevel())
        const { session } = await data(supabase.auth.getSession())
        const sorted = (methods) => methods.map(({ method, timestamp }) => `${timestamp} ${method}`).sort()
        assert.equal(seen.aal, level)
        assert.equal(seen.aal, status.currentLevel)
        assert.equal(seen.subject, session.user.id)
        const { action, currentAuthenticationMethods, ...levels } = await data(supabase.rpc('aal_status'))
        assert.deepEqual(levels, { currentLevel: status.currentLevel, nextLevel: status.nextLevel })
        assert.deepEqual(currentAuthenticationMethods, status.currentAuthenticationMethods)
        assert.equal(action, status.currentLevel === 'aal2' ? null : status.nextLevel === 'aal2' ? 'verify' : 'enroll')
        assert.deepEqual(sorted(seen.amr), sorted(status.currentAuthenticationMethods))
      }

      function schemaOfSupabaseAuth() {
        return cluster.query('app', `
          select 'schema' as object, nspowner::regrole::text as owner, nspacl::text as grants, null as text
            from pg_namespace where nspname = 'auth'
          union all
          select p.oid::regprocedure::text, proowner::regrole::text, proacl::text, prosrc from pg_proc p
           where pronamespace = 'auth'::regnamespace and proname in ('uid', 'role', 'email', 'jwt')
          union all
          select c.oid::regclass::text, relowner::regrole::text, relacl::text, relrowsecurity::text from pg_class c
           where relnamespace = 'auth'::regnamespace and relname in ('users', 'mfa_factors', 'sessions', 'mfa_amr_claims')
          order by 1`)
      }

      test('the extension leaves what Supabase Auth made as it was', async () => {
        assert.equal(made.length, 9)
        assert.deepEqual(await schemaOfSupabaseAuth(), made)
      })

      test('a user who signed up reads, and is refused writes at aal1', async () => {
        const user = await signUp()
        for (const supabase of [user.supabase, await signIn(user)]) {
          await agrees(supabase, 'aal1')
          assert.deepEqual(await data(supabase.from('payments').select()), [])
          await refused(write(supabase), 'enroll')
          await written(write(supabase, 'profiles'))
        }
      })

      test('level enrolled asks those for a second factor who have a verified one', async () => {
        const user = await signUp()
        await written(write(user.supabase, 'profiles'))
        const factor = await enrol(user.supabase)
        await written(write(user.supabase, 'profiles'))
        await verify(user.supabase, factor)
        await written(write(user.supabase, 'profiles'))
        const again = await signIn(user)
        await refused(write(again, 'profiles'), 'verify')
        await verify(again, factor)
        await written(write(again, 'profiles'))
        await data(again.auth.mfa.unenroll({ factorId: factor.id }))
        await written(write(await signIn(user), 'profiles'))
      })

      test('a user who isn’t signed in is told to', async () => {
        const supabase = client()
        assert.deepEqual(await data(supabase.from('payments').select()), [])
        const { status, error } = await supabase.from('payments').insert({ amount: 1 })
        assert.deepEqual([status, error.code, JSON.parse(error.details).action], [401, 'insufficient_aal', 'sign_in'])
      })

      test('a verified second factor opens writes, in that session only', async () => {
        const user = await signUp()
        const factor = await enrol(user.supabase)
        await agrees(user.supabase, 'aal1')
        await refused(write(user.supabase), 'enroll')
        await verify(user.supabase, factor)
        await agrees(user.supabase, 'aal2')
        await written(write(user.supabase))

        const again = await signIn(user)
        await agrees(again, 'aal1')
        assert.equal((await data(again.from('payments').select())).length, 1)
        await refused(write(again), 'verify')
        await verify(again, factor)
        await written(write(again))
      })

      test('a wrong code opens nothing', async () => {
        const { supabase } = await signUp()
        const factor = await enrol(supabase)
        const wrong = { id: factor.id, totp: { generate: () => String((Number(factor.totp.generate({ timestamp: 0 })) + 1) % 1e6).padStart(6, '0') } }
        await assert.rejects(verify(supabase, wrong), { code: 'mfa_verification_failed' })
        await agrees(supabase, 'aal1')
        await refused(write(supabase), 'enroll')
      })

      test('a factor older than max_age is asked for again, and then writes', async () => {
        const { supabase, factor } = await signUpWithFactor()
        await verify(supabase, factor)
        await written(write(supabase, 'transfers'))
        await new Promise((resolve) => setTimeout(resolve, (maxAge + 1) * 1000))
        await agrees(supabase, 'aal2')
        await refused(write(supabase, 'transfers'), 'reverify')
        await written(write(supabase))
        // Maybe with the same code: Supabase Auth takes each challenge once, and a code as long as it is valid.
        await verify(supabase, factor)
        await written(write(supabase, 'transfers'))
      })

      test('refreshing the token doesn’t make a factor fresh', async () => {
        const { supabase } = await signUpWithFactor()
        const seen = await amr(supabase)
        const { session } = await data(supabase.auth.getSession())
        await new Promise((resolve) => setTimeout(resolve, 1500))
        const refreshed = await data(supabase.auth.refreshSession())
        assert.notEqual(refreshed.session.access_token, session.access_token)
        assert.deepEqual(await amr(supabase), seen)
        await agrees(supabase, 'aal2')
      })

      test('after a recovery link, Supabase Auth changes the password only once the factor is verified', async () => {
        const { email, factor } = await signUpWithFactor()
        const { properties } = await data(admin.auth.admin.generateLink({ type: 'recovery', email }))
        const supabase = client()
        await data(supabase.auth.verifyOtp({ type: 'recovery', token_hash: properties.hashed_token }))
        await agrees(supabase, 'aal1')
        await refused(write(supabase), 'verify')

        const password = randomUUID()
        await assert.rejects(data(supabase.auth.updateUser({ password })), {
          status: 401,
          code: 'insufficient_aal',
          message: 'AAL2 session is required to update email or password when MFA is enabled.',
        })
        await verify(supabase, factor)
        await agrees(supabase, 'aal2')
        await data(supabase.auth.updateUser({ password }))
        await written(write(supabase))
        await agrees(await signIn({ email, password }), 'aal1')
      })

      test("the guide's step-up signs in, enrolls, verifies and verifies again, and the request goes through", async () => {
        const user = await signUp()
        const supabase = client()
        const asked = []
        let totp
        const ask = {
          credentials: () => (asked.push('credentials'), { email: user.email, password: user.password }),
          firstCode: ({ secret }) => {
            asked.push('first code')
            totp = new TOTP({ secret: Secret.fromBase32(secret) })
            return totp.generate()
          },
          code: () => (asked.push('code'), totp.generate()),
        }
        await written(withStepUp(supabase, () => write(supabase), ask))
        assert.deepEqual(asked.splice(0), ['credentials', 'first code'])
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        await written(withStepUp(supabase, () => write(supabase, 'profiles'), ask))
        assert.deepEqual(asked.splice(0), ['code'])
        await new Promise((resolve) => setTimeout(resolve, (maxAge + 1) * 1000))
        await written(withStepUp(supabase, () => write(supabase, 'transfers'), ask))
        assert.deepEqual(asked.splice(0), ['code'])
        // A wrong code is asked for again, and giving up leaves the refusal.
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        const codes = ['000000', totp.generate()]
        await written(withStepUp(supabase, () => write(supabase), { ...ask, code: () => codes.shift() }))
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        await refused(withStepUp(supabase, () => write(supabase), { ...ask, code: () => undefined }), 'verify')
      })

      test("the guide's password reset verifies the factor in the recovery session", async () => {
        const { email, factor } = await signUpWithFactor()
        const { properties } = await data(admin.auth.admin.generateLink({ type: 'recovery', email }))
        const supabase = client()
        await data(supabase.auth.verifyOtp({ type: 'recovery', token_hash: properties.hashed_token }))
        const password = randomUUID()
        await data(setPassword(supabase, password, { code: () => factor.totp.generate() }))
        await agrees(await signIn({ email, password }), 'aal1')
      })

      test('after its factor is removed, the next token is at aal1', async () => {
        const { supabase, factor } = await signUpWithFactor()
        await data(supabase.auth.mfa.unenroll({ factorId: factor.id }))
        // supabase-js still has the old token, which says aal2 until it expires.
        await written(write(supabase))
        await data(supabase.auth.refreshSession())
        await agrees(supabase, 'aal1')
        await refused(write(supabase), 'enroll')
      })

      test('the token says how it was signed, and the published keys verify it', async () => {
        const { supabase } = await signUp()
        const { session } = await data(supabase.auth.getSession())
        const header = decodeProtectedHeader(session.access_token)
        assert.equal(header.alg, asymmetric ? 'ES256' : 'HS256')
        const published = new URL(gateway.url + '/auth/v1/.well-known/jwks.json')
        const { keys } = await (await fetch(published)).json()
        // The secret is never published.
        assert.deepEqual(keys.map((key) => [key.kty, key.kid, 'd' in key]), asymmetric ? [['EC', header.kid, false]] : [])
        if (asymmetric) await jwtVerify(session.access_token, createRemoteJWKSet(published), { issuer: auth.url, audience: 'authenticated' })
      })
    })
  }
})
