// The diff tools of the Supabase CLI carry a protected table from one project to another, and protecting again writes what they lose.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { answers, butTruncate } from './answers.mjs'
import { demo, Platform, portableText, protection } from './platform.mjs'

const installed = (name) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url))

// Each as the CLI runs it: from one database to another, as SQL.
const tools = {
  migra: {
    program: installed('@pgkit/migra/dist/command.js'),
    difference: (from, to) => run(tools.migra.program, 'run', from, to, '--unsafe', '--with-privileges'),
  },
  'pg-delta': {
    program: installed('@supabase/pg-delta/dist/cli/main.js'),
    async difference(from, to) {
      const folder = mkdtempSync(tmpdir() + '/pg_aal_delta.')
      await run(tools['pg-delta'].program, 'plan', '--source', from, '--desired', to, '--profile', 'supabase', '--out', folder + '/plan.json')
      await run(tools['pg-delta'].program, 'render', '--plan', folder + '/plan.json', '--out', folder + '/step.sql')
      const steps = readdirSync(folder).filter((file) => file.endsWith('.sql'))
      const sql = steps.sort().map((file) => readFileSync(`${folder}/${file}`, 'utf8'))
      rmSync(folder, { recursive: true })
      return `begin;\n${sql.join('\n')}\ncommit;`
    },
  },
}

async function run(...args) {
  const answer = await promisify(execFile)('node', args, { maxBuffer: 1e8 }).catch((error) => error)
  // Exit status 2 says that there is a difference.
  if (answer.code !== undefined && answer.code !== 2) throw new Error(answer.stderr)
  return answer.stdout
}

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('project')
  platform.psql('project', demo)
})
after(() => platform.stop())

const url = (database) => `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(platform.connection.host)}`
const rows = (database) =>
  platform.psql(
    database,
    "select format('insert into payments (user_id, amount, payee) values (%L, %L, %L);', user_id, amount, payee) from payments order by id",
  )
const records = (database) => platform.psql(database, 'select * from aal.protected_tables')

for (const [name, { program, difference }] of Object.entries(tools)) {
  describe(`a diff by ${name}`, { skip: existsSync(program) ? undefined : `${name} isn't installed: run npm ci in tests/hosted` }, () => {
    const [table, all] = ['table', 'all'].map((what) => `${what}_by_${name.replace('-', '_')}`)

    test('carries a protected table to a project that has the edition', async () => {
      platform.protectedDatabase(table)
      platform.psql(table, await difference(url(table), url('project')))
      platform.psql(table, rows('project'))
      assert.deepEqual(butTruncate(await answers(platform, table)), butTruncate(await answers(platform, 'project')))
    })

    test('then protecting again writes the records that it lost, and revokes what the platform granted', async () => {
      platform.psql(table, protection)
      assert.deepEqual(await answers(platform, table), await answers(platform, 'project'))
      assert.equal(records(table), records('project'))
    })

    // migra makes views before the functions that they call, so the edition itself has to be a migration.
    if (name === 'migra') return

    test('opens nothing where it carries the edition, too', async () => {
      platform.database(all)
      platform.psql(all, await difference(url(all), url('project')))
      platform.psql(all, rows('project'))
      const wanted = butTruncate(await answers(platform, 'project'))
      const opened = butTruncate(await answers(platform, all)).filter((line, nr) => line !== wanted[nr] && !/: \w{5} \| /.test(line))
      assert.deepEqual(opened, [])
    })

    test('then the file and protecting again repair it', async () => {
      platform.psql(all, portableText() + protection)
      assert.deepEqual(await answers(platform, all), await answers(platform, 'project'))
      assert.equal(records(all), records('project'))
    })
  })
}
