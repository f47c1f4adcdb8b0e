// The SQL of README.md and of docs/ does what they say: each ```sql block is run, in order, in a new database.
// A block below a comment <!-- fails: TEXT --> must fail with an error that contains TEXT.
// A block below <!-- runs first … --> is run before all pages instead: it makes what databases share.
// Of a lint's page, the first block gives its finding, and after the last there is none left.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const repo = new URL('../../', import.meta.url)
// cookbook.test.mjs runs the cookbook, in a database with Supabase Auth's tables; tests/hosted runs the pages on the portable edition.
const elsewhere = /^(cookbook|hosted|portable_\w+)\.md$/
const docs = readdirSync(new URL('docs/', repo), { recursive: true }).filter((name) => name.endsWith('.md') && !elsewhere.test(name))
const pages = ['README.md', ...docs.sort().map((name) => 'docs/' + name)]

const runsFirst = /<!-- runs first.*? -->\n```sql\n(.*?)```\n/gs
const read = (page) => readFileSync(new URL(page, repo), 'utf8')

let cluster
before(() => {
  cluster = new Cluster()
  for (const page of pages) for (const [, sql] of read(page).matchAll(runsFirst)) cluster.psql('postgres', sql)
})
after(() => cluster.stop())

for (const [nr, page] of pages.entries()) {
  const text = read(page).replace(runsFirst, '')
  const blocks = [...text.matchAll(/(?:<!-- fails: (.*?) -->\n)?```sql\n(.*?)```/gs)]
  if (blocks.length === 0) continue
  test(`the SQL of ${page} runs`, (t) => {
    const missing = extensionsOf(text).find((name) => !isAvailable(name))
    if (missing) return t.skip(`Postgres has no extension ${missing} here`)
    const database = `page_${nr}`
    cluster.psql('postgres', `create database ${database}`)
    const lint = page.match(/lints\/(\d{4}_\w+)\.md$/)?.[1]
    for (const [n, [, failure, sql]] of blocks.entries()) {
      const run = () => cluster.psql(database, sql)
      if (failure) assert.throws(run, (error) => error.stderr?.includes(failure) ?? error.message.includes(failure), sql)
      else run()
      if (lint && n === 0) assert.notEqual(found(database, `name = '${lint}'`), '', `${lint} is found`)
    }
    if (lint) assert.equal(found(database, "level <> 'INFO' or name = '" + lint + "'"), '', 'nothing is left to find')
  })
}

// Those of others that a page makes. Ours must be there.
function extensionsOf(text) {
  const made = [...text.matchAll(/create extension (?:if not exists )?"?([\w-]+)/g)].map(([, name]) => name)
  return made.filter((name) => !name.startsWith('pg_aal'))
}

function isAvailable(extension) {
  return cluster.psql('postgres', `select name from pg_available_extensions where name = '${extension}'`) !== ''
}

function found(database, condition) {
  return cluster.psql(database, `select name, detail from auth.aal_lint() where ${condition}`).trim()
}

test('the README shows SQL', () => {
  assert.match(readFileSync(new URL('README.md', repo), 'utf8'), /```sql/)
})

const others = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'clients/js/README.md', 'docs/cookbook.md', 'docs/hosted.md']

test('every link within the repository leads to a file, and to a heading of it', () => {
  for (const page of [...pages, ...others]) {
    const text = readFileSync(new URL(page, repo), 'utf8')
      .replace(/^```.*?^```$/gms, '')
      .replace(/`[^`\n]*`/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path, heading] = target.split('#')
      const file = path ? new URL(path, new URL(page, repo)) : new URL(page, repo)
      assert.ok(existsSync(file), `${page}: ${target}`)
      if (heading) assert.ok(headings(readFileSync(file, 'utf8')).includes(heading), `${page}: ${target}`)
    }
  }
})

test('every page that the extension links to is there', () => {
  const sources = ['src/', 'crates/aal/src/'].flatMap((folder) =>
    readdirSync(new URL(folder, repo), { recursive: true })
      .filter((name) => name.endsWith('.rs'))
      .map((name) => folder + name),
  )
  const links = sources.flatMap((name) => {
    const text = readFileSync(new URL(name, repo), 'utf8')
    return [...text.matchAll(/"([\w/]+\.md(?:#[\w-]+)?)"/g)].map(([, target]) => target)
  })
  assert.ok(links.includes('tokens_without_aal.md'))
  const lints = readdirSync(new URL('crates/proof/src/lint/', repo)).map((name) => name.match(/^lint_(\d{4}_\w+)\.rs$/)?.[1])
  const targets = [...links, ...lints.filter(Boolean).map((name) => `lints/${name}.md`)]
  for (const target of targets) {
    const [path, heading] = target.split('#')
    const file = new URL('docs/' + path, repo)
    assert.ok(existsSync(file), target)
    if (heading) assert.ok(headings(readFileSync(file, 'utf8')).includes(heading), target)
  }
  assert.ok(targets.length >= 25)
})

// The anchors of a page's headings, as GitHub makes them.
function headings(text) {
  const titles = [...text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, title]) => title)
  return titles.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
