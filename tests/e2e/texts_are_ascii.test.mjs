// Every text that the extension writes by itself is ASCII: Postgres converts it to the client's encoding, and a character that the
// client's encoding lacks fails the statement. Names and conditions of users' objects are theirs.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parts, withoutTests } from '../../pgrx-config/lint/rust.mjs'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const filesOf = (folder, ending) =>
  readdirSync(join(repository, folder), { recursive: true })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
const textOf = (file) => readFileSync(join(repository, file), 'utf8')

// Also one that is spelled out.
const isForeign = (text) => /[^\0-\x7f]|\\u\{0*(?!0*[0-7]?[\da-f]\})[\da-f]+\}|\\x[89a-f]/i.test(text)

// The strings of Rust that aren't only for its tests.
function strings(text) {
  let marked = ''
  let last = 0
  const found = []
  for (const { kind, start, end } of parts(text)) {
    marked += text.slice(last, start) + (kind === 'string' ? 's' : ' ').repeat(end - start)
    last = end
    if (kind === 'string') found.push({ start, end })
  }
  const counted = withoutTests(marked + text.slice(last)).text
  return found.filter(({ start }) => counted[start] === 's').map(({ start, end }) => text.slice(start, end))
}

test('strings in Rust', () => {
  const files = ['src', 'crates/aal/src', 'crates/proof/src']
    .flatMap((folder) => filesOf(folder, '.rs'))
    .filter((file) => basename(file) !== 'tests.rs')
  const all = files.flatMap((file) => strings(textOf(file)).map((text) => `${file}: ${text}`))
  assert.ok(all.some((text) => text.includes('insufficient_aal')) && all.length > 500)
  assert.deepEqual(all.filter(isForeign), [])
})

test('SQL, templates, the page of the report, and the control file', () => {
  const files = [...filesOf('sql', '.sql'), 'crates/proof/src/report/report.html', 'pg_aal.control']
  assert.ok(files.includes('sql/comments.sql') && files.some((file) => file.startsWith('sql/templates/')))
  // Comments between statements are stored nowhere.
  const lines = files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .filter((line) => !line.startsWith('--'))
      .map((line) => `${file}: ${line}`),
  )
  assert.deepEqual(lines.filter(isForeign), [])
})

test('a text that is not ASCII is found, and tests may have some', () => {
  const found = (text) => strings(text).filter(isForeign)
  assert.deepEqual(found('// …\nconst A: &str = "…"; const B: &str = "a";'), ['"…"'])
  assert.deepEqual(found(String.raw`fn f() { push('\u{2026}'); push("\u{7f}\u{00041}"); push(b"\xE9") }`), [
    String.raw`'\u{2026}'`,
    String.raw`b"\xE9"`,
  ])
  assert.deepEqual(found('#[cfg(test)]\nmod tests { const A: &str = "…"; }\nconst B: &str = "é";'), ['"é"'])
})
