// A stand-in for a hosted Supabase project, as far as plain Postgres can be one. What it isn't: see README.md here.

import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { asPortable, portable, portableText, version } from '../portable_edition.mjs'
import { Cluster } from '../stack.mjs'
import { jane } from '../tokens.mjs'

const repo = fileURLToPath(new URL('../../', import.meta.url))
const here = (name) => readFileSync(new URL(name, import.meta.url), 'utf8')

export { asPortable, portable, portableText, version }

// In it, psql and query are those of role postgres, who is no superuser.
export class Platform extends Cluster {
  constructor() {
    super()
    this.removeNative()
    this.psql('postgres', here('platform.sql'))
    this.psqlAs('supabase_admin', 'platform', here('platform_schemas.sql'))
  }

  // No file of the native edition is left in this copy of the server.
  removeNative() {
    const config = (option) => execFileSync(this.folder + '/bin/pg_config', [option], { encoding: 'utf8' }).trim()
    for (const folder of [config('--pkglibdir'), config('--sharedir') + '/extension']) {
      for (const file of readdirSync(folder)) if (file.startsWith('pg_aal')) rmSync(`${folder}/${file}`)
    }
  }

  // A project's database, with one user: Jane, who has a second factor. exposesNewTables: as before 2026-10-30.
  database(name, { exposesNewTables = false } = {}) {
    this.psqlAs('supabase_admin', 'template1', `create database ${name} template platform owner postgres`)
    this.signUp(name, jane)
    if (!exposesNewTables) this.psql(name, here('platform_after_2026_10_30.sql'))
  }

  // A user of Supabase Auth with a verified second factor.
  signUp(database, subject) {
    this.psqlAs(
      'supabase_auth_admin',
      database,
      `insert into auth.users (id) values ('${subject}');
       insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
       values (gen_random_uuid(), '${subject}', 'totp', 'verified', now(), now());`,
    )
  }

  // The same with the portable edition in it.
  protectedDatabase(name, options) {
    this.database(name, options)
    this.psql(name, portableText())
  }

  psqlAs(user, database, sql) {
    const options = ['-X', '-q', '-h', this.connection.host, '-U', user, '-d', database, '-v', 'ON_ERROR_STOP=1', '-At']
    return execFileSync(this.folder + '/bin/psql', options, { input: sql, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  }
}

// The demo, for a project with the portable edition: its roles are there, and there is no setting.
export const demo = asPortable(readFileSync(repo + 'examples/demo/demo.sql', 'utf8')).replace(
  /^(create role|grant anon, authenticated to|create extension|alter role) .*\n/gm,
  '',
)

// Its statement that protects the table.
export const protection = demo.match(/^select aal\.protect_table.*;$/m)[0]
