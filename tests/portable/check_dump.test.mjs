// make check-dump proves what a schema-only dump says, and isn't fooled by what a dump does.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Cluster } from '../stack.mjs'

const major = process.env.PG ?? '15'
const repo = fileURLToPath(new URL('../../', import.meta.url))
const script = repo + 'pgrx-config/check_dump.sh'
const file = (path) => readFileSync(repo + path, 'utf8')
const edition = file(`portable/pg_aal_portable--${file('Cargo.toml').match(/^version = "(.*)"/m)[1]}.sql`)

const folder = mkdtempSync(tmpdir() + '/check-dump-')
let cluster, roles
const dumps = {}

// As applications on Supabase have them: Supabase Auth's functions, tables, and a helper of one's own.
const application = `
  create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
  $$;
  create function auth.uid() returns uuid language sql stable as $$ select nullif(auth.jwt() ->> 'sub', '')::uuid $$;
  create table payments (id bigint generated always as identity primary key, user_id uuid, amount numeric);
  create table profiles (id uuid primary key, name text);
  alter table payments enable row level security;
  alter table profiles enable row level security;
  grant select, insert, update, delete on payments, profiles to authenticated;
  grant select on profiles to anon;
  create policy own on payments using (user_id = (select auth.uid()));
  create policy everybody on profiles for select using (true);
  create policy own on profiles for all to authenticated using (id = (select auth.uid()));`

const restrictive = (condition) =>
  ['payments', 'profiles']
    .flatMap((table) => [
      `create policy level_of_inserts on ${table} as restrictive for insert with check (${condition});`,
      `create policy level_of_updates on ${table} as restrictive for update using (${condition}) with check (${condition});`,
      `create policy level_of_deletes on ${table} as restrictive for delete using (${condition});`,
    ])
    .join('\n')

const databases = {
  native: `create extension pg_aal; ${application} select auth.protect_table('payments', max_age => '15 minutes'); select auth.protect_table('profiles');`,
  portable: `${edition}\n${application}\n${restrictive("(select aal.has_aal('aal2'))")}`,
  protected: `${edition}\n${application} select aal.protect_table('payments', max_age => '15 minutes'); select aal.protect_table('profiles');`,
  native_schema: `create extension pg_aal; ${application} select auth.protect_schema('public', max_age => '15 minutes');`,
  portable_schema: `${edition}\n${application} select aal.protect_schema('public', max_age => '15 minutes');`,
  by_hand: `${application}\n${restrictive("(select auth.jwt() ->> 'aal') = 'aal2'")}`,
  // What many write first: reads and deletes are forgotten.
  forgotten: `${application}
    create policy level on payments as restrictive for update using ((select auth.jwt() ->> 'aal') = 'aal2');`,
}

before(() => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    file('tests/supabase_stand_in.sql').split('create schema')[0] + 'create role service_role bypassrls; grant service_role to authenticator;',
  )
  for (const [name, sql] of Object.entries(databases)) {
    cluster.psql('postgres', `create database ${name}`)
    cluster.psql(name, `create schema auth; grant usage on schema auth to anon, authenticated; ${sql}`)
    dumps[name] = dumped('pg_dump', '--schema-only', '--dbname', name)
  }
  roles = dumped('pg_dumpall', '--roles-only', '--no-role-passwords')
})
after(() => {
  cluster.stop()
  rmSync(folder, { recursive: true })
})

function dumped(program, ...options) {
  const { host, user } = cluster.connection
  return execFileSync(`${cluster.folder}/bin/${program}`, ['--host', host, '--username', user, ...options], { encoding: 'utf8' })
}

let written = 0
function write(text) {
  const path = `${folder}/${written++}.sql`
  writeFileSync(path, text)
  return path
}

