// What psql prints in the docs is what it prints: each ```psql block is run, and its output compared. No line is wider than 120 columns.
// In such a block, lines that begin with `=> ` are the input. The ```sql blocks of the page are run before it, in order.
//
//   WRITE=1 node --test psql.test.mjs
//
// writes the output of these blocks anew.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const repo = new URL('../../', import.meta.url)
const docs = readdirSync(new URL('docs/', repo), { recursive: true }).filter((name) => name.endsWith('.md'))
const pages = ['README.md', ...docs.sort().map((name) => 'docs/' + name)]
const widest = 120

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create role anon; create role authenticated; create role service_role bypassrls')
})
after(() => cluster.stop())

// What psql prints for each line of input. Trailing spaces are left out, as editors do.
function printed(database, inputs) {
  const mark = '-- next input --'
  const script = inputs.map((input) => `${input}\n\\echo ${mark}\n`).join('')
  const { host, user } = cluster.connection
  const options = ['-X', '-h', host, '-U', user, '-d', database, '-v', 'ON_ERROR_STOP=1']
  const output = execFileSync(cluster.folder + '/bin/psql', options, { input: script, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] })
  return output.split(mark + '\n').map((text) => text.replace(/ +$/gm, '').trimEnd())
}

// A block's text as it should be.
function transcript(database, block) {
  const inputs = [...block.matchAll(/^=> (.*)$/gm)].map(([, input]) => input)
  const outputs = printed(database, inputs)
  return inputs.map((input, n) => [`=> ${input}`, outputs[n]].filter(Boolean).join('\n') + '\n').join('')
}

for (const [nr, page] of pages.entries()) {
  const text = readFileSync(new URL(page, repo), 'utf8')
  if (!text.includes('```psql\n')) continue
  test(`psql prints what ${page} shows`, () => {
    const database = `page_${nr}`
    cluster.psql('postgres', `create database ${database}`)
    const written = text.replace(/(<!-- fails: .*? -->\n)?```(sql|psql)\n(.*?)```/gs, (all, fails, language, block) => {
      if (language === 'psql') return '```psql\n' + transcript(database, block) + '```'
      if (!fails) cluster.psql(database, block)
      return all
    })
    if (process.env.WRITE) writeFileSync(new URL(page, repo), written)
    else assert.equal(text, written)
  })

  test(`psql's output in ${page} fits ${widest} columns`, () => {
    for (const [, block] of text.matchAll(/```psql\n(.*?)```/gs))
      for (const line of block.split('\n')) assert.ok([...line].length <= widest, `${line} has ${[...line].length} columns`)
  })
}

test('the docs show the output of each of these at 120 columns', () => {
  const blocks = pages.flatMap((page) => [...readFileSync(new URL(page, repo), 'utf8').matchAll(/```psql\n(.*?)```/gs)].map(([, block]) => block))
  for (const name of ['protect_table', 'explain_access', 'aal_matrix', 'aal_lint']) {
    assert.ok(
      blocks.some((block) => block.includes(`auth.${name}(`)),
      name,
    )
  }
})
