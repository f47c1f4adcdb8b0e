// Runs files of tests/pg_regress, which are written for the native edition, in a hosted project with the portable edition alone.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { asPortable } from './platform.mjs'

const folder = new URL('../pg_regress/', import.meta.url)
const text = (path) => readFileSync(new URL(path, folder), 'utf8')

// What the files of tests/pg_regress start from, but for what the platform has, and for what needs a superuser.
const fixture = asPortable(text('fixture.sql'))
  .replace(/^(create role|grant anon, authenticated|create extension) .*;\n/gm, '')
  .replace(/create function (auth\.|test\.write_file)[^]*?\$\$;\n/g, '')

// A file, or its expected output, in the words of the portable edition and of a role that isn't a superuser.
const translated = (text) =>
  asPortable(text)
    .replaceAll(/\bset (local )?pg_aal\.error_format = 'postgrest';/g, "set $1request.method = 'POST';")
    .replaceAll(/\breset pg_aal\.error_format;/g, 'reset request.method;')
    // Its answer has one column more, and it revokes more.
    .replaceAll(
      /\bselect \* from aal\.protect_table\(/g,
      'select target, read, write, roles, owner_column, partitions, warnings from aal.protect_table(',
    )
    .replaceAll(/\baal\.protect_table(?:_sql)?\((?:[^()']|'(?:[^'\\]|''|\\.)*'(?!')|\([^()]*\))+(?=\))/g, '$&, revoke => false')
    // Without superuser, a role is become by who is a member of it.
    .replaceAll(/^(create role ("(?:[^"]|"")+"|\w+)[^;\n]*;)$/gm, '$1 grant $2 to current_user;')

// An output without what only says where an error comes from, and with tables of one width.
const shown = (output) =>
  output
    .replaceAll(/^CONTEXT: .*\n(?:(?:PL\/pgSQL|SQL) (?:function|statement|expression) .*\n)*/gm, '')
    .replaceAll(/-{2,}/g, '--')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/ +$/gm, '')

export class NativeFiles {
  constructor(platform) {
    this.platform = platform
    platform.protectedDatabase('native_files')
    platform.psqlAs(
      'supabase_admin',
      'native_files',
      'alter default privileges for role postgres in schema public revoke all on tables from anon, authenticated, service_role',
    )
    // Without superuser, a table can be given only to who may create tables.
    platform.psql('native_files', `grant create on schema public to public; ${fixture}`)
    this.roles = this.roleNames()
  }

  roleNames() {
    return this.platform.psqlAs('supabase_admin', 'postgres', 'select quote_ident(rolname) from pg_roles order by 1').trim().split('\n')
  }

  // What psql shows of a file, and what it shows of it in the native edition. Both in the words of the portable edition.
  run(name) {
    const { platform } = this
    const admin = (sql) => platform.psqlAs('supabase_admin', 'postgres', sql)
    admin('drop database if exists regression with (force)')
    admin('create database regression template native_files owner postgres')
    const env = { ...process.env, PGTZ: 'America/Los_Angeles', PGDATESTYLE: 'Postgres, MDY', PGHOST: platform.connection.host, PGUSER: 'postgres' }
    // Answers and errors into one file, in their order.
    const path = `${platform.folder}/native_file.out`
    const output = openSync(path, 'w')
    spawnSync(platform.folder + '/bin/psql', ['-X', '-a', '-q', '-d', 'regression'], {
      input: translated(text(`sql/${name}.sql`)),
      env: { ...env, PATH: `${platform.folder}/bin:${env.PATH}` },
      stdio: ['pipe', output, output],
    })
    closeSync(output)
    for (const role of this.roleNames()) {
      if (this.roles.includes(role)) continue
      admin('drop database if exists regression with (force)')
      admin(`drop role ${role}`)
    }
    return { portable: shown(readFileSync(path, 'utf8')), native: shown(translated(text(`expected/${name}.out`))) }
  }
}
