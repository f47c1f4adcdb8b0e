// pg_dump by the project's own role, and a restore into another project: the protection is the same there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { answers } from './answers.mjs'
import { demo, Platform } from './platform.mjs'

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('project')
  platform.psql('project', demo)
})
after(() => platform.stop())

function dump(database, ...options) {
  const args = ['-h', platform.connection.host, '-U', 'postgres', '-n', 'public', '-n', 'aal', ...options, database]
  // What only the platform's own role may say again.
  return execFileSync(platform.folder + '/bin/pg_dump', args, { encoding: 'utf8' }).replace(
    /^CREATE SCHEMA public;$|^ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin .*$/gm,
    '',
  )
}

// Newer versions of pg_dump write a random key. The rest is compared.
const text = (sql) => sql.replace(/^\\(un)?restrict .*$/gm, '')

test('a dump with its data comes back whole, and is the same when it is dumped again', async () => {
  const sql = dump('project')
  platform.database('restored')
  platform.psql('restored', sql)
  assert.equal(text(dump('restored')), text(sql))
  assert.deepEqual(await answers(platform, 'restored'), await answers(platform, 'project'))
})

test('a dump of the schema alone protects what is loaded later', async () => {
  platform.database('empty')
  platform.psql('empty', dump('project', '--schema-only'))
  platform.psql('empty', dump('project', '--data-only'))
  assert.deepEqual(await answers(platform, 'empty'), await answers(platform, 'project'))
  assert.equal(platform.psql('empty', 'select * from aal.protected_tables'), platform.psql('project', 'select * from aal.protected_tables'))
})
