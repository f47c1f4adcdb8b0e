// A user at an OpenID provider, without a browser: follows redirects, keeps cookies, and fills in the forms that it is shown.

import { createHash, randomBytes } from 'node:crypto'
import { AuthenticatorApp } from './codes.mjs'

const redirectUri = 'http://127.0.0.1:1/back'

export class Visitor {
  // user: { username, password, secret }; secret as the text whose bytes are the key.
  constructor(issuer, clientId, user) {
    Object.assign(this, { issuer, clientId, user, cookies: new Map(), app: new AuthenticatorApp(user.secret) })
  }

  static get redirectUri() {
    return redirectUri
  }

  // Asks for a token, with further parameters of the request. The answer has what the user was asked for, in order, and the
  // tokens, or the error.
  async authorize({ client = this.clientId, ...parameters } = {}) {
    const endpoints = await (await fetch(this.issuer + '/.well-known/openid-configuration')).json()
    const verifier = randomBytes(32).toString('base64url')
    const url = new URL(endpoints.authorization_endpoint)
    url.search = new URLSearchParams({
      client_id: client,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid profile',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...parameters,
    })
    const prompts = []
    let page = await this.open(url)
    while (!page.back && prompts.length < 4) {
      const [prompt, fields] = await this.fill(page.html)
      if (!prompt) return { prompts, status: page.status, page: page.html }
      prompts.push(prompt)
      const action = page.html.match(/<form[^>]* action="([^"]+)"/)[1].replaceAll('&amp;', '&')
      page = await this.open(new URL(action, page.url), fields)
    }
    if (!page.back) return { prompts, page: page.html }
    const code = page.back.searchParams.get('code')
    if (!code) return { prompts, error: page.back.searchParams.get('error') }
    const tokens = await this.exchange(endpoints, {
      grant_type: 'authorization_code',
      client_id: client,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    })
    return { prompts, client, endpoints, ...tokens }
  }

  // New tokens for those of an earlier answer.
  refresh({ endpoints, client, refresh_token }) {
    return this.exchange(endpoints, { grant_type: 'refresh_token', client_id: client, refresh_token }).then((tokens) => ({
      endpoints,
      client,
      ...tokens,
    }))
  }

  async exchange(endpoints, parameters) {
    return (await fetch(endpoints.token_endpoint, { method: 'POST', body: new URLSearchParams(parameters) })).json()
  }

  // What a form asks for, and the fields to send.
  async fill(html) {
    if (/name="password"/.test(html)) return ['password', { username: this.user.username, password: this.user.password }]
    if (/name="otp"/.test(html)) return ['code', { otp: await this.app.code() }]
    return []
  }

  // Sends a request and follows it, until a page or the way back to the client. The provider's cookies are Secure, also on the loopback.
  async open(url, fields) {
    for (let hops = 0; hops < 20; hops++) {
      if (url.href.startsWith(redirectUri)) return { back: url }
      const response = await fetch(url, {
        method: fields ? 'POST' : 'GET',
        redirect: 'manual',
        headers: { Cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') },
        body: fields && new URLSearchParams(fields),
      })
      for (const cookie of response.headers.getSetCookie()) this.keep(cookie)
      const location = response.headers.get('location')
      if (!location) return { url, status: response.status, html: await response.text() }
      ;[url, fields] = [new URL(location, url), undefined]
    }
    throw new Error(`too many redirects, at ${url}`)
  }

  keep(cookie) {
    const [name, value] = cookie.split(';')[0].split(/=(.*)/s)
    if (value === '' || /max-age=0|expires=thu, 01[ -]jan[ -]1970/i.test(cookie)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}
