// What the protocol says of an error beside its text: which source file raised it. Postgres keeps a pointer to that name until it
// sends it, so it must outlive the call.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'

let cluster
let client
before(async () => {
  cluster = new Cluster()
  client = new pg.Client({ ...cluster.connection, database: 'postgres' })
  await client.connect()
  await client.query('create extension if not exists pg_aal')
})
after(async () => {
  await client?.end()
  cluster?.stop()
})

const statements = [
  "select auth.require_aal('aal2')",
  "select auth.has_aal('aal9')",
  'select auth.protect_table(null)',
  "select auth.verify_jwt('x')",
  "select auth.protect_table('pg_class')",
]

test('an error names the source file that raised it', async () => {
  for (const statement of statements) {
    const error = await client.query(statement).catch((error) => error)
    assert.match(error.file ?? '', /^[a-z_]+\.rs$/, `${statement}: ${error.message}`)
    assert.ok(Number(error.line) > 0)
  }
})
