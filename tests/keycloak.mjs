// A real Keycloak beside a cluster, on the loopback, with its database in memory. pgrx-config/keycloak.sh puts it into the cache.

import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { freePort, startBeside } from './stack.mjs'

const script = fileURLToPath(new URL('../pgrx-config/keycloak.sh', import.meta.url))

// Where it is in the cache, or undefined.
function cached() {
  try {
    return execFileSync(script, ['--cached'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

// Why tests that need it are skipped, or false. CI's time is short, so there they need KEYCLOAK=1, too.
export const skip = reasonToSkip(process.env)

function reasonToSkip({ KEYCLOAK, CI }) {
  if (KEYCLOAK === '0') return 'KEYCLOAK=0, as for all Postgres majors but the first'
  if (KEYCLOAK) return false
  if (CI) return 'in CI, Keycloak runs with KEYCLOAK=1 only'
  return cached() ? false : 'no Keycloak in the cache: KEYCLOAK=1 fetches it, and so does make demo-oidc'
}

export class Keycloak {
  // Fetches it where it isn't there. From its start to its first answer it takes half a minute, or two on busy processors.
  static async start(cluster) {
    const home = execFileSync(script, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
    const server = new Keycloak()
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    server.password = randomBytes(16).toString('hex')
    const env = {
      PATH: process.env.PATH,
      HOME: cluster.folder,
      KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
      KC_BOOTSTRAP_ADMIN_PASSWORD: server.password,
      JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx256m',
      KC_HTTP_HOST: '127.0.0.1',
      KC_HTTP_PORT: String(server.port),
      KC_HTTP_ENABLED: 'true',
      KC_HOSTNAME_STRICT: 'false',
      KC_CACHE: 'local',
    }
    const answers = async () => (await fetch(server.url + '/realms/master')).ok
    server.process = await startBeside(cluster, 'keycloak', [home + '/bin/kc.sh', 'start', '--optimized'], env, answers, 240)
    return server
  }

  issuer(realm) {
    return `${this.url}/realms/${realm}`
  }

  // Sends a request of the administrator, whose token lives for a minute.
  async admin(method, path, body) {
    const credentials = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: this.password })
    const login = await fetch(this.issuer('master') + '/protocol/openid-connect/token', { method: 'POST', body: credentials })
    const { access_token: token } = await login.json()
    const response = await fetch(this.url + '/admin' + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text && JSON.parse(text)
  }

  importRealm(realm) {
    return this.admin('POST', '/realms', realm)
  }

  // The public keys that verify its tokens, as the text of a key set.
  async publishedKeys(realm) {
    const { keys } = await (await fetch(this.issuer(realm) + '/protocol/openid-connect/certs')).json()
    return JSON.stringify({ keys: keys.filter((key) => key.use === 'sig') })
  }

  // A new user with a password, and with an authenticator app if there is a secret. Codes can be used once, so each test has users of its own.
  async addUser(realm, secret) {
    const username = 'user-' + randomUUID()
    const credentials = [{ type: 'password', value: 'password' }]
    if (secret) credentials.push(totp(secret))
    const names = { email: `${username}@example.com`, firstName: 'A', lastName: 'User' }
    await this.admin('POST', `/realms/${realm}/users`, { username, enabled: true, emailVerified: true, ...names, credentials })
    return username
  }
}

const totp = (value) => ({
  type: 'otp',
  secretData: JSON.stringify({ value }),
  credentialData: JSON.stringify({ subType: 'totp', period: 30, digits: 6, algorithm: 'HmacSHA1', counter: 0 }),
})
