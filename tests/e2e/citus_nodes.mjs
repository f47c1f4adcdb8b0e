// A real Citus: a coordinator and a worker, where CITUS names a server tree with it.

import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { Cluster } from '../stack.mjs'

const citus = process.env.CITUS
export const skip = citus ? false : 'CITUS names no server tree with Citus in it'
export const levels = { none: 0, aal1: 1, enrolled: 1, aal2: 2, aal3: 3, denied: 9 }

// A server with the files of that tree.
class Node extends Cluster {
  constructor() {
    super()
    const folder = (tree, option) => execFileSync(tree + '/bin/pg_config', [option], { encoding: 'utf8' }).trim()
    const copy = (from, to) => execFileSync('bash', ['-c', `cp ${from} ${to}`])
    copy(folder(citus, '--pkglibdir') + '/citus*.so', folder(this.folder, '--pkglibdir'))
    copy(folder(citus, '--sharedir') + '/extension/citus*', folder(this.folder, '--sharedir') + '/extension')
    this.configure(
      `shared_preload_libraries = 'citus, pg_aal, pg_stat_statements'
max_prepared_transactions = 200
max_connections = 200
wal_level = logical
citus.local_hostname = '${this.connection.host}'`,
    )
  }
}

// Both, with the roles and the extension.
export function startNodes() {
  const [coordinator, worker] = [new Node(), new Node()]
  for (const node of [worker, coordinator]) node.psql('postgres', 'create extension citus')
  coordinator.psql(
    'postgres',
    `
    set client_min_messages = error;
    select citus_set_coordinator_host('${coordinator.connection.host}', 5432);
    select citus_add_node('${worker.connection.host}', 5432);
    create role anon nologin; create role authenticated login; create role authenticator login noinherit; grant anon, authenticated to authenticator;
    alter role authenticated set citus.propagate_set_commands = 'local';
    create extension pg_aal;
  `,
  )
  return { coordinator, worker }
}

export async function connect(node) {
  const client = new pg.Client({ ...node.connection, database: 'postgres' })
  await client.connect()
  await client.query("set citus.propagate_set_commands = 'local'; set client_min_messages = error")
  return client
}

export const sessionOf = (sub) => '5' + sub.slice(1)
export const claimsOf = (level, sub) =>
  level === 'none' ? '' : JSON.stringify({ sub, role: 'authenticated', aal: level, session_id: sessionOf(sub) })

// What each command needs of authenticated on a table, as this node's matrix says.
export async function matrixOf(client, table) {
  const { rows } = await client.query(`select command, required_aal from auth.aal_matrix('${table}') where role = 'authenticated'`)
  return Object.fromEntries(rows.map((row) => [row.command, row.required_aal]))
}
