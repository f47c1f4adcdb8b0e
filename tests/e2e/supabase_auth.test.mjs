// What an application sees that uses supabase-js: real tokens of a real Supabase Auth server, and a real PostgREST.

import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { Secret, TOTP } from 'otpauth'
import { StepUp } from '../../clients/js/dist/index.js'
import { Cluster, isPortable, PostgREST } from '../stack.mjs'
import { Gateway, skip, SupabaseAuth } from './supabase_auth.mjs'

// Another version of supabase-js than the pinned one, by its folder.
const { createClient } = createRequire(import.meta.url)(process.env.SUPABASE_JS ?? '@supabase/supabase-js')

// Newer versions of it want a WebSocket to be there, which Node has since 22. Nothing here opens one.
const realtime = { transport: globalThis.WebSocket ?? class {} }

// A request with the client module's step-up. dialogs: what the user answers; a plain value always.
function withStepUp(supabase, request, dialogs) {
  const asked = Object.entries(dialogs).map(([name, answer]) => [
    name,
    async (question) => (typeof answer === 'function' ? answer(question) : answer),
  ])
  return new StepUp(supabase, Object.fromEntries(asked)).withStepUp(request)
}

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
  -- What becomes of a row when Supabase Auth deletes its user is the foreign key's to say.
  create table invoices (
    id bigint generated always as identity primary key,
    user_id uuid default auth.subject_uuid() references auth.users on delete set null,
    amount numeric not null
  );
  create table drafts (like invoices including all, foreign key (user_id) references auth.users on delete cascade);
  grant select, insert, update, delete on invoices, drafts to authenticated;
  select auth.protect_table('invoices', owner_column => 'user_id');
  select auth.protect_table('drafts', owner_column => 'user_id', write => 'enrolled');
  create function aal_status() returns jsonb language sql stable as $$ select auth.aal_status() $$;
  create function session() returns json language sql stable as $$
    select json_build_object('aal', auth.aal(), 'subject', auth.subject_uuid(), 'amr', (
      select json_agg(json_build_object('method', method, 'timestamp', extract(epoch from authenticated_at)::bigint)) from auth.amr()
    ))
  $$;
  alter role authenticator set pg_aal.error_format = 'postgrest';
`

// Supabase Auth sends the codes of phone factors by this function, which keeps them.
const sms = `
  create table sms (phone text, otp text, sent_at timestamptz default clock_timestamp());
  create function send_sms(event jsonb) returns jsonb language sql as $$
    insert into public.sms values (event -> 'sms' ->> 'phone', event -> 'sms' ->> 'otp');
    select '{}'::jsonb;
  $$;
  grant usage on schema public to supabase_auth_admin;
  grant insert on sms to supabase_auth_admin;
