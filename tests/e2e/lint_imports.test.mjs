// What make lint holds about imports: a forbidden one fails, however it is written.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { check } from '../../pgrx-config/lint/imports.mjs'

const allowed = `
lib: *
pg:
settings: pg crates/aal
session: pg settings crates/aal
denial: settings session
functions: pg denial
functions/proof: functions crates/proof
aal/lib: *
aal/level:
aal/protection: aal/level
proof/lib: *
proof/matrix: crates/aal
`

// A house in which every import goes the right way.
const house = {
  'src/lib.rs': 'mod denial; mod functions; mod pg; mod session; mod settings;\nfn start() { settings::define(); }\n',
  'src/pg/mod.rs': 'pub mod elog;\npub mod node;\nmacro_rules! function_info { () => {} }\npub(crate) use function_info;\n',
  'src/pg/elog.rs': 'pub fn raise() {}\n',
  'src/pg/node.rs': 'use super::elog::raise;\npub struct Node;\n',
  'src/settings/mod.rs': 'use aal::Level;\nuse crate::pg::elog;\npub fn define() { elog::raise() }\n',
  'src/session.rs': 'use crate::{pg::node::Node, settings};\nmod unguarded { use super::Node; }\npub fn claims() { settings::define() }\n',
  'src/denial.rs': 'use crate::session;\n/// As [`crate::functions::guard`] has it.\npub fn raise() { let text = "crate::functions"; }\n',
  'src/functions/mod.rs': 'mod guard;\nmod proof;\n',
  'src/functions/guard.rs': 'use crate::denial;\ncrate::pg::function_info!();\npub(in crate::functions) fn guard() {}\n',
  'src/functions/proof.rs': 'use super::guard;\nuse proof::Matrix;\n',
  'crates/aal/src/lib.rs': 'mod level;\nmod protection;\npub use level::Level;\npub use protection::Made;\n',
  'crates/aal/src/level.rs': 'pub enum Level {}\n#[cfg(test)]\nmod tests { use crate::protection::Made; }\n',
  'crates/aal/src/protection/mod.rs': 'use crate::Level;\npub enum Made {}\n',
  'crates/proof/src/lib.rs': 'mod matrix;\npub use aal::Level;\npub use matrix::Matrix;\n',
  'crates/proof/src/matrix.rs': 'use crate::Level;\npub struct Matrix;\n',
}

function problems(changes, text = allowed) {
  const root = mkdtempSync(join(tmpdir(), 'pg_aal-imports-'))
  try {
    for (const [file, code] of Object.entries({ ...house, ...changes })) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), code)
    }
    return check(root, text).problems
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('a house whose imports go one way passes', () => assert.deepEqual(problems({}), []))

const forbidden = {
  'a use line': 'use crate::denial::raise;',
  'a nested use': 'use crate::{\n    pg::{elog, node::Node},\n    denial::{self, raise as raised},\n};',
  'an inline path': 'fn f() { crate::denial::raise() }',
  'an inline path among expressions': 'fn f(x: bool) -> u8 { if x && crate::denial::raise() == 1 { 1 } else { 2 } }',
  'a path through super': 'use super::super::denial;',
  'a path through super in a module of its own': 'mod inner { fn f() { super::super::super::denial::raise() } }',
  'a type in a signature': 'fn f(of: Vec<crate::denial::Refused>) {}',
  'a qualified path': 'fn f() { <u8 as crate::denial::Raise>::raise() }',
  'a macro that names it': 'macro_rules! m { () => { $crate::denial::raise() } }',
  'an alias of the crate': 'use crate as root;\nfn f() { root::denial::raise() }',
  'a glob': 'use crate::denial::*;',
  'a public use': 'pub(crate) use crate::denial::raise;',
  'a path after a raw string and a character': 'const A: &str = r#"" // "#;\nconst B: char = \'"\';\nfn f<\'a>() { crate::denial::raise() }',
  'a path after a nested comment': '/* /* */ */ fn f() { crate::denial::raise() }',
}
for (const [name, code] of Object.entries(forbidden)) {
  test(`a forbidden import fails: ${name}`, () => {
    const found = problems({ 'src/pg/node.rs': `${code}\npub struct Node;\n` })
    assert.match(found.join('\n'), /^src\/pg\/node\.rs:\d+: pg must not use denial \(src\/denial\.rs\)$/m)
  })
}

