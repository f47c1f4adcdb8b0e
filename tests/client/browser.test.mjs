// The client module in a real browser, with a real Supabase Auth server: actions that wait while the page is left for an
// OAuth sign-in, and security keys. The identity provider is a stand-in with two users.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Secret, TOTP } from 'otpauth'
import { launch, skip as withoutBrowser } from '../e2e/chromium.mjs'
import { Gateway, skip as withoutAuth, SupabaseAuth } from '../e2e/supabase_auth.mjs'
import { Cluster, freePort, PostgREST } from '../stack.mjs'

const skip = withoutAuth || withoutBrowser

const application = `
  create extension pg_aal;
  create table payments (id bigint generated always as identity primary key, user_id uuid not null default auth.subject_uuid(), amount numeric);
  create table logins (like payments including all);
  grant select, insert on payments, logins to anon, authenticated;
  select auth.protect_table('payments', owner_column => 'user_id');
  select auth.protect_table('logins', owner_column => 'user_id', write => 'aal1', max_age => '2 seconds');
  alter role authenticator set pg_aal.error_format = 'postgrest';
`

// The page of the application. What the user does is in functions of window: code, chosen.
const page = (anonKey) => `<!doctype html>
  <title>The application</title>
  <script src="/supabase.js"></script>
  <script type="module">
    import { StepUp } from '/client/index.js'
    const client = supabase.createClient(location.origin, '${anonKey}', { auth: { flowType: 'pkce' } })
    const signIn = async () => ({ provider: 'keycloak', options: { redirectTo: location.origin } })
    const dialogs = { signIn, code: ({ totp }) => code(totp?.secret), chooseEnrollment: () => chosen() }
    const insert = (table) => (amount) => client.from(table).insert({ amount }).select('amount')
    const stepUp = new StepUp(client, dialogs, { actions: { pay: insert('payments'), logIn: insert('logins') } })
    Object.assign(window, { client, perform: (name, amount) => stepUp.perform(name, amount), resumed: stepUp.resume() })
  </script>`

const supabaseJs = new URL('../node_modules/@supabase/supabase-js/dist/umd/supabase.js', import.meta.url)
const module = new URL('../../clients/js/dist/', import.meta.url)