`
const phoneSettings = {
  GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  GOTRUE_MFA_PHONE_MAX_FREQUENCY: '1ms',
  GOTRUE_HOOK_SEND_SMS_ENABLED: 'true',
  GOTRUE_HOOK_SEND_SMS_URI: 'pg-functions://postgres/public/send_sms',
}

const modes = [
  { name: 'tokens signed with the secret', asymmetric: false },
  { name: 'tokens signed with ES256', asymmetric: true },
  { name: 'tokens that Postgres verifies by the published keys', asymmetric: true, tokenMode: true },
]

describe('supabase-js with a real Supabase Auth server', { skip }, () => {
  for (const { name, asymmetric, tokenMode } of isPortable ? modes.filter(({ tokenMode }) => !tokenMode) : modes) {
    describe(name, () => {
      let cluster, auth, gateway, anonKey, admin, made
      before(async () => {
        cluster = new Cluster()
        cluster.psql('postgres', 'create database app')
        SupabaseAuth.prepare(cluster, 'app')
        cluster.psql('app', sms)
        auth = await SupabaseAuth.start(cluster, 'app', { asymmetric, settings: phoneSettings })
        made = await schemaOfSupabaseAuth(cluster)
        cluster.psql('app', 'create extension pg_aal;' + application)
        if (tokenMode) {
          cluster.psql(
            'app',
            `
            load 'pg_aal';
            alter role authenticator set pg_aal.claims_source = 'token';
            alter role authenticator set pg_aal.jwks = '${await auth.publishedKeys()}';
            alter role authenticator set pg_aal.jwt_issuer = '${auth.url}';
            alter role authenticator set pg_aal.jwt_audience = 'authenticated';`,
          )
        }
        const postgrest = await PostgREST.start(cluster, 'app', { JWT_SECRET: auth.verifier })
        gateway = await Gateway.start(auth, postgrest)
        anonKey = await auth.apiKey('anon')
        admin = client(await auth.apiKey('service_role'))
      })
      after(() => {
        gateway?.stop()
        cluster?.stop()
      })

      const client = (key = anonKey) => createClient(gateway.url, key, { realtime, auth: { persistSession: false, autoRefreshToken: false } })

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
        return error
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
        const { action, reason, sessionIsLive, currentAuthenticationMethods, ...levels } = await data(supabase.rpc('aal_status'))
        assert.deepEqual(levels, { currentLevel: status.currentLevel, nextLevel: status.nextLevel })
        assert.deepEqual(currentAuthenticationMethods, status.currentAuthenticationMethods)
        assert.equal(action, status.currentLevel === 'aal2' ? null : status.nextLevel === 'aal2' ? 'verify' : 'enroll')
        assert.equal(reason, null)
        assert.equal(sessionIsLive, true)
        assert.deepEqual(sorted(seen.amr), sorted(status.currentAuthenticationMethods))
      }

      test('the extension leaves what Supabase Auth made as it was', async () => {
        assert.equal(made.length, 9)
        assert.deepEqual(await schemaOfSupabaseAuth(cluster), made)
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

      test('the client module signs in, enrolls, verifies and verifies again, and the request goes through', async () => {
        const user = await signUp()
        const supabase = client()
        const asked = []
        let app
        const dialogs = {
          signIn: () => (asked.push('sign in'), { email: user.email, password: user.password }),
          code: ({ totp }) => {
            asked.push(totp ? 'first code' : 'code')
            if (totp) app = new TOTP({ secret: Secret.fromBase32(totp.secret) })
            return app.generate()
          },
        }
        await written(withStepUp(supabase, () => write(supabase), dialogs))
        assert.deepEqual(asked.splice(0), ['sign in', 'first code'])
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        await written(withStepUp(supabase, () => write(supabase, 'profiles'), dialogs))
        assert.deepEqual(asked.splice(0), ['code'])
        await new Promise((resolve) => setTimeout(resolve, (maxAge + 1) * 1000))
        await written(withStepUp(supabase, () => write(supabase, 'transfers'), dialogs))
        assert.deepEqual(asked.splice(0), ['code'])
        // A wrong code is asked for again, and giving up leaves the refusal.
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        const codes = ['000000', app.generate()]
        const problems = []
        const code = ({ problem }) => (problems.push(problem), codes.shift())
        await written(withStepUp(supabase, () => write(supabase), { ...dialogs, code }))
        assert.deepEqual(problems, [null, 'wrong'])
        await data(supabase.auth.signInWithPassword({ email: user.email, password: user.password }))
        await refused(
          withStepUp(supabase, () => write(supabase), { ...dialogs, code: undefined }),
          'verify',
        )
      })

      test('the client module verifies the factor in the recovery session, and sets the password', async () => {
        const { email, factor } = await signUpWithFactor()
        const { properties } = await data(admin.auth.admin.generateLink({ type: 'recovery', email }))
        const supabase = client()
        await data(supabase.auth.verifyOtp({ type: 'recovery', token_hash: properties.hashed_token }))
        const password = randomUUID()
        const dialogs = { signIn: undefined, code: () => factor.totp.generate() }
        await data(withStepUp(supabase, () => supabase.auth.updateUser({ password }), dialogs))
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

      const amountsOf = (id) =>
        cluster.query(
          'app',
          `
        select (select count(*)::int from invoices where user_id is null) as orphaned,
               (select count(*)::int from invoices where user_id = $1) as owned, (select count(*)::int from drafts where user_id = $1) as drafts`,
          [id],
        )

      const userId = async (supabase) => (await data(supabase.auth.getSession())).session.user.id

      for (const soft of [false, true]) {
        test(`a user who was deleted${soft ? ' softly' : ''} is told to sign in, at aal1, and wherever users are looked up`, async () => {
          const user = await signUpWithFactor()
          const other = await signIn(user)
          const id = await userId(other)
          await written(write(user.supabase, 'invoices'))
          await written(write(user.supabase, 'drafts'))
          const [before] = await amountsOf(id)
          await data(admin.auth.admin.deleteUser(id, soft))
          await refused(write(other), 'sign_in')
          await refused(write(other, 'profiles'), 'sign_in')
          await refused(write(user.supabase, 'profiles'), 'sign_in')
          assert.equal((await data(user.supabase.rpc('aal_status'))).action, 'sign_in')
          // The token says aal2 until it expires.
          await written(write(user.supabase))
          const [after] = await amountsOf(id)
          const kept = { orphaned: before.orphaned, owned: 1, drafts: 1 }
          assert.deepEqual(after, soft ? kept : { orphaned: before.orphaned + 1, owned: 0, drafts: 0 })
        })
      }

      test('a user who is banned is nobody where users are looked up, until the ban ends', async () => {
        const user = await signUpWithFactor()
        const other = await signIn(user)
        const id = await userId(other)
        await data(admin.auth.admin.updateUserById(id, { ban_duration: '1h' }))
        await assert.rejects(data(other.auth.getUser()), { status: 403, code: 'user_banned' })
        await refused(write(other), 'sign_in')
        await refused(write(other, 'profiles'), 'sign_in')
        await refused(write(user.supabase, 'profiles'), 'sign_in')
        await written(write(user.supabase))
        await data(admin.auth.admin.updateUserById(id, { ban_duration: 'none' }))
        await refused(write(other), 'verify')
        await written(write(user.supabase, 'profiles'))
      })

      test('after a sign-out, the token is good until it expires', async () => {
        const { supabase } = await signUpWithFactor()
        const { session } = await data(supabase.auth.getSession())
        await data(supabase.auth.signOut())
        const headers = { apikey: anonKey, authorization: 'Bearer ' + session.access_token, 'content-type': 'application/json' }
        const { status } = await fetch(gateway.url + '/rest/v1/payments', { method: 'POST', headers, body: '{"amount":1}' })
        assert.equal(status, 201)
      })

      test('an anonymous user is told to get an account first, and then to enroll', async () => {
        const supabase = client()
        await data(supabase.auth.signInAnonymously())
        assert.equal((await data(supabase.rpc('session'))).aal, null)
        await refused(write(supabase, 'profiles'), 'sign_in')
        const { hint } = await refused(write(supabase), 'sign_in')
        assert.match(hint, /^An anonymous user has shown no factor, and cannot enroll one\./)
        const { currentLevel, action, reason } = await data(supabase.rpc('aal_status'))
        assert.deepEqual([currentLevel, action, reason], [null, 'sign_in', 'anonymous_user'])
        assert.equal((await data(supabase.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, 'aal1')
        await assert.rejects(enrol(supabase), { status: 403, code: 'no_authorization' })

        await data(supabase.auth.updateUser({ email: `${randomUUID()}@example.com`, password: randomUUID() }))
        await data(supabase.auth.refreshSession())
        await refused(write(supabase), 'enroll')
        await verify(supabase, await enrol(supabase))
        await written(write(supabase))
      })

      // In token mode the issuer's keys are the only ones, so another issuer's token doesn't get that far.
      test('a token of another issuer has no level, and the client module asks nobody to sign in again', { skip: tokenMode }, async () => {
        const token = await auth.foreignToken({ sub: 'user_2abc', role: 'authenticated' })
        const supabase = createClient(gateway.url, anonKey, { realtime, accessToken: async () => token })
        const dialogs = { signIn: () => assert.fail('asked to sign in') }
        let requests = 0
        await assert.rejects(
          withStepUp(supabase, () => (requests++, write(supabase)), dialogs),
          { name: 'StepUpError', code: 'no_level' },
        )
        assert.equal(requests, 1)
        const error = await refused(write(supabase), 'configure')
        assert.equal(JSON.parse(error.details).reason, 'no_level')
        // Where nothing is refused, supabase-js needn't know a user.
        assert.equal((await withStepUp(supabase, () => supabase.rpc('session'), dialogs)).status, 200)
        const status = await data(supabase.rpc('aal_status'))
        assert.deepEqual([status.currentLevel, status.action, status.reason], [null, 'configure', 'no_level'])
      })

      // The newest code that was sent to a phone.
      const codeFor = async (phone) => {
        const rows = await cluster.query('app', 'select otp from sms where phone = $1 order by sent_at desc limit 1', [phone])
        return rows[0].otp
      }

      test('a phone factor opens writes, also by the client module', async () => {
        const { supabase, ...user } = await signUp()
        const phone = String(randomInt(1e10, 1e11))
        const { id } = await data(supabase.auth.mfa.enroll({ factorType: 'phone', phone: '+' + phone }))
        await refused(write(supabase), 'enroll')
        const challenge = await data(supabase.auth.mfa.challenge({ factorId: id }))
        await data(supabase.auth.mfa.verify({ factorId: id, challengeId: challenge.id, code: await codeFor(phone) }))
        await agrees(supabase, 'aal2')
        assert.ok((await amr(supabase)).some(({ method }) => method === 'mfa/phone'))
        await written(write(supabase))

        const again = await signIn(user)
        await refused(write(again), 'verify')
        const codes = ['000000']
        const code = async ({ factor }) => (assert.equal(factor.type, 'phone'), codes.shift() ?? codeFor(phone))
        await written(withStepUp(again, () => write(again), { code }))
        assert.deepEqual(codes, [])
        await new Promise((resolve) => setTimeout(resolve, (maxAge + 1) * 1000))
        await refused(write(again, 'transfers'), 'reverify')
        await written(withStepUp(again, () => write(again, 'transfers'), { code }))
      })

      test('a phone code that expired is replaced, and too many SMS are an error', async () => {
        const { supabase, ...user } = await signUp()
        const phone = String(randomInt(1e10, 1e11))
        const sent = () => cluster.query('app', 'select otp from sms where phone = $1', [phone])
        const problems = []
        const dialogs = {
          chooseEnrollment: { factorType: 'phone', phone: '+' + phone },
          code: async ({ factor, problem }) => {
            problems.push(problem)
            const old = "update auth.mfa_challenges set created_at = created_at - interval '1 hour' where factor_id = $1"
            if (problem === null) await cluster.query('app', old, [factor.id])
            return codeFor(phone)
          },
        }
        await written(withStepUp(supabase, () => write(supabase), dialogs))
        assert.deepEqual(problems, [null, 'expired'])
        assert.equal((await sent()).length, 2)

        const again = await signIn(user)
        await cluster.query('app', "update auth.mfa_factors set last_challenged_at = now() + interval '1 hour' where phone = $1", [phone])
        await assert.rejects(
          withStepUp(again, () => write(again), dialogs),
          { name: 'StepUpError', code: 'over_sms_send_rate_limit' },
        )
        assert.equal((await sent()).length, 2)
      })

      test('the user chooses among several factors', async () => {
        const user = await signUpWithFactor()
        const phone = String(randomInt(1e10, 1e11))
        const { id } = await data(user.supabase.auth.mfa.enroll({ factorType: 'phone', phone: '+' + phone, friendlyName: 'My phone' }))
        const challenge = await data(user.supabase.auth.mfa.challenge({ factorId: id }))
        await data(user.supabase.auth.mfa.verify({ factorId: id, challengeId: challenge.id, code: await codeFor(phone) }))
        const again = await signIn(user)
        const dialogs = {
          chooseFactor: ({ factors }) => factors.find(({ friendly_name }) => friendly_name === 'My phone'),
          code: ({ factor }) => (assert.deepEqual(factor, { id, type: 'phone', name: 'My phone' }), codeFor(phone)),
        }
        await written(withStepUp(again, () => write(again), dialogs))
      })

      test('after a first code that was wrong, the client module enrolls again', async () => {
        const { supabase } = await signUp()
        await enrol(supabase)
        await assert.rejects(enrol(supabase), { status: 422, code: 'mfa_factor_name_conflict' })
        const secrets = []
        const answer =
          (codes) =>
          ({ totp: { secret } }) => {
            secrets.push(secret)
            return codes.shift()?.(new TOTP({ secret: Secret.fromBase32(secret) }))
          }
        // Gives up after a wrong code, and comes back.
        await refused(
          withStepUp(supabase, () => write(supabase), { code: answer([() => '000000']) }),
          'enroll',
        )
        await written(withStepUp(supabase, () => write(supabase), { code: answer([() => '000000', (totp) => totp.generate()]) }))
        assert.equal(new Set(secrets).size, 2)
        const { all } = await data(supabase.auth.mfa.listFactors())
        assert.deepEqual(
          all.map(({ status }) => status),
          ['verified'],
        )
      })

      test('a step-up on another device ends this session, and the client module signs in again', async () => {
        const user = await signUpWithFactor()
        const [here, there] = [await signIn(user), await signIn(user)]
        await verify(there, user.factor)
        await refused(write(here), 'verify')
        const { error } = await here.auth.mfa.listFactors()
        assert.equal(error.name, 'AuthSessionMissingError')
        const asked = []
        const dialogs = {
          signIn: () => (asked.push('sign in'), { email: user.email, password: user.password }),
          code: () => (asked.push('code'), user.factor.totp.generate()),
        }
        // The client module finds that out by itself.
        const another = await signIn(user)
        await verify(await signIn(user), user.factor)
        await written(withStepUp(another, () => write(another), dialogs))
        assert.deepEqual(asked, ['sign in', 'code'])
      })

      test('the token says how it was signed, and the published keys verify it', async () => {
        const { supabase } = await signUp()
        const { session } = await data(supabase.auth.getSession())
        const header = decodeProtectedHeader(session.access_token)
        assert.equal(header.alg, asymmetric ? 'ES256' : 'HS256')
        const published = new URL(gateway.url + '/auth/v1/.well-known/jwks.json')
        const { keys } = await (await fetch(published)).json()
        // The secret is never published.
        assert.deepEqual(
          keys.map((key) => [key.kty, key.kid, 'd' in key]),
          asymmetric ? [['EC', header.kid, false]] : [],
        )
        if (asymmetric) await jwtVerify(session.access_token, createRemoteJWKSet(published), { issuer: auth.url, audience: 'authenticated' })
      })
    })
  }

  // What Supabase Auth made, in whatever order it and the extension came.
  describe('the extension comes before Supabase Auth', { skip: isPortable && 'about the extension' }, () => {
    let cluster
    before(() => {
      cluster = new Cluster()
    })
    after(() => cluster?.stop())

    // What the database answers to a user who has just signed up.
    async function answers(auth) {
      const signUp = await fetch(auth.url + '/signup', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: `${randomUUID()}@example.com`, password: randomUUID() }),
      })
      assert.equal(signUp.status, 200)
      const { access_token } = await signUp.json()
      const payload = Buffer.from(access_token.split('.')[1], 'base64url').toString()
      const questions = 'select auth.uid() = auth.subject_uuid(), auth.aal(), auth.enrolled_aal()'
      return cluster.psql('app', `set request.jwt.claims = '${payload}'; ${questions}`).trim()
    }

    test('into the schema that Supabase Auth owns: its migrations find all as it should be', async () => {
      cluster.psql('postgres', 'create database app')
      SupabaseAuth.prepare(cluster, 'app')
      cluster.psql('app', 'create extension pg_aal')
      const auth = await SupabaseAuth.start(cluster, 'app')
      const [{ owner }] = (await schemaOfSupabaseAuth(cluster)).filter(({ object }) => object === 'schema')
      assert.equal(owner, 'supabase_auth_admin')
      assert.equal(await answers(auth), 't|aal1|aal1')
    })

    test('and makes the schema: Supabase Auth must be given it before its migrations', async () => {
      cluster.psql('postgres', 'drop database app with (force); create database app')
      cluster.psql('app', 'create extension pg_aal; create schema if not exists auth authorization supabase_auth_admin')
      await assert.rejects(SupabaseAuth.start(cluster, 'app'), /permission denied for schema auth/)
      cluster.psql('app', 'alter schema auth owner to supabase_auth_admin')
      const auth = await SupabaseAuth.start(cluster, 'app')
      assert.equal(await answers(auth), 't|aal1|aal1')
    })
  })
})

function schemaOfSupabaseAuth(cluster) {
  return cluster.query(
    'app',
    `
    select 'schema' as object, nspowner::regrole::text as owner, nspacl::text as grants, null as text
      from pg_namespace where nspname = 'auth'
    union all
    select p.oid::regprocedure::text, proowner::regrole::text, proacl::text, prosrc from pg_proc p
     where pronamespace = 'auth'::regnamespace and proname in ('uid', 'role', 'email', 'jwt')
    union all
    select c.oid::regclass::text, relowner::regrole::text, relacl::text, relrowsecurity::text from pg_class c
     where relnamespace = 'auth'::regnamespace and relname in ('users', 'mfa_factors', 'sessions', 'mfa_amr_claims')
    order by 1`,
  )
}
