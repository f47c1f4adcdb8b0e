// Tests of the native edition, run by the project's own role against the portable one. Where an answer differs from the native one,
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

// What the platform has already.
const fixture = asPortable(read('fixture.sql'))
  .replace(/^create role .*\n|^grant anon, .*\n/gm, '')
  .replace(/^create function auth\..*?^\$\$;\n/gms, '')

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('regression', { exposesNewTables: true })
  platform.psql('regression', fixture)
})
after(() => platform.stop())

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
      'postgres',
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
    writeFileSync(`${folder}/native`, asPortable(read(`expected/${name}.out`)))
    writeFileSync(`${folder}/portable`, answer)
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
