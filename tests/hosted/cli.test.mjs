// The Supabase CLI pushes the portable edition as a migration, pushes it again, and upgrades it while policies use it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { answers } from './answers.mjs'
import { missing, Project } from './cli.mjs'
import { demo, Platform, portableText, version } from './platform.mjs'

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