// The status and the output of a check.
function check(dump, options = {}) {
  const files = dump === null ? {} : { DUMP: write(dump), ROLES: write(roles) }
  const { status, stdout, stderr } = spawnSync(script, [major], { env: { ...process.env, ...files, ...options }, encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

const levels = (table, role, levels) => new RegExp(`^ +public\\.${table} +${role} +${levels.join(', ')}$`, 'm')

describe('a dump that needs a second factor for each write is proven', () => {
  test('of a database with the extension', () => {
    const { status, said } = check(dumps.native)
    assert.equal(status, 0, said)
    const fresh = 'aal2 within 00:15:00'
    assert.match(said, levels('payments', 'authenticated', ['aal1', fresh, fresh, fresh]))
    assert.match(said, /^Portable edition: none$/m)
  })
  test('of a database with the portable edition', () => {
    const { status, said } = check(dumps.portable)
    assert.equal(status, 0, said)
    assert.match(said, levels('payments', 'authenticated', ['none', 'aal2', 'aal2', 'aal2']))
    assert.match(said, levels('profiles', 'anon', ['none', 'denied', 'denied', 'denied']))
    assert.match(said, /^Portable edition: all functions are as the newest release made them$/m)
  })
  test('of a database that the portable edition protects', () => {
    const { status, said } = check(dumps.protected)
    assert.equal(status, 0, said)
    const fresh = 'aal2 within 00:15:00'
    assert.match(said, levels('payments', 'authenticated', ['aal1', fresh, fresh, fresh]))
    assert.match(said, /^Portable edition: all functions are as the newest release made them$/m)
  })
  for (const [name, edition] of [
    ['native_schema', /^Portable edition: none$/m],
    ['portable_schema', /^Portable edition: all functions are as the newest release made them$/m],
  ]) {
    test(`of a database with a protected schema: ${name}`, () => {
      const { status, said } = check(dumps[name])
      assert.equal(status, 0, said)
      const fresh = 'aal2 within 00:15:00'
      assert.match(said, levels('payments', 'authenticated', ['aal1', fresh, fresh, fresh]))
      assert.match(said, levels('profiles', 'authenticated', ['aal1', fresh, fresh, fresh]))
      assert.match(said, edition)
      assert.match(said, /note: event triggers are not restored \(1\), so nothing is said of tables to come \(0028\)/)
    })
  }
  test('of a database with policies of its own', () => {
    const { status, said } = check(dumps.by_hand)
    assert.equal(status, 0, said)
    assert.match(said, levels('payments', 'authenticated', ['none', 'aal2', 'aal2', 'aal2']))
  })
})

describe('a dump of a protected schema that was tampered with is not proven', () => {
  const changed = (name, pattern, by = '') => {
    assert.match(dumps[name], pattern)
    return check(dumps[name].replace(pattern, (_, kept = '') => (typeof kept === 'string' ? kept : '') + by))
  }
  for (const name of ['native_schema', 'portable_schema']) {
    test(`${name}: without a policy, and the guard that refuses the command, too`, () => {
      const { status, said } = changed(
        name,
        /^(?:CREATE|COMMENT ON) (?:POLICY aal_update|TRIGGER aal_guard)(?: BEFORE [A-Z ]*)? ON public\.profiles [^;]*;$/gm,
      )
      assert.equal(status, 1, said)
      assert.match(said, levels('profiles', 'authenticated', ['aal1', 'aal2 within 00:15:00', 'none', 'aal2 within 00:15:00']))
    })
  }
  test('native_schema: with another function in the place of its watch', () => {
    const { status, said } = changed(
      'native_schema',
      /CREATE FUNCTION auth\.aal_schema_public\(\)[^;]*;/,
      'CREATE FUNCTION auth.has_aal(text) RETURNS boolean LANGUAGE sql AS $$ select true $$;',
    )
    assert.equal(status, 2, said)
    assert.match(said, /overload/)
  })
  test('portable_schema: with another function for new tables', () => {
    const { status, said } = changed('portable_schema', /(FUNCTION aal\.receive_tables\([^]*?\nbegin\n)/, '  return;\n')
    assert.equal(status, 2, said)
    assert.match(said, /aal\.receive_tables\(text\).*another body/)
  })
})

test('a dump with a hole fails, and the finding names it', () => {
  const { status, said } = check(dumps.forgotten)
  assert.equal(status, 1, said)
  assert.match(said, /ERROR 0002_write_left_open: DELETE, INSERT|ERROR 0002_write_left_open: .*public.payments/)
})

test('assertions, and all that is written', () => {
  const holds = write(`select auth.assert_aal('payments', 'delete', 'aal2', accept => '{}');`)
  const fails = write(`select auth.assert_schema('public', writes => 'aal2', reads => 'aal2');`)
  const outputs = { REPORT: folder + '/report.html', SARIF: folder + '/findings.json', JUNIT: folder + '/findings.xml' }
  const proven = check(dumps.portable, { ASSERT: holds, ...outputs })
  assert.equal(proven.status, 0, proven.said)
  assert.match(readFileSync(outputs.REPORT, 'utf8'), /<html[^]*payments/)
  assert.equal(JSON.parse(readFileSync(outputs.SARIF, 'utf8')).version, '2.1.0')
  assert.match(readFileSync(outputs.JUNIT, 'utf8'), /<testsuite/)
  const failed = check(dumps.forgotten, { FAIL_ON: 'never', ASSERT: fails })
  assert.equal(failed.status, 1, failed.said)
  assert.match(failed.said, /possible|need less than reads aal2/)
})

test('a database is dumped and proven by its address', () => {
  const { host, user } = cluster.connection
  const { status, said } = check(null, { DATABASE: `host=${host} user=${user} dbname=portable` })
  assert.equal(status, 0, said)
})

describe('an edited portable edition is not proven', () => {
  const refused = (edited, ...told) => {
    assert.ok(!Object.values(dumps).includes(edited))
    const { status, said } = check(edited)
    assert.equal(status, 2, said)
    for (const one of told) assert.match(said, one)
  }
  test('by a body', () =>
    refused(
      dumps.portable.replace(/(FUNCTION aal\.has_aal\([^]*?\nbegin\n)/, '$1  return true;\n'),
      /^Portable edition: NOT as its release made it$/m,
      /aal\.has_aal\(text, interval\).*another body/,
    ))
  test("by its guard's body", () =>
    refused(dumps.protected.replace(/(FUNCTION aal\.aal_guard\([^]*?\nbegin\n)/, '$1  return new;\n'), /aal\.aal_guard\(\).*another body/))
  test('by SECURITY DEFINER, an owner and an overload', () =>
    refused(
      dumps.portable.replace(/(FUNCTION aal\.read_claims\(\)[^]*?STABLE)/, '$1 SECURITY DEFINER') +
        `alter function aal.has_aal(text, interval) owner to authenticated;
         create function aal.has_aal(level name) returns boolean language sql as 'select true';`,
      /aal\.read_claims\(\).*another SECURITY clause/,
      /0047_portable_replaceable: authenticated may replace/,
      /aal\.has_aal\(name\) is not of the release/,
    ))
})

test('statements that cannot be restored are open: named, counted, and not proven', () => {
  const dump =
    dumps.portable +
    `
    grant select on public.payments to auditors;
    grant select on public.profiles to auditors;
    create extension if not exists no_such_extension;
    create table public.of_extension (position no_such_schema.geometry);
    create event trigger watches on ddl_command_end execute function public.nothing();`
  const { status, said } = check(dump)
  assert.equal(status, 2, said)
  assert.match(said, /OPEN: role "auditors" is missing: 2 statements could not be restored/)
  assert.match(said, /OPEN: schema "no_such_schema" is missing: 1 statement/)
  assert.match(said, /note: extension "no_such_extension" is not available/)
  assert.match(said, /note: event triggers are not restored/)
  assert.equal(check(dump, { ACCEPT_OPEN: '1' }).status, 0)
  // Without the file, those of Supabase are assumed, and said to be.
  const assumed = check(dumps.portable, { ROLES: '' })
  assert.equal(assumed.status, 0, assumed.said)
  assert.match(assumed.said, /those of Supabase are assumed/)
})

describe('a hostile dump runs nothing and proves nothing', () => {
  const planted = folder + '/planted'
  const refused = (sql, ...told) => {
    const { status, said } = check(`${dumps.by_hand}\n${sql}\n`)
    assert.equal(status, 2, said)
    for (const one of told) assert.match(said, one)
    assert.ok(!existsSync(planted))
  }
  test('a command for psql, behind a false end of the restriction', () => refused(`\\unrestrict abc\n\\! touch ${planted}`, /has a command for psql/))
  test('programs, superusers, and the proof replaced', () =>
    refused(
      `copy (select 1) to program 'touch ${planted}';
       set role postgres;
       copy pg_roles to program 'touch ${planted}';
       reset role;
       create role mallory superuser;
       alter role "check-dump superuser" set search_path = public;
       create or replace function auth.has_aal(level text, max_age interval default null) returns boolean language sql as 'select true';`,
      /OPEN: permission denied to COPY to or from an external program|OPEN: must be superuser or have privileges of the pg_execute_server_program role to COPY/,
      /OPEN: .*create role/,
      /OPEN: .*alter role "check-dump superuser"/,
      /OPEN: must be owner of function has_aal/,
    ))
  test('the proof dropped', () => refused('drop schema auth cascade;', /tampered with pg_aal/))
  test('an overload of the proof', () =>
    refused(`create function auth.aal_lint(text) returns setof text language sql as 'select null';`, /tampered with pg_aal itself: overload/))
  test('statements in the file of roles', () => {
    const hostile = roles + `\nCOPY pg_roles TO PROGRAM 'touch ${planted}';\n`
    const { status, said } = check(dumps.by_hand, { ROLES: write(hostile) })
    assert.equal(status, 2, said)
    assert.match(said, /OPEN: line \d+ of the roles is of no kind that is known/)
    assert.ok(!existsSync(planted))
  })
  test('roles that may use files and programs get that after the restore', () => {
    const hostile = roles + '\nGRANT pg_execute_server_program TO authenticated;\n'
    const { status, said } = check(`${dumps.by_hand}\ncopy (select 1) to program 'touch ${planted}';\n`, { ROLES: write(hostile) })
    assert.equal(status, 2, said)
    assert.ok(!existsSync(planted))
  })
  test('no dump', () => {
    const { status, said } = check('PGDMP\u0000\u0001')
    assert.equal(status, 2, said)
    assert.match(said, /custom format/)
  })
})
