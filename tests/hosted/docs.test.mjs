// The SQL of the pages on the portable edition does what they say, in a hosted project: each ```sql block is run by the project's own
// role, in order. A block below a comment <!-- fails: TEXT --> must fail with an error that contains TEXT. One below <!-- run by: ROLE -->
// is run by that role: the platform lets the project's own role do it, and the stand-in can't.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Platform } from './platform.mjs'

const docs = new URL('../../docs/', import.meta.url)
const pages = readdirSync(docs).filter((name) => /^(hosted|portable_\w+)\.md$/.test(name))

let platform
before(() => {
  platform = new Platform()
})
after(() => platform.stop())

for (const [nr, page] of pages.entries()) {
  const blocks = [...readFileSync(new URL(page, docs), 'utf8').matchAll(/(?:<!-- (?:fails: (.*?)|run by: (\w+)) -->\n)?```sql\n(.*?)```/gs)]
  if (blocks.length === 0) continue
  test(`the SQL of docs/${page} runs`, () => {
    platform.protectedDatabase(`page_${nr}`)
    for (const [, failure, role = 'postgres', sql] of blocks) {
      const run = () => platform.psqlAs(role, `page_${nr}`, sql)
      if (failure) assert.throws(run, (error) => error.stderr?.includes(failure) ?? error.message.includes(failure), sql)
      else run()
    }
  })
}

test('hosted.md shows SQL', () => {
  assert.match(readFileSync(new URL('hosted.md', docs), 'utf8'), /```sql/)
})
