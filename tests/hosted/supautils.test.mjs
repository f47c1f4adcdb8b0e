// What needs the platform's library: policies on tables of others, and event triggers. Where SUPAUTILS names a server tree with it, the
// project's own role does both. Else the owner of storage.objects makes its policies, and a superuser the event trigger.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { claims } from '../tokens.mjs'
import { Platform } from './platform.mjs'

const tree = process.env.SUPAUTILS
const skip = tree ? false : 'SUPAUTILS names no server tree with supautils in it'
const maker = tree ? 'postgres' : 'supabase_storage_admin'
const recipe = readFileSync(new URL('../../docs/hosted.md', import.meta.url), 'utf8').match(/## Files in Storage\n.*?```sql\n(.*?)```/s)[1]

// As the platform has them.
const settings = `
shared_preload_libraries = 'supautils'
supautils.superuser = 'supabase_admin'
supautils.privileged_role = 'postgres'
supautils.privileged_role_allowed_configs = 'session_replication_role'
supautils.reserved_roles = 'supabase_admin, supabase_auth_admin, supabase_storage_admin, authenticator, anon, authenticated, service_role'
supautils.policy_grants = '{"postgres": ["auth.users", "auth.sessions", "auth.mfa_factors", "storage.objects", "storage.buckets"]}'
supautils.drop_trigger_grants = '{"postgres": ["auth.users", "storage.objects", "storage.buckets"]}'`

describe(tree ? 'with supautils' : 'without supautils', () => {
  let platform
  before(() => {
    platform = new Platform()
    if (!tree) return
    const folder = (of) => execFileSync(of + '/bin/pg_config', ['--pkglibdir'], { encoding: 'utf8' }).trim()
    execFileSync('cp', [folder(tree) + '/supautils.so', folder(platform.folder)])
    platform.configure(settings)
  })
  after(() => platform.stop())

  // How many objects of each bucket a session sees, and what an upload into each is answered.
  async function files(database, held) {
    const client = new pg.Client({ ...platform.connection, database })
    await client.connect()
    await client.query("select set_config('request.jwt.claims', $1, false)", [JSON.stringify(held)])
    await client.query('set role authenticated')
    const answers = {}
    for (const bucket of ['contracts', 'avatars']) {
      const seen = await client.query('select count(*)::int as n from storage.objects where bucket_id = $1', [bucket])
      const upload = await client.query('insert into storage.objects (bucket_id, name) values ($1, gen_random_uuid())', [bucket]).then(
        () => 'done',
        ({ code, message }) => `${code} ${message.split(':')[0]}`,
      )
      answers[bucket] = [seen.rows[0].n, upload]
    }
    await client.end()
    return answers
  }

  function project(name) {
    platform.protectedDatabase(name)
    platform.psqlAs(
      'supabase_storage_admin',
      name,
      `insert into storage.buckets (id, name) values ('contracts', 'contracts'), ('avatars', 'avatars');
       insert into storage.objects (bucket_id, name) values ('contracts', 'c.pdf'), ('avatars', 'a.png')`,
    )
    platform.psqlAs(
      maker,
      name,
      'create policy everybody on storage.objects using (true) with check (true); create policy everybody on storage.buckets using (true)',
    )
  }

  test('the recipe for the files of one bucket holds', async () => {
    project('recipe')
    platform.psqlAs(maker, 'recipe', recipe)
    assert.deepEqual(await files('recipe', claims()), { contracts: [0, '42501 insufficient_aal'], avatars: [1, 'done'] })
    assert.deepEqual(await files('recipe', claims({ factorAge: 60 })), { contracts: [1, 'done'], avatars: [2, 'done'] })
  })

  test('aal.protect_table protects storage.objects, again, and is taken back', async () => {
    project('whole')
    const run = (sql) => platform.psqlAs(maker, 'whole', sql)
    const protect = "select read, write, warnings from aal.protect_table('storage.objects', read => 'aal2')"
    assert.equal(run(protect), run(protect))
    assert.deepEqual(await files('whole', claims()), {
      contracts: [0, '42501 insufficient_aal'],
      avatars: [0, '42501 insufficient_aal'],
    })
    assert.deepEqual(await files('whole', claims({ factorAge: 60 })), { contracts: [1, 'done'], avatars: [1, 'done'] })
    assert.equal(run('select target, read, on_update, guard, row_security from aal.protected_tables'), 'storage.objects|aal2|aal2|t|t\n')
    // What the owner granted stays granted: only it can revoke that.
    if (tree)
      assert.match(run("select notes from aal.protect_table('storage.objects', read => 'aal2')"), /revoke .*truncate.* on storage\.objects from/)
    assert.throws(() => run("select aal.protect_table('storage.objects', read => 'aal1')"), /this would lower the protection/)
    assert.equal(run("select row_security from aal.unprotect_table('storage.objects')"), 't\n')
    assert.equal(run('select count(*) from aal.protected_tables'), '0\n')
  })

  test('without it, the project cannot protect storage.objects', { skip: tree ? 'the library lets it' : false }, () => {
    project('refused')
    assert.throws(() => platform.psql('refused', "select aal.protect_table('storage.objects')"), /must be owner of (table|relation) objects/)
    assert.equal(platform.psql('refused', 'select count(*) from aal.protected_tables'), '0\n')
  })

  test('the role postgres protects a schema, and its watch fires for it also without ordinary triggers', { skip }, () => {
    platform.protectedDatabase('watched')
    platform.psql(
      'watched',
      `select from aal.protect_schema('public'); create table made (id int);
       set session_replication_role = replica; create table without_triggers (id int)`,
    )
    const tables = "select string_agg(target::text, ' ' order by target::text) from aal.protected_tables where on_update = 'aal2'"
    assert.equal(platform.psql('watched', tables), 'made without_triggers\n')
    platform.psql('watched', "select from aal.unprotect_schema('public')")
    assert.equal(platform.psql('watched', 'select count(*) from aal.protected_schemas'), '0\n')
  })
})
