// The portable edition as a trusted language extension, where PG_TLE names a server tree with pg_tle in it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { answers } from './answers.mjs'
import { demo, Platform, portableText, version } from './platform.mjs'

const tree = process.env.PG_TLE
const name = 'pg_aal_portable'

describe('as a trusted language extension', { skip: tree ? false : 'PG_TLE names no server tree with pg_tle in it' }, () => {
  let platform
  before(() => {
    platform = new Platform()
    const folder = (of, option) => execFileSync(of + '/bin/pg_config', [option], { encoding: 'utf8' }).trim()
    execFileSync('bash', ['-c', `cp ${folder(tree, '--pkglibdir')}/pg_tle.so ${folder(platform.folder, '--pkglibdir')}`])
    execFileSync('bash', ['-c', `cp ${folder(tree, '--sharedir')}/extension/pg_tle* ${folder(platform.folder, '--sharedir')}/extension`])
    platform.configure("shared_preload_libraries = 'pg_tle'")
    for (const database of ['project', 'migrated']) platform.database(database)
    for (const database of ['project', 'migrated']) platform.psqlAs('supabase_admin', database, 'create extension pg_tle')
    platform.psqlAs('supabase_admin', 'project', 'grant pgtle_admin to postgres')
  })
  after(() => platform.stop())

  const installs = (version, text) =>
    `select pgtle.install_extension('${name}', '${version}', 'Step-up authentication', $pg_aal_portable$${text}$pg_aal_portable$)`
  const functions = (database) =>
    platform.psql(
      database,
      "select oid::regprocedure, md5(prosrc), proacl from pg_proc where pronamespace = 'aal'::regnamespace order by oid::regprocedure::text",
    )

  test('a role without superuser installs it: the same functions as by a migration', () => {
    platform.psql('project', `${installs(version, portableText())}; create extension ${name}`)
    platform.psql('migrated', portableText())
    assert.equal(platform.psql('project', 'select aal.version()').trim(), version)
    assert.equal(functions('project'), functions('migrated'))
  })

  test('it protects as by a migration', async () => {
    for (const database of ['project', 'migrated']) platform.psql(database, demo)
    assert.deepEqual(await answers(platform, 'project'), await answers(platform, 'migrated'))
  })

  test('it is upgraded while policies use it', async () => {
    const before = await answers(platform, 'project')
    const next = portableText().replaceAll(version, '99.0.0')
    platform.psql(
      'project',
      `select pgtle.install_update_path('${name}', '${version}', '99.0.0', $pg_aal_portable$${next}$pg_aal_portable$);
       alter extension ${name} update to '99.0.0'`,
    )
    assert.equal(platform.psql('project', 'select aal.version()').trim(), '99.0.0')
    assert.deepEqual(await answers(platform, 'project'), before)
  })

  test('it cannot be dropped while policies use it', () => {
    assert.throws(() => platform.psql('project', `drop extension ${name}`), /other objects depend on it/)
  })

  test('a dump leaves its functions out: the docs say so', () => {
    const dump = (...options) =>
      execFileSync(platform.folder + '/bin/pg_dump', ['-s', '-h', platform.connection.host, '-U', 'postgres', ...options, 'project'], {
        encoding: 'utf8',
      })
    assert.doesNotMatch(dump('-n', 'public', '-n', 'aal'), /CREATE FUNCTION aal\./)
    assert.match(dump('-n', 'public', '-n', 'aal'), /CREATE POLICY aal_read/)
  })

  test('beside the file as a migration, it is refused', () => {
    assert.throws(() => platform.psql('migrated', `${installs(version, portableText())}; create extension ${name}`), /is not a member of extension/)
  })
})
