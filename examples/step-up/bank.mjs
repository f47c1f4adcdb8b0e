// All that the page needs, on the loopback: a database with pg_aal, PostgREST, an OpenID provider, a mail server that keeps
// its mails, and the page's own web server.

import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Gateway, SupabaseAuth } from '../../tests/e2e/supabase_auth.mjs'
import { Keycloak } from '../../tests/keycloak.mjs'
import { OidcProvider } from '../../tests/oidc_provider.mjs'
import { Outbox } from '../../tests/outbox.mjs'
import { Cluster, freePort, PostgREST } from '../../tests/stack.mjs'

const file = (name) => new URL(name, import.meta.url)
const clientId = 'payments-page'
const audience = 'payments-api'
const realm = JSON.parse(readFileSync(file('realm.json'), 'utf8'))

// The users of the realm, by name.
export const users = Object.fromEntries(
  realm.users.map(({ id, username, credentials: [{ value: password }, otp] }) => [
    username,
    { id, username, password, secret: otp && JSON.parse(otp.secretData).value },
  ]),
)

// The user at Supabase Auth.
export const supabaseUser = { email: 'jane@example.com', password: "jane's password" }

export class Bank {
  // kind: keycloak, stand-in for npm's oidc-provider, or supabase for Supabase Auth.
  static async start(kind) {
    const bank = new Bank()
    bank.kind = kind
    try {
      await bank.open()
    } catch (error) {
      bank.stop()
      throw error
    }
    return bank
  }

  async open() {
    this.cluster = new Cluster()
    this.cluster.psql('postgres', 'create database bank')
    const port = await freePort()
    this.url = `http://127.0.0.1:${port}`
    if (this.kind === 'supabase') return this.openSupabase(port)
    for (const name of ['roles.sql', 'bank.sql']) this.sql(readFileSync(file(name), 'utf8'))
    this.outbox = await Outbox.start()
    const [issuer, keys, profile] = this.kind === 'keycloak' ? await this.startKeycloak() : await this.startStandIn()
    // Whose tokens have a level, by which claims, and for whom they must be.
    const profiles = JSON.stringify([{ issuer, audience, ...profile }])
    this.sql(`load 'pg_aal'; alter role authenticator set pg_aal.claims_profile = '${profiles}'`)
    this.cluster.psql(
      'bank',
      `insert into payments (user_id, amount, payee) values ('${users.jane.id}', 25, 'Bakery'), ('${users.jane.id}', 900, 'Landlord'), ('${users.joe.id}', 12.5, 'Bookshop')`,
    )
    this.postgrest = await PostgREST.start(this.cluster, 'bank', { JWT_SECRET: keys, JWT_AUD: audience })
    this.server = createServer(pages({ issuer, clientId, api: this.postgrest.url }))
    await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve))
  }

  // Supabase Auth needs no profile. Its page has dialogs, and its users sign up.
  async openSupabase(port) {
    SupabaseAuth.prepare(this.cluster, 'bank')
    this.supabase = await SupabaseAuth.start(this.cluster, 'bank')
    this.sql(readFileSync(file('bank.sql'), 'utf8'))
    this.postgrest = await PostgREST.start(this.cluster, 'bank', { JWT_SECRET: this.supabase.verifier })
    const body = JSON.stringify({ email: supabaseUser.email, password: supabaseUser.password })
    const signedUp = await fetch(this.supabase.url + '/signup', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    supabaseUser.id = (await signedUp.json()).user.id
    this.sql(`insert into payments (user_id, amount, payee) values ('${supabaseUser.id}', 25, 'Bakery')`)
    const config = { supabase: { url: this.url, key: await this.supabase.apiKey('anon') }, api: this.url + '/rest/v1' }
    this.gateway = await Gateway.start(this.supabase, this.postgrest, { port, pages: pages(config) })
  }

  // The realm of realm.json, for the ports of now.
  async startKeycloak() {
    this.keycloak = await Keycloak.start(this.cluster)
    const [client] = realm.clients
    await this.keycloak.importRealm({
      ...realm,
      smtpServer: { ...realm.smtpServer, port: String(this.outbox.port) },
      clients: [{ ...client, redirectUris: [this.url + '/*'], webOrigins: [this.url] }],
    })
    return [this.keycloak.issuer(realm.realm), await this.keycloak.publishedKeys(realm.realm), { profile: 'keycloak' }]
  }

  // Its sign-in asks for both factors whenever it says aal2, so auth_time is when the level was reached.
  async startStandIn() {
    const clients = [{ client_id: clientId, redirect_uris: [this.url + '/'], post_logout_redirect_uris: [this.url + '/'] }]
    this.standIn = await OidcProvider.start({ clients, users: structuredClone(users) })
    const profile = { profile: 'oidc', map: { aal1: 'aal1', aal2: 'aal2' }, auth_time_is: 'level' }
    return [this.standIn.issuer(), await this.standIn.publishedKeys(), profile]
  }

  // Without the notices, which are for administrators.
  sql(text) {
    return this.cluster.psql('bank', 'set client_min_messages = error;\n' + text)
  }

  // How old the second factor of a payment may be.
  setMaxAge(interval) {
    this.sql(`select auth.protect_table('payments', owner_column => 'user_id', max_age => '${interval}', lower => true)`)
  }

  async payments(user) {
    return this.cluster.query('bank', 'select payee, amount::float from payments where user_id = $1 order by id', [user.id])
  }

  stop() {
    this.server?.closeAllConnections()
    this.server?.close()
    this.gateway?.stop()
    this.standIn?.stop()
    this.outbox?.stop()
    this.cluster?.stop()
  }
}

const library = (name) => file('../../tests/node_modules/' + name)
const libraries = {
  'oidc-client-ts.min.js': library('oidc-client-ts/dist/browser/oidc-client-ts.min.js'),
  'supabase-js.js': library('@supabase/supabase-js/dist/umd/supabase.js'),
}
const types = { html: 'text/html', css: 'text/css', js: 'text/javascript' }

// Answers with the page's files. Its tokens are safe from foreign scripts: the browser runs none, and sends requests nowhere else.
function pages(config) {
  const origins = [config.issuer, config.api].filter(Boolean).map((url) => new URL(url).origin)
  const policy = `default-src 'self'; img-src 'self' data:; connect-src 'self' ${origins.join(' ')}; frame-ancestors 'none'; base-uri 'none'`
  return ({ url }, response) => {
    const name = new URL(url, 'http://localhost').pathname.slice(1) || 'index.html'
    if (name === 'config.json') return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(config))
    const source = libraries[name] ?? (/^\w+\.(html|css|js)$/.test(name) ? file('page/' + name) : null)
    if (!source || !existsSync(source)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[name.split('.').pop()], 'content-security-policy': policy }).end(readFileSync(source))
  }
}
