// Tests of the native edition, run against the portable one. Where an answer differs from the native one,
// differences/ has it, and docs/portable_differences.md says why. WRITE=1 writes those files.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import { asPortable, Platform } from './platform.mjs'

const regress = new URL('../pg_regress/', import.meta.url)
const read = (name) => readFileSync(new URL(name, regress), 'utf8')

const tests = [
  'an_upsert_needs_what_it_may_do',
  'answers_follow_the_claims',
  'denials',
  'guard_is_silent_where_policies_do_not_bind',
  'hostile_names',
  'no_row_existence_oracle',
  'policies_hold_without_the_guard',
  'protect_and_unprotect_are_repeatable',
  'protected_at_aal1_and_aal2',
  'sensitive_columns_under_attack',
  'who_is_bound_is_decided_when_the_statement_begins',
]

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('regression', { exposesNewTables: true })
  // The fixture has neither users nor the platform's timeouts.
  const fixture = asPortable(read('fixture.sql')).replace(/^(create role|grant anon,|create extension) .*\n/gm, '')
  const bare =
    'drop schema auth cascade; create schema auth; grant usage on schema auth to public; alter role anon reset all; alter role authenticated reset all;'
  platform.psqlAs('supabase_admin', 'regression', bare + fixture)
})
after(() => platform.stop())

// The answers themselves: no padding, nobody's lines of code, and neither what is said beside an answer.
function answersOf(output) {
  return output
    .replace(/^(CONTEXT:.*|PL\/pgSQL function .*|SQL (statement|function|expression) .*|(NOTICE|WARNING|HINT|DETAIL): .*)\n/gm, '')
    .replace(/-{2,}/g, '--')
    .replace(/ {2,}/g, ' ')
    .replace(/ +$/gm, '')
}

for (const name of tests) {
  test(name, () => {
    platform.psqlAs('supabase_admin', 'template1', `create database ${name} template regression owner postgres`)
    const options = [
      '-X',
      '-a',
      '-q',
      '-h',
      platform.connection.host,
      '-U',
      'supabase_admin',
      '-d',
      name,
      '-v',
      'HIDE_TABLEAM=on',
      '-v',
      'HIDE_TOAST_COMPRESSION=on',
    ]
    // As pg_regress sets them.
    const env = { ...process.env, PGTZ: 'PST8PDT', PGDATESTYLE: 'Postgres, MDY', PGOPTIONS: '-c intervalstyle=postgres_verbose' }
    const folder = mkdtempSync(tmpdir() + '/pg_aal_native.')
    const answer = spawnSync('sh', ['-c', '"$0" "$@" 2>&1', platform.folder + '/bin/psql', ...options], {
      input: asPortable(read(`sql/${name}.sql`)),
      env,
      encoding: 'utf8',
    }).stdout
    writeFileSync(`${folder}/native`, answersOf(asPortable(read(`expected/${name}.out`))))
    writeFileSync(`${folder}/portable`, answersOf(answer))
    const { stdout } = spawnSync('diff', ['-U0', 'native', 'portable'], { cwd: folder, encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    // Without the places, which move with each line that the test gets.
    const differs = stdout.replace(/^(---|\+\+\+) .*\n/gm, '').replace(/^@@ .*$/gm, '@@')
    const file = new URL(`differences/${name}.diff`, import.meta.url)
    if (process.env.WRITE) {
      if (differs) writeFileSync(file, differs)
      else if (existsSync(file)) rmSync(file)
    }
    assert.equal(differs, existsSync(file) ? readFileSync(file, 'utf8') : '')
  })
}