describe('the client module in Chromium, with a real Supabase Auth server', { skip }, () => {
  let cluster, gateway, provider, browser, context, tab, origin, secret, enrollment
  before(async () => {
    cluster = new Cluster()
    cluster.psql('postgres', 'create database app')
    SupabaseAuth.prepare(cluster, 'app')
    provider = await identityProvider()
    const port = await freePort()
    origin = `http://localhost:${port}`
    const settings = {
      GOTRUE_SITE_URL: origin,
      GOTRUE_EXTERNAL_KEYCLOAK_ENABLED: 'true',
      GOTRUE_EXTERNAL_KEYCLOAK_CLIENT_ID: 'app',
      GOTRUE_EXTERNAL_KEYCLOAK_SECRET: 'secret',
      GOTRUE_EXTERNAL_KEYCLOAK_URL: provider.url,
      GOTRUE_EXTERNAL_KEYCLOAK_REDIRECT_URI: `${origin}/auth/v1/callback`,
      GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
      GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
      GOTRUE_WEBAUTHN_RP_ID: 'localhost',
      GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'The application',
      GOTRUE_WEBAUTHN_RP_ORIGINS: origin,
    }
    const auth = await SupabaseAuth.start(cluster, 'app', { settings })
    cluster.psql('app', application)
    const postgrest = await PostgREST.start(cluster, 'app', { JWT_SECRET: auth.verifier })
    const html = page(await auth.apiKey('anon'))
    gateway = await Gateway.start(auth, postgrest, { port, pages: (request, response) => serve(html, request, response) })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    gateway?.stop()
    provider?.stop()
    cluster?.stop()
  })

  beforeEach(async () => {
    cluster.psql('app', 'delete from auth.users; truncate payments, logins')
    context = await browser.newContext()
    tab = await context.newPage()
    tab.on('pageerror', (error) => assert.fail(error))
    await context.exposeFunction('code', (shown) => {
      if (shown) secret = shown
      return new TOTP({ secret: Secret.fromBase32(secret) }).generate()
    })
    await context.exposeFunction('chosen', () => enrollment)
    enrollment = { factorType: 'totp' }
    await tab.goto(origin)
  })
  afterEach(() => context.close())

  // Performs an action, and waits for its answer.
  const perform = (name, amount) => tab.evaluate(([name, amount]) => perform(name, amount), [name, amount])
  // Performs an action that leaves the page.
  const leave = async (name, amount) => {
    await tab.evaluate(([name, amount]) => void perform(name, amount), [name, amount])
    await tab.waitForURL(provider.url + '/**')
  }
  // At the identity provider, signs in and comes back.
  const comeBackAs = async (user) => {
    await tab.getByText(user).click()
    await tab.waitForURL(origin + '/**')
    return tab.evaluate(() => resumed)
  }
  const kept = () => tab.evaluate(() => sessionStorage.getItem('pg_aal.pending'))
  const amounts = (table) => cluster.query('app', `select amount::int from ${table}`).then((rows) => rows.map(({ amount }) => amount))
  const signIn = async (user) => {
    await leave('logIn', 1)
    await comeBackAs(user)
    cluster.psql('app', 'truncate logins')
  }

  test('an action waits while the user signs in elsewhere, goes on, and is sent once', async () => {
    await leave('pay', 42)
    const [{ name, args, answer }, ...others] = await comeBackAs('jane')
    assert.deepEqual([name, args, others], ['pay', [42], []])
    assert.deepEqual([answer.status, answer.data], [201, [{ amount: 42 }]])
    assert.equal(await kept(), null)
    await tab.reload()
    assert.deepEqual(await tab.evaluate(() => resumed), [])
    assert.deepEqual(await amounts('payments'), [42])
  })

  test('another user does not send it', async () => {
    await signIn('jane')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await leave('logIn', 42)
    assert.deepEqual(await comeBackAs('joe'), [{ name: 'logIn', args: [42], dropped: 'other_user' }])
    assert.deepEqual(await amounts('logins'), [])
  })

  test('the same user does, at a policy that wants a new sign-in', async () => {
    await signIn('jane')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await leave('logIn', 42)
    const [{ answer }] = await comeBackAs('jane')
    assert.equal(answer.status, 201)
    assert.deepEqual(await amounts('logins'), [42])
  })

  test('a user who comes back without signing in does not send it, then or later', async () => {
    await leave('pay', 42)
    await tab.goto(origin)
    assert.deepEqual(await tab.evaluate(() => resumed), [{ name: 'pay', args: [42], dropped: 'signed_out' }])
    await signIn('jane')
    assert.deepEqual(await amounts('payments'), [])
  })

  test('a security key is enrolled, and then verified', async () => {
    await withKey()
    await signIn('jane')
    enrollment = { factorType: 'webauthn', friendlyName: 'My key' }
    assert.equal((await perform('pay', 1)).status, 201)
    await tab.evaluate(() => client.auth.signOut())
    await signIn('jane')
    assert.equal((await perform('pay', 2)).status, 201)
    assert.deepEqual(await amounts('payments'), [1, 2])
    const methods = await cluster.query(
      'app',
      "select distinct authentication_method as method from auth.mfa_amr_claims where authentication_method like 'mfa%'",
    )
    assert.deepEqual(methods, [{ method: 'mfa/webauthn' }])
  })

  test("closing the browser's dialog for a key gives up", async () => {
    await withKey()
    await signIn('jane')
    enrollment = { factorType: 'webauthn', friendlyName: 'My key' }
    // What Chromium answers if the user closes its dialog, which has no window here.
    await tab.evaluate(() => {
      navigator.credentials.create = () => Promise.reject(new DOMException('closed', 'NotAllowedError'))
    })
    assert.equal((await perform('pay', 1)).error.code, 'insufficient_aal')
    await tab.reload()
    assert.equal((await perform('pay', 2)).status, 201)
    assert.deepEqual(await amounts('payments'), [2])
  })

  // Puts a virtual security key into the tab.
  async function withKey() {
    const session = await context.newCDPSession(tab)
    await session.send('WebAuthn.enable')
    const options = { protocol: 'ctap2', transport: 'usb', hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
    await session.send('WebAuthn.addVirtualAuthenticator', { options })
  }
})

// The application's files: its page, supabase-js and the client module.
function serve(html, { url }, response) {
  const path = url.split('?')[0]
  const script = path === '/supabase.js' ? supabaseJs : path.startsWith('/client/') ? new URL('./' + path.slice(8), module) : null
  if (script && existsSync(script)) response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(script))
  else if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(html)
  else response.writeHead(404).end()
}

// An OAuth server as Supabase Auth knows Keycloak's. Its page has a link for each user.
async function identityProvider() {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    const json = (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    switch (url.pathname) {
      case '/protocol/openid-connect/auth': {
        const link = (user) => {
          const back = new URL(url.searchParams.get('redirect_uri'))
          back.search = new URLSearchParams({ code: user, state: url.searchParams.get('state') })
          return `<a href="${back.href.replaceAll('&', '&amp;')}">${user}</a>`
        }
        return response.writeHead(200, { 'content-type': 'text/html' }).end(['jane', 'joe'].map(link).join(' '))
      }
      case '/protocol/openid-connect/token': {
        let body = ''
        request.on('data', (part) => (body += part))
        return request.on('end', () => json({ access_token: new URLSearchParams(body).get('code'), token_type: 'bearer' }))
      }
      case '/protocol/openid-connect/userinfo': {
        const user = request.headers.authorization.replace('Bearer ', '')
        return json({ sub: user, name: user, email: `${user}@example.com`, email_verified: true })
      }
      default:
        return response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${server.address().port}`, stop }
}
