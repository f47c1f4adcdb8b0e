// The diff tools of the Supabase CLI carry the protection from one project to another, or protecting again repairs it.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { answers } from './answers.mjs'
import { asPortable, Platform } from './platform.mjs'

const demo = asPortable(readFileSync(new URL('../../examples/demo/demo.sql', import.meta.url), 'utf8'))
const protection = demo.match(/^select aal\.protect_table.*;$/m)[0]
const package_ = (name) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url))

// Each as the CLI runs it: from one database to another, as SQL.
const tools = {
  migra: {
    folder: package_('@pgkit/migra'),
    args: (from, to) => [package_('@pgkit/migra/dist/command.js'), 'run', from, to, '--unsafe'],
  },
  'pg-delta': {
    folder: package_('@supabase/pg-delta'),
    args: (from, to) => [package_('@supabase/pg-delta/dist/cli/main.js'), 'plan', '--source', from, '--target', to, '--format', 'sql'],
  },
}

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('project')
  platform.psql('project', demo)
})
after(() => platform.stop())

const url = (database) => `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(platform.connection.host)}`

async function difference(tool, from, to) {
  const answer = await promisify(execFile)('node', tool.args(url(from), url(to)), { maxBuffer: 1e8 }).catch((error) => error)
  if (!answer.stdout && answer.stderr) throw new Error(answer.stderr)
  return answer.stdout
}

for (const [name, tool] of Object.entries(tools)) {
  describe(`a diff by ${name}`, { skip: existsSync(tool.folder) ? undefined : `${name} isn't installed: run npm ci in tests/hosted` }, () => {
    const copy = `copy_by_${name.replace('-', '_')}`
    before(async () => {
      platform.database(copy)
      platform.psql(copy, await difference(tool, copy, 'project'))
      platform.psql(
        copy,
        platform.psql(
          'project',
          "select format('insert into payments overriding system value values (%L, %L, %L, %L);', id, user_id, amount, payee) from payments",
        ),
      )
    })

    test('keeps the protection', async () => {
      assert.deepEqual(await answers(platform, copy), await answers(platform, 'project'))
    })

    test('and protecting again writes the records that it lost', async () => {
      platform.psql(copy, protection)
      assert.deepEqual(await answers(platform, copy), await answers(platform, 'project'))
      const records = 'select * from aal.protected_tables'
      assert.equal(platform.psql(copy, records), platform.psql('project', records))
    })
  })
}
