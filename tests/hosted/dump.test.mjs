// pg_dump by the project's own role, and a restore into another project: the protection is the same there. But the platform grants
// TRUNCATE, REFERENCES and TRIGGER on every new table, also on one that comes from a dump: protecting again revokes them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { answers, butTruncate } from './answers.mjs'
import { demo, Platform, protection } from './platform.mjs'

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('project')
  platform.psql('project', demo)
})
after(() => platform.stop())

function dump(database, ...options) {
  const args = ['-h', platform.connection.host, '-U', 'postgres', '-n', 'public', '-n', 'aal', ...options, database]
  const sql = execFileSync(platform.folder + '/bin/pg_dump', args, { encoding: 'utf8' })
  // What only the platform's own role may say again, and a random key of newer versions.
  return sql.replace(/^CREATE SCHEMA public;$|^ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin .*$|^\\(un)?restrict .*$/gm, '')
}

const withoutGrants = (sql) => sql.replace(/^GRANT .*\n/gm, '')

test('a dump with its data comes back whole, but for what the platform grants', async () => {
  const sql = dump('project')
  platform.database('restored')
  platform.psql('restored', sql)
  assert.equal(withoutGrants(dump('restored')), withoutGrants(sql))
  assert.deepEqual(butTruncate(await answers(platform, 'restored')), butTruncate(await answers(platform, 'project')))
})

test('protecting again revokes that', async () => {
  platform.psql('restored', protection)
  assert.deepEqual(await answers(platform, 'restored'), await answers(platform, 'project'))
})

test('a dump of the schema alone protects what is loaded later', async () => {
  platform.database('empty')
  platform.psql('empty', dump('project', '--schema-only'))
  platform.psql('empty', dump('project', '--data-only'))
  assert.deepEqual(butTruncate(await answers(platform, 'empty')), butTruncate(await answers(platform, 'project')))
  const records = 'select * from aal.protected_tables'
  assert.equal(platform.psql('empty', records), platform.psql('project', records))
})
