// A real Supabase Auth server beside a throw-away Postgres, and the one URL that supabase-js wants for it and PostgREST.

import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { freePort, startBeside } from '../stack.mjs'

// The server's executable. It is no package of a registry that the set-up uses, so whoever has it says where.
const executable = process.env.SUPABASE_AUTH

// Why tests that need it are skipped, or false. A named one that doesn't run fails them.
export const skip = executable ? false : 'no Supabase Auth server here: name its executable with SUPABASE_AUTH='

export class SupabaseAuth {
  // Makes Supabase's roles, and its schema unless there is one.
  static prepare(cluster, database) {
    cluster.psql(database, readFileSync(new URL('supabase_before_auth.sql', import.meta.url), 'utf8'))
  }

  // Has Supabase Auth migrate a database that is prepared, and serve it.
  // asymmetric: sign with a new ES256 key, and only verify with the legacy secret. settings: Supabase Auth's own.
  static async start(cluster, database, { asymmetric = false, settings = {} } = {}) {
    const server = new SupabaseAuth()
    server.keys = await signingKeys(asymmetric)
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    const { host, port } = cluster.connection
    const env = {
      PATH: process.env.PATH,
      DATABASE_URL: `postgres://supabase_auth_admin@/${database}?host=${encodeURIComponent(host)}&port=${port}`,
      DB_NAMESPACE: 'auth',
      GOTRUE_DB_DRIVER: 'postgres',
      GOTRUE_API_HOST: '127.0.0.1',
      PORT: String(server.port),
      API_EXTERNAL_URL: server.url,
      GOTRUE_SITE_URL: 'http://127.0.0.1',
      GOTRUE_JWT_SECRET: server.keys.secret,
      GOTRUE_JWT_AUD: 'authenticated',
      GOTRUE_JWT_DEFAULT_GROUP_NAME: 'authenticated',
      GOTRUE_JWT_ISSUER: server.url,
      // No mail server: sign-ups are confirmed at once.
      GOTRUE_MAILER_AUTOCONFIRM: 'true',
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
      GOTRUE_LOG_LEVEL: 'warn',
      ...(asymmetric && { GOTRUE_JWT_KEYS: JSON.stringify(server.keys.private) }),
      ...settings,
    }
    execFileSync(executable, ['migrate'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
    server.process = await startBeside(cluster, 'supabase-auth', [executable, 'serve'], env, async () => (await fetch(server.url + '/health')).ok)
    return server
  }

  // What PostgREST verifies tokens with: the secret, or the key set.
  get verifier() {
    return this.keys.public ? JSON.stringify({ keys: this.keys.public }) : this.keys.secret
  }

  // The keys that Supabase Auth publishes, as the text that pg_aal.jwks takes.
  async publishedKeys() {
    return (await fetch(this.url + '/.well-known/jwks.json')).text()
  }

  // An API key: a token of a role, without a user, signed with the legacy secret as Supabase's are.
  apiKey(role) {
    return this.foreignToken({ role, iss: 'supabase' })
  }

  // A token that PostgREST takes, and that Supabase Auth hasn't made.
  foreignToken(claims) {
    const secret = new TextEncoder().encode(this.keys.secret)
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuedAt().setExpirationTime('1h').sign(secret)
  }
}

// Supabase Auth wants exactly one key with the operation "sign"; those that only verify stay valid.
async function signingKeys(asymmetric) {
  const secret = randomBytes(32).toString('hex')
  if (!asymmetric) return { secret }
  const pair = await generateKeyPair('ES256')
  const es256 = { kid: randomUUID(), alg: 'ES256', use: 'sig' }
  const legacy = { kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid: randomUUID(), alg: 'HS256', key_ops: ['verify'] }
  return {
    secret,
    private: [{ ...(await exportJWK(pair.privateKey)), ...es256, key_ops: ['sign', 'verify'] }, legacy],
    public: [{ ...(await exportJWK(pair.publicKey)), ...es256, key_ops: ['verify'] }, legacy],
  }
}

// Sends /auth/v1 and /rest/v1 where they belong. pages: answers all other paths; without it, there are none.
export class Gateway {
  static async start(auth, postgrest, { port = 0, pages = (incoming, outgoing) => outgoing.writeHead(404).end() } = {}) {
    const routes = { '/auth/v1': auth.port, '/rest/v1': postgrest.port }
    const gateway = new Gateway()
    gateway.server = createServer((incoming, outgoing) => {
      const prefix = Object.keys(routes).find((prefix) => incoming.url.startsWith(prefix + '/'))
      if (!prefix) return pages(incoming, outgoing)
      const { method, headers } = incoming
      const path = incoming.url.slice(prefix.length)
      const onward = request({ host: '127.0.0.1', port: routes[prefix], method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', (error) => outgoing.writeHead(502).end(String(error)))
      incoming.pipe(onward)
    })
    gateway.server.listen(port, '127.0.0.1')
    await once(gateway.server, 'listening')
    gateway.url = `http://127.0.0.1:${gateway.server.address().port}`
    return gateway
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }
}
