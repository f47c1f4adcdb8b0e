// The SQL of README.md and of docs/ does what they say: each ```sql block is run, in order, in a new database.
// A block below a comment <!-- fails: TEXT --> must fail with an error that contains TEXT.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from './stack.mjs'

const repo = new URL('../../', import.meta.url)
// cookbook.test.mjs runs the cookbook, in a database with Supabase Auth's tables.
const docs = readdirSync(new URL('docs/', repo)).filter((name) => name.endsWith('.md') && name !== 'cookbook.md')
const pages = ['README.md', ...docs.map((name) => 'docs/' + name)]

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create role anon; create role authenticated; create role authenticator login noinherit; grant anon, authenticated to authenticator')
})
after(() => cluster.stop())

for (const [nr, page] of pages.entries()) {
  const text = readFileSync(new URL(page, repo), 'utf8')
  const blocks = [...text.matchAll(/(?:<!-- fails: (.*?) -->\n)?```sql\n(.*?)```/gs)]
  if (blocks.length === 0) continue
  test(`the SQL of ${page} runs`, () => {
    const database = `page_${nr}`
    cluster.psql('postgres', `create database ${database}`)
    for (const [, failure, sql] of blocks) {
      const run = () => cluster.psql(database, sql)
      if (failure) assert.throws(run, (error) => error.stderr?.includes(failure) ?? error.message.includes(failure), sql)
      else run()
    }
  })
}

test('the README shows SQL', () => {
  assert.match(readFileSync(new URL('README.md', repo), 'utf8'), /```sql/)
})