test('a forbidden import fails where another module shows the name', () => {
  const found = problems({
    'src/denial.rs': 'pub struct Refused;\n',
    'src/lib.rs': `${house['src/lib.rs']}pub(crate) use denial::Refused;\n`,
    'src/pg/node.rs': 'use crate::Refused;\npub struct Node;\n',
  })
  assert.deepEqual(found, ['src/pg/node.rs:1: pg must not use denial (src/denial.rs)'])
})

test('a forbidden import fails between the files of a crate', () => {
  const found = problems({ 'crates/aal/src/level.rs': 'use crate::Made;\npub enum Level {}\n' })
  assert.equal(found[0], 'crates/aal/src/level.rs:1: aal/level must not use aal/protection (crates/aal/src/protection/mod.rs)')
})

test('aal never uses proof', () => {
  const found = problems({ 'crates/aal/src/level.rs': 'fn f() { proof::matrix() }\npub enum Level {}\n' })
  assert.deepEqual(found, ['crates/aal/src/level.rs:1: aal/level must not use crates/proof (crates/proof)'])
})

test('only the functions of the proof use it', () => {
  const found = problems({ 'src/functions/guard.rs': 'use proof::Matrix;\n' })
  assert.deepEqual(found, ['src/functions/guard.rs:1: functions must not use crates/proof (crates/proof)'])
})

test('the other functions use none of the proof', () => {
  const found = problems({ 'src/functions/guard.rs': 'use super::proof::matrix;\n', 'src/functions/proof.rs': 'pub fn matrix() {}\n' })
  assert.deepEqual(found, ['src/functions/guard.rs:1: functions must not use functions/proof (src/functions/proof.rs)'])
})

test('a file in no room fails', () => {
  assert.deepEqual(problems({ 'src/helpers.rs': '' }), ["src/helpers.rs: its room, helpers, isn't in imports.allowed"])
})

test('a module that #[path] hides fails', () => {
  assert.match(problems({ 'src/denial.rs': '#[path = "elsewhere.rs"]\nmod hidden;\n' })[0], /^src\/denial\.rs: #\[path\]/)
})

test('two files of a room may use one another, three may not', () => {
  const two = { 'src/pg/elog.rs': 'use super::node::Node;\npub fn raise() {}\n' }
  assert.deepEqual(problems(two), [])
  const three = { 'src/pg/elog.rs': 'use super::list;\npub fn raise() {}\n', 'src/pg/list.rs': 'use super::node::Node;\n' }
  assert.deepEqual(problems(three), ['a cycle of more than two files: src/pg/elog.rs, src/pg/list.rs, src/pg/node.rs'])
})

test('a cycle between folders fails, also where both directions are allowed', () => {
  const found = problems({ 'src/pg/elog.rs': 'use crate::settings::define;\npub fn raise() {}\n' }, allowed.replace('pg:', 'pg: settings'))
  assert.deepEqual(found, [
    'imports.allowed lets rooms use one another: pg, settings',
    'a cycle between files of different folders: src/pg/elog.rs, src/settings/mod.rs',
  ])
})

test('two rooms that are files side by side may use one another', () => {
  const files = { 'crates/proof/src/catalog.rs': 'use crate::matrix;\n', 'crates/proof/src/matrix.rs': 'use crate::catalog;\npub struct Matrix;\n' }
  assert.deepEqual(problems(files, `${allowed.replace('proof/matrix:', 'proof/matrix: proof/catalog')}proof/catalog: proof/matrix\n`), [])
})
