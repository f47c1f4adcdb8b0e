// What make lint holds about prose and SQL: what it finds, where, and what it leaves alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from '../../pgrx-config/lint/prose.mjs'
import { check as checkSql } from '../../pgrx-config/lint/sql.mjs'

const found = (text, file = 'README.md') => check(file, text).problems.map((problem) => problem.split(' (')[0])
const words = (count) => Array.from({ length: count }, (_, index) => `word${index}`).join(' ')

test('a sentence of 30 words passes, and one of 31 fails', () => {
  assert.deepEqual(found(`${words(30)}. ${words(30)}.\n`), [])
  assert.match(found(`Short.\n\n${words(31)}.\n`)[0], /^README\.md:3: a sentence of 31 words: word0/)
})

test('code counts as one word, and what is in it is no prose', () => {
  assert.deepEqual(found(`${words(29)} \`${words(40)} whoever\`.\n\n\`\`\`sql\nselect ${words(50)} -- whoever\n\`\`\`\n`), [])
})

test('headless relatives fail', () => {
  for (const text of [
    'Whoever owns it may drop it.',
    'It passes whatever the policy says.',
    "Who can't verify is refused.",
    'What is left out has its default.',
    "It is open to who comes after; what can't be read counts as open.",
    'The guard refuses what is asked.',
  ]) {
    assert.match(found(text)[0] ?? 'nothing', /^README\.md:1: headless relative/, text)
  }
})

test('questions, indirect questions and relatives with a head pass', () => {
  for (const text of [
    'What is a level?',
    'The message says what is wrong.',
    'A user who can verify passes.',
    'Anonymous users, who may not enroll, are told to sign in.',
    '# What it makes',
    'It decides who may write.',
  ]) {
    assert.deepEqual(found(text), [], text)
  }
})

test('"it is … that" fails, and a description passes', () => {
  assert.match(found('It is the caller that decides.')[0], /it is … that/)
  assert.deepEqual(found('It is a table that others reference.'), [])
})

test('verbs of our dialect fail', () => {
  for (const text of ['Owners go past row security.', 'It lets nobody in.', 'Policies ask a level of some roles.']) {
    assert.match(found(text)[0] ?? 'nothing', /odd verb/, text)
  }
})

test('tables, lists and links are read', () => {
  assert.match(found('| a | b |\n| --- | --- |\n| x | It tells this to whoever may read the row. |\n')[0], /^README\.md:3: headless/)
  assert.match(found('- one\n- [for whoever asks](https://example.org)\n')[0], /^README\.md:2: headless/)
})

test('a wrong hit can be passed over', () => {
  assert.deepEqual(found('<!-- prose: off -->\nWhoever.\n\nWhoever.\n\n<!-- prose: on -->\n\nWhatever.\n').length, 1)
})

test('of the changelog only what is not released is read', () => {
  assert.deepEqual(found('## [Unreleased]\n\n- Fine.\n\n## [0.1.0]\n\n- Whoever.\n', 'CHANGELOG.md'), [])
})

test('comments in Rust are read where they stand, strings are not', () => {
  const text = 'const A: &str = "// whoever";\n\n/// Fine.\n/// For\n/// whoever asks.\nfn f() {} // For whatever comes.\n'
  assert.deepEqual(
    found(text, 'src/lib.rs').map((problem) => problem.split(':')[1]),
    ['4', '6'],
  )
})

test('comments on SQL objects are read', () => {
  const text = "-- Fine.\ncomment on function f() is\n  'It''s for whoever asks.';\nselect 'whoever';\n"
  assert.deepEqual(
    found(text, 'sql/a.sql').map((problem) => problem.split(':')[1]),
    ['3'],
  )
})

test('SQL is lower-case but in strings, names in quotes, comments and commands of psql', () => {
  assert.deepEqual(checkSql('a.sql', "\\set VERBOSITY terse\n-- SELECT\nselect 'A B', \"NAME\", E'\\'IT';\n"), [])
  assert.deepEqual(checkSql('a.sql', 'SELECT 1;\t\n\n'), [
    'a.sql:1: a tab',
    'a.sql:1: a blank at the end of the line',
    'a.sql: must end with one line break',
    'a.sql:1: SELECT in capitals',
  ])
})
