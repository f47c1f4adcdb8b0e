// The Supabase CLI pushes the portable edition as a migration, pushes it again, and upgrades it while policies use it.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { answers } from './answers.mjs'
import { missing, Project } from './cli.mjs'
import { demo, Platform, portableText, version } from './platform.mjs'

const checkDump = fileURLToPath(new URL('../../pgrx-config/check_dump.sh', import.meta.url))

describe('the Supabase CLI', { skip: missing }, () => {
  let platform, project
  before(async () => {
    platform = new Platform()
    platform.database('project')
    project = await Project.start(platform, 'project')
  })
  after(() => {
    project?.stop()
    platform.stop()
  })

  async function push(name, sql) {
    const nr = 20261101000000 + ++pushed
    project.migration(nr, name, sql)
    const { status, output } = await project.push()
    const recorded = platform.psql('project', `select count(*) from supabase_migrations.schema_migrations where version = '${nr}'`).trim()
    return { status, output, recorded }
  }
  let pushed = 0

  async function pushes(name, sql) {
    const { status, output, recorded } = await push(name, sql)
    assert.deepEqual({ status, recorded }, { status: 0, recorded: '1' }, output)
  }

  const schema = () =>
    execFileSync(platform.folder + '/bin/pg_dump', ['-s', '-h', platform.connection.host, '-U', 'postgres', '-n', 'aal', '-n', 'public', 'project'], {
      encoding: 'utf8',
    }).replace(/^\\(un)?restrict .*$/gm, '')
  const functions = () => platform.psql('project', "select oid, proname from pg_proc where pronamespace = 'aal'::regnamespace order by oid")

  test('pushes the file as one migration', async () => {
    await pushes('pg_aal', portableText())
    assert.equal(platform.psql('project', 'select aal.version()').trim(), version)
  })

  test('pushes a migration that protects a table', async () => {
    await pushes('payments', demo)
    const [refused] = (await answers(platform, 'project')).filter((line) => line.startsWith('Jane, AAL1: insert'))
    assert.match(refused, /42501 \| insufficient_aal/)
  })

  test('pushes the same file again, and nothing changes', async () => {
    const before = [schema(), functions(), await answers(platform, 'project')]
    await pushes('pg_aal_again', portableText())
    assert.deepEqual([schema(), functions(), await answers(platform, 'project')], before)
  })

  describe('what it pushed, dumped by the project,', () => {
    const program = (name, ...options) =>
      execFileSync(`${platform.folder}/bin/${name}`, ['-h', platform.connection.host, '-U', 'postgres', ...options], { encoding: 'utf8' })
    const check = (dump) => {
      const [DUMP, ROLES, ASSERT] = ['dump', 'roles', 'assert'].map((name) => `${project.folder}/${name}.sql`)
      writeFileSync(DUMP, dump)
      writeFileSync(ROLES, program('pg_dumpall', '--roles-only', '--no-role-passwords'))
      writeFileSync(ASSERT, "select auth.assert_schema('public', writes => 'aal2', reads => 'aal1', accept => '{}');")
      const { status, stdout, stderr } = spawnSync(checkDump, [process.env.PG ?? '15'], {
        env: { ...process.env, DUMP, ROLES, ASSERT },
        encoding: 'utf8',
      })
      return { status, said: stdout + stderr }
    }
    let dump
    before(() => (dump = program('pg_dump', '--schema-only', 'project')))
    const changed = (pattern, by) => {
      assert.match(dump, pattern)
      return dump.replace(pattern, by)
    }
    const ofUpdates = /^(?:CREATE|COMMENT ON) (?:POLICY aal_update|TRIGGER aal_guard)(?: BEFORE [A-Z ]*)? ON public\.payments [^;]*;$/gm

    test('is proven', () => {
      const { status, said } = check(dump)
      assert.equal(status, 0, said)
      assert.match(said, /^Portable edition: all functions are as the newest release made them$/m)
      assert.match(said, /^ +public\.payments +authenticated +aal1, aal2/m)
    })
    test('is not proven with a function that was edited', () => {
      const { status, said } = check(changed(/(FUNCTION aal\.has_enrolled_aal\([^]*?\nbegin\n)/, '$1  return true;\n'))
      assert.equal(status, 2, said)
      assert.match(said, /aal\.has_enrolled_aal\(interval\).*another body/)
    })
    test('fails without the policy of a command, and the guard, which refuses it, too', () => {
      const { status, said } = check(changed(ofUpdates, ''))
      assert.equal(status, 1, said)
    })
  })

  test('upgrades it: the next file is in force, and the policies stand', async () => {
    const before = [functions(), await answers(platform, 'project')]
    const policies = 'select polrelid::regclass, polname, oid from pg_policy order by oid'
    const made = platform.psql('project', policies)
    const next = portableText()
      .replaceAll(version, '99.0.0')
      .replace(/(create or replace function aal\.has_aal\(.*?\nbegin\n)/s, '$1  return false;\n')
    assert.notEqual(next, portableText().replaceAll(version, '99.0.0'))
    await pushes('pg_aal_99', next)
    assert.equal(platform.psql('project', 'select aal.version()').trim(), '99.0.0')
    assert.deepEqual([functions(), platform.psql('project', policies)], [before[0], made])
    const reads = (await answers(platform, 'project')).filter((line) => line.startsWith('Jane, AAL2: select'))
    assert.deepEqual(reads, ['Jane, AAL2: select id from payments order by id: SELECT 0 '])
    await pushes('pg_aal_back', portableText())
    assert.deepEqual([functions(), await answers(platform, 'project')], before)
  })

  test('a migration that fails after the file leaves nothing of it', async () => {
    const before = [schema(), functions()]
    const { status, recorded } = await push('pg_aal_broken', portableText().replaceAll(version, '99.0.0') + '\nselect 1 / 0;\n')
    assert.notEqual(status, 0)
    assert.equal(recorded, '0')
    assert.deepEqual([schema(), functions()], before)
  })
})
