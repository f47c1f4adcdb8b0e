// An OpenID provider from npm, on the loopback, for tests and where Keycloak can't be had. It asks for a password, and for a
// code of an authenticator app if the client asks for acr_values=aal2. Its access tokens hold acr, amr and auth_time.

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { interactionPolicy } from 'oidc-provider'
import { AuthenticatorApp } from './codes.mjs'

const audience = 'payments-api'

export class OidcProvider {
  // users: by name, { id, password, secret }; without a secret, the user enrolls an app when a code is needed.
  static async start({ clients, users, alg = 'RS256', port = 0 }) {
    const provider = new OidcProvider()
    Object.assign(provider, { users, begun: new Map() })
    provider.server = createServer((request, response) => provider.answer(request, response))
    await new Promise((resolve) => provider.server.listen(port, '127.0.0.1', resolve))
    provider.url = `http://127.0.0.1:${provider.server.address().port}`
    const pair = await generateKeyPair(alg)
    const key = { ...(await exportJWK(pair.privateKey)), alg, use: 'sig', kid: alg }
    provider.keys = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg, use: 'sig', kid: alg }] })
    provider.oidc = new Provider(provider.url, configuration(provider, clients, alg, key))
    provider.handle = provider.oidc.callback()
    return provider
  }

  issuer() {
    return this.url
  }

  async publishedKeys() {
    return this.keys
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }

  async answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url)
    if (!pathname.startsWith('/interaction/')) return this.handle(request, response)
    try {
      const interaction = await this.oidc.interactionDetails(request, response)
      if (searchParams.has('cancel')) return this.finish(request, response, { error: 'access_denied', error_description: 'the user cancelled' })
      const fields = request.method === 'POST' ? await fieldsOf(request) : {}
      await this.ask(request, response, interaction, fields)
    } catch (error) {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(String(error))
    }
  }

  // Takes one answer of the user, and asks for the next, or ends.
  async ask(request, response, { uid, params, prompt, session }, fields) {
    // A session that only lacks the code keeps its password.
    const keeps = session && prompt.reasons.every((reason) => reason === 'step_up')
    const name = keeps && Object.keys(this.users).find((name) => this.users[name].id === session.accountId)
    const begun = this.begun.get(uid) ?? { name, amr: keeps ? ['pwd'] : [] }
    this.begun.set(uid, begun)
    let wrong = false
    if (fields.username !== undefined) {
      if (this.users[fields.username]?.password === fields.password) {
        begun.name = fields.username
        begun.amr.push('pwd')
      } else wrong = true
    }
    if (!begun.name) return page(response, uid, passwordForm, wrong)
    const user = this.users[begun.name]
    if (wantsCode(params)) {
      if (fields.otp !== undefined) wrong = !checked(user.secret ?? begun.secret, fields.otp)
      if (fields.otp === undefined || wrong) {
        if (!user.secret) begun.secret ??= randomBytes(10).toString('hex')
        return page(response, uid, codeForm(begun.secret), wrong)
      }
      user.secret ??= begun.secret
      begun.amr.push('otp')
    }
    const two = wantsCode(params)
    this.begun.delete(uid)
    return this.finish(request, response, {
      login: { accountId: user.id, acr: two ? 'aal2' : 'aal1', amr: two ? [...begun.amr, 'mfa'] : begun.amr },
    })
  }

  finish(request, response, result) {
    return this.oidc.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
  }
}

const wantsCode = (params) => params.acr_values?.split(' ').includes('aal2') ?? false

// The code of the half minute before or after passes, too.
const checked = (secret, code) => [-30_000, 0, 30_000].some((shift) => new AuthenticatorApp(secret).at(Date.now() + shift) === code)

function configuration(provider, clients, alg, key) {
  const { Check, base } = interactionPolicy
  const policy = base()
  // Voluntary acr_values prompt nobody by default.
  policy.get('login').checks.add(
    new Check('step_up', 'a higher level was asked for', ({ oidc }) => {
      return wantsCode(oidc.params) && oidc.session.acr !== 'aal2' ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT
    }),
  )
  const account = (id) => Object.entries(provider.users).find(([, user]) => user.id === id)
  return {
    clients: clients.map((client) => ({
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: alg,
      ...client,
    })),
    jwks: { keys: [key] },
    ttl: { AccessToken: 300, IdToken: 300, Interaction: 600, Grant: 3600, Session: 3600, RefreshToken: 3600 },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    acrValues: ['aal1', 'aal2'],
    claims: { openid: ['sub'], profile: ['name'], acr: null, amr: null, auth_time: null },
    scopes: ['openid', 'profile', 'offline_access'],
    conformIdTokenClaims: false,
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    interactions: { policy, url: (_, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: account(id)?.[0] }) }),
    loadExistingGrant: grantAll,
    // What a default access token lacks: facts of the sign-in, and the role for PostgREST. The client "bare" gets none.
    extraTokenClaims: ({ oidc }) => {
      if (oidc.client.clientId === 'bare') return {}
      const { acr, amr, authTime } = oidc.entities.AuthorizationCode ?? oidc.entities.RefreshToken
      return { role: 'authenticated', acr, amr, auth_time: authTime }
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true, logoutSource: logOutAtOnce },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:payments',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } }),
      },
    },
  }
}

// Nobody is asked for consent.
async function grantAll({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
  grant.addOIDCScope('openid profile offline_access')
  grant.addResourceScope('urn:payments', '')
  await grant.save()
  return grant
}

// Signing out needs no second click.
function logOutAtOnce(ctx, form) {
  ctx.body = `<!doctype html><title>Signing out</title>${form}
    <script>
      const form = document.forms[0]
      form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: 'logout', value: 'yes' }))
      form.submit()
    </script>`
}

async function fieldsOf(request) {
  let body = ''
  for await (const part of request) body += part
  return Object.fromEntries(new URLSearchParams(body))
}

const passwordForm = `<label>User name <input id="username" name="username" autocomplete="username" autofocus></label>
  <label>Password <input id="password" name="password" type="password" autocomplete="current-password"></label>`

const codeForm = (secret) =>
  (secret ? `<p>Put this key into your authenticator app: <code id="key">${AuthenticatorApp.letters(secret)}</code></p>` : '') +
  '<label>Code from your authenticator app <input id="otp" name="otp" inputmode="numeric" autocomplete="one-time-code" autofocus></label>'

function page(response, uid, fields, wrong) {
  response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end(`<!doctype html>
    <html lang="en"><meta name="viewport" content="width=device-width"><title>Sign in</title>
    <style>body { font: 1.1rem system-ui; max-width: 24rem; margin: 2rem auto; padding: 0 1rem } label, input, button { display: block; font: inherit; margin: .5rem 0; overflow-wrap: anywhere }</style>
    <h1>Sign in</h1>${wrong ? '<p role="alert">That is not right. Try again.</p>' : ''}
    <form method="post" action="/interaction/${uid}">${fields}<button id="kc-login">Go on</button></form>
    <a href="/interaction/${uid}?cancel" id="cancel">Cancel</a></html>`)
}
