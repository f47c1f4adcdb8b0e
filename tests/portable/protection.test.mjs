// Protection in the portable edition, beside the native one: the same statements, the same refusals, the same outcomes.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { portable as edition } from './editions.mjs'

const SUBJECT = '11111111-1111-4111-8111-111111111111'

// A table with something for every option. Its owner is no superuser.
const table = (name) => `
  create table ${name} (id int primary key, user_id uuid, nick varchar(20), name text, iban text, note text, doubled int generated always as (id * 2) stored);
  insert into ${name} values (1, '${SUBJECT}', 'jane', 'jane', 'DE1', 'a'), (2, null, 'joe', 'joe', 'DE2', 'b');
  grant all on ${name} to anon, authenticated, service_role;
  create policy everybody on ${name} using (true) with check (true);`

const roles = `
  create role anon; create role authenticated; create role service_role bypassrls; create role "r""; drop";
  create role owner login createrole;
  create schema app authorization owner; create schema private authorization owner;
  grant usage on schema app, private to public;`

let cluster, client
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', `${roles} grant create on database postgres to owner; create extension pg_aal; create schema hooks;`)
  // As one transaction, as a migration runs it; and twice, since it is safe to run again.
  for (const run of [1, 2]) cluster.psql('postgres', `begin; set local role owner; ${edition} commit; -- ${run}`)
  cluster.psql(
    'postgres',
    `set role owner;
     create function private.is_admin() returns boolean language sql stable as $$ select current_setting('app.admin', true) is distinct from 'no' $$;
     create function private.changes() returns boolean language sql volatile as $$ select true $$;
     create function private.constant() returns boolean language sql immutable as $$ select true $$;
     ${table('app.t')} ${table('app.native')} ${table('app.portable')}
     create table app.parts (id int, region text, iban text) partition by list (region);
     create table app.parts_a partition of app.parts for values in ('a');
     create table app.parts_b partition of app.parts for values in ('b');
     create view app.v as select 1 as x;
     create table app."a""b'; drop" ("q'; drop" uuid, "$1" text, "x""y" text);`,
  )
  client = new pg.Client({ ...cluster.connection, database: 'postgres' })
  await client.connect()
})
after(async () => {
  await client?.end()
  cluster.stop()
})

const rows = async (sql) => (await client.query(sql)).rows

// What a statement answers, undone afterwards.
async function attempt(sql) {
  await client.query('savepoint attempt')
  try {
    const { rowCount, rows } = await client.query(sql)
    return { rowCount, rows: rows?.length }
  } catch (error) {
    const { code, message, detail, hint } = error
    return { code, message, detail, hint }
  } finally {
    await client.query('rollback to savepoint attempt')
  }
}

// Runs as the owner of the tables, and undoes all of it.
async function undone(work) {
  await client.query('begin')
  await client.query('set local role owner')
  try {
    return await work()
  } finally {
    await client.query('rollback')
  }
}

// The native edition's text in the words of the portable one.
const inPortable = (text) =>
  text
    ?.replaceAll(/\bauth\.(has_aal|has_enrolled_aal|session_is_live|subject|subject_uuid)\(([^()]*)\)/g, '(select aal.$1($2))')
    .replaceAll(/\bauth\./g, 'aal.')

const options = [
  '',
  "read => 'aal2'",
  "read => 'none'",
  "read => 'aal2', write => 'none'",
  "on_insert => 'aal1'",
  "on_insert => 'none'",
  "on_insert => 'aal1', on_update => 'aal2', on_delete => 'aal3'",
  "max_age => '15 minutes'",
  "max_age => '1 second'",
  "max_age => '1.5 seconds'",
  "max_age => '0'",
  "max_age => '1 year 2 mons 3 days 04:05:06.7'",
  "write => 'aal2 within 1 hour', on_delete => 'aal2 within 90 seconds'",
  "write => 'enrolled'",
  "read => 'enrolled', write => 'enrolled within 2 days', max_age => '1 minute'",
  "roles => '{authenticated}'",
  `roles => array['authenticated', 'r"; drop']`,
  "roles => '{authenticated,public}'",
  "owner_column => 'user_id'",
  "owner_column => 'name'",
  "owner_column => 'nick'",
  "sensitive_columns => '{iban}'",
  "sensitive_columns => '{note,iban,note}', max_age => '5 minutes', live => true",
  'guard => false',
  "applies_when => 'private.is_admin()'",
  'live => true',
  "live => true, applies_when => 'private.is_admin()', sensitive_columns => '{iban}', owner_column => 'user_id', roles => '{anon,authenticated}'",
]

const ofPartitions = options.filter((option) => !/sensitive|owner/.test(option))

const sortedStatements = (text) =>
  text
    .split(';\n\n')
    .map((statement) => statement.replace(/;$/, ''))
    .sort()

test('both editions make the same statements, but for the schema and sub-selects', async () => {
  await undone(async () => {
    const grid = [
      ...options.map((option) => ['app.t', option]),
      ...ofPartitions.map((option) => ['app.parts', option]),
      [`app."a""b''; drop"`, `owner_column => 'q''; drop', sensitive_columns => array['$1', 'x"y']`],
    ]
    for (const [target, option] of grid) {
      const list = [`'${target}'`, option].filter(Boolean).join(', ')
      const [native] = await rows(`select auth.protect_table_sql(${list}) as text`)
      const [portable] = await rows(`select aal.protect_table_sql(${list}, revoke => false) as text`)
      assert.deepEqual(sortedStatements(portable.text), sortedStatements(inPortable(native.text)), list)
    }
  })
})

// By these Postgres writes names, expressions and values otherwise.
const writtenOtherwise = `
  set local quote_all_identifiers = on; set local datestyle = 'German'; set local intervalstyle = 'iso_8601'; set local timezone = 'Asia/Kathmandu';
  set local extra_float_digits = -15; set local bytea_output = 'escape'; set local standard_conforming_strings = off; set local search_path = pg_temp, app, aal, pg_catalog`

test('no setting of a session hides or changes a protection', async () => {
  const other = `create policy dated on app.t using ('2026-01-02 03:04:05.678+01'::timestamptz < now() and '\\xdead'::bytea <> '' and name <> 'a\\b'
    and '2026-02-03'::date < current_date and '1 mon -2 days'::interval > '0')`
  for (const edition of ['aal', 'auth']) {
    for (const option of options.filter((it) => it === '' || /1 year|enrolled|roles => array|user_id|nick|live/.test(it))) {
      await undone(async () => {
        const call = (what) => `select ${what}('app.t'${option && ', ' + option})`
        await client.query(`${other}; ${call(edition + '.protect_table').replace('select', 'select from')}`)
        const wanted = `(select aal.requested_protection('app.t'::regclass, ${requested(option)}) as p)`
        const answers = async () => [
          await attempt(call('aal.protect_table_sql')),
          await rows(`select aal.found_protection('app.t'::regclass), aal.other_policies('app.t'::regclass),
                             aal.protection_lacks(aal.found_protection('app.t'::regclass), true, p), aal.protection_lowers(p, aal.found_protection('app.t'::regclass))
                        from ${wanted} as w(p)`),
          await rows(
            'select read, on_insert, on_update, on_delete, roles, owner_column, sensitive_columns, applies_when, live, guard, edition from aal.protected_tables',
          ),
        ]
        const before = await answers()
        assert.equal(before[0].code, undefined, option)
        await client.query(writtenOtherwise)
        assert.deepEqual(await answers(), before, `${edition}, ${option}`)
      })
    }
  }
})

// The arguments of protect_table by their places.
const requested = (option) => {
  const given = Object.fromEntries([...option.matchAll(/(\w+) => (array\[.*?\]|'.*?'|\w+)/g)].map(([, name, value]) => [name, value]))
  const of = (name, otherwise) => given[name] ?? otherwise
  return [
    of('read', "'aal1'"),
    of('write', "'aal2'"),
    ...['on_insert', 'on_update', 'on_delete', 'max_age'].map((name) => of(name, 'null')),
    of('roles', "'{public}'"),
    ...['owner_column', 'sensitive_columns'].map((name) => of(name, 'null')),
    of('guard', 'true'),
    of('applies_when', 'null'),
    of('live', 'false'),
    'false',
  ].join(', ')
}

test("a guard's arguments are read as Postgres holds them", async () => {
  await client.query('create table app.guarded (id int)')
  try {
    const lists = [
      [],
      ['insert=aal2'],
      ['insert=aal2', 'live=true'],
      ['a\\000insert=aal2'],
      ['insert=aal2\\000update=aal3'],
      ['a\\', '000'],
      ['\\\\000', 'ä\\303'],
    ]
    for (const arguments_ of lists) {
      const written = arguments_.map((argument) => pg.escapeLiteral(argument)).join(', ')
      await client.query(`create or replace trigger aal_guard before insert on app.guarded execute function aal.aal_guard(${written})`)
      const [{ read }] = await rows("select aal.trigger_arguments(tgargs) as read from pg_trigger where tgrelid = 'app.guarded'::regclass")
      // encode() writes a byte that isn't ASCII, and what stands for a backslash, as an escape. None is in an argument of ours.
      assert.deepEqual(
        read.map((argument) =>
          Buffer.from(
            argument.replaceAll(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
            'latin1',
          ).toString(),
        ),
        arguments_,
      )
    }
  } finally {
    await client.query('drop table app.guarded')
  }
})

test('both editions refuse the same options, in the same words', async () => {
  const refused = [
    "'app.t', read => null",
    "'app.t', write => null",
    'null',
    "'app.t', guard => null",
    "'app.t', live => null",
    "'app.t', lower => null",
    "'app.t', roles => null",
    "'app.t', roles => '{anon,null}'",
    "'app.t', sensitive_columns => '{iban,null}'",
    "'app.t', roles => '{}'",
    "'app.t', roles => '{nobody}'",
    "'app.t', read => 'AAL2'",
    "'app.t', on_delete => 'aal4'",
    "'app.t', write => 'aal2 within a while'",
    "'app.t', write => 'aal2 within -1 minutes'",
    "'app.t', write => 'none within 1 minute'",
    "'app.t', max_age => '-1 second'",
    "'app.t', read => 'none', write => 'none'",
    "'app.t', read => 'aal2', write => 'aal1'",
    "'app.t', read => 'aal2', on_update => 'aal2', on_delete => 'enrolled'",
    "'app.t', owner_column => 'nothing'",
    "'app.t', owner_column => 'id'",
    "'app.t', sensitive_columns => '{nothing}'",
    "'app.t', sensitive_columns => '{doubled}'",
    "'app.t', sensitive_columns => '{iban}', guard => false",
    "'app.t', sensitive_columns => '{iban}', read => 'none'",
    "'app.t', applies_when => 'private.changes()'",
    "'app.t', applies_when => 'private.constant()'",
    "'app.t', applies_when => 'pg_catalog.pg_is_in_recovery()'",
    "'app.t', applies_when => 'pg_catalog.upper(text)'",
    "'app.v'",
    "'pg_catalog.pg_class'",
  ]
  await undone(async () => {
    for (const list of refused) {
      const native = await attempt(`select * from auth.protect_table(${list})`)
      const portable = await attempt(`select * from aal.protect_table(${list})`)
      assert.ok(native.code, list)
      const { code, message, hint } = native
      assert.deepEqual(
        { code: portable.code, message: portable.message, hint: portable.hint },
        { code, message: inPortable(message), hint: inPortable(hint) },
        list,
      )
    }
  })
})

test('both editions refuse to lower a protection, in the same words', async () => {
  const pairs = [
    ["read => 'aal2'", ''],
    ['', "write => 'aal1'"],
    ["max_age => '5 minutes'", "max_age => '1 hour'"],
    ["max_age => '5 minutes'", ''],
    ["roles => '{anon,authenticated}'", "roles => '{authenticated}'"],
    ['', "roles => '{authenticated}'"],
    ["owner_column => 'user_id'", ''],
    ["sensitive_columns => '{iban,note}'", "sensitive_columns => '{iban}'"],
    ["sensitive_columns => '{iban}'", ''],
    ['', "sensitive_columns => '{iban}'"],
    ['live => true', ''],
    ['', 'guard => false'],
    ['', "applies_when => 'private.is_admin()'"],
    ["applies_when => 'private.is_admin()'", ''],
    ["write => 'enrolled'", "write => 'aal1'"],
    ["write => 'enrolled'", "write => 'aal2'"],
  ]
  await undone(async () => {
    for (const [first, second] of pairs) {
      const answers = []
      for (const schema of ['auth', 'aal']) {
        const list = (option) => ["'app.t'", option].filter(Boolean).join(', ')
        await client.query('savepoint first')
        await client.query(`select from ${schema}.protect_table(${list(first)})`)
        const { code, message, detail, hint } = await attempt(`select from ${schema}.protect_table(${list(second)})`)
        answers.push({ code, message, detail, hint })
        await client.query('rollback to savepoint first')
      }
      assert.deepEqual(answers[1], answers[0], `${first} -> ${second}`)
    }
  })
})

const claims = (aal, age) =>
  JSON.stringify({
    sub: SUBJECT,
    role: 'authenticated',
    aal,
    session_id: 's',
    is_anonymous: false,
    amr: [
      ...(aal === 'aal2' ? [{ method: 'totp', timestamp: Math.floor(Date.now() / 1000) - age }] : []),
      { method: 'password', timestamp: Math.floor(Date.now() / 1000) - 7200 },
    ],
  })

const sessions = { nobody: '{"role":"anon"}', none: '', aal1: claims('aal1'), old: claims('aal2', 3600), fresh: claims('aal2', 60) }

const statements = [
  'select id from TABLE',
  "insert into TABLE values (3, null, 'x', 'x', 'x', 'x')",
  "update TABLE set note = 'z'",
  "update TABLE set iban = 'z' where id = 1",
  'update TABLE set iban = iban',
  'update TABLE set iban = iban, note = note where id = 2',
  'delete from TABLE where id = 1',
  'delete from TABLE where false',
  "insert into TABLE values (1, null, 'x', 'x', 'x', 'x') on conflict (id) do update set iban = 'z'",
  "insert into TABLE values (1, null, 'x', 'x', 'x', 'x') on conflict (id) do update set note = 'z'",
  "merge into TABLE t using (values (1)) s(id) on t.id = s.id when matched then update set iban = 'z'",
  'truncate TABLE',
  'select id from TABLE for update',
]

const trials = [
  '',
  "max_age => '15 minutes', owner_column => 'user_id'",
  "sensitive_columns => '{iban}', max_age => '15 minutes'",
  "read => 'aal2', roles => '{authenticated}'",
  "on_insert => 'none', on_delete => 'aal3'",
  "applies_when => 'private.is_admin()'",
  'guard => false',
]

test('statements at each level have the same outcome under both editions', async () => {
  for (const option of trials) {
    await undone(async () => {
      const list = (name) => [`'${name}'`, option].filter(Boolean).join(', ')
      await client.query(`select from auth.protect_table(${list('app.native')})`)
      await client.query(`select from aal.protect_table(${list('app.portable')}, revoke => false)`)
      for (const role of ['anon', 'authenticated', 'service_role', 'owner']) {
        for (const [session, text] of Object.entries(sessions)) {
          for (const admin of option.includes('applies') ? ['yes', 'no'] : ['yes']) {
            await client.query(`set local role ${role}`)
            await client.query("select set_config('request.jwt.claims', $1, true), set_config('app.admin', $2, true)", [text, admin])
            for (const statement of statements) {
              const where = `${option} | ${role} | ${session} | ${admin} | ${statement}`
              const native = await attempt(statement.replaceAll('TABLE', 'app.native'))
              const portable = await attempt(statement.replaceAll('TABLE', 'app.portable'))
              const same = (answer) => JSON.stringify(answer).replaceAll(/\b(native|portable)\b/g, 'it')
              assert.equal(same(portable), same(native), where)
            }
          }
        }
      }
    })
  }
})

test('the guard reads no claims of roles that the policies do not bind', async () => {
  for (const [table, schema] of Object.entries({ native: 'auth', portable: 'aal' })) {
    await undone(async () => {
      await client.query(`select from ${schema}.protect_table('app.${table}', read => 'none', roles => '{authenticated}')`)
      await client.query('set local role anon')
      await client.query("select set_config('request.jwt.claims', 'no claims', true)")
      assert.deepEqual(await attempt(`update app.${table} set note = 'z'`), { rowCount: 2, rows: 0 }, table)
    })
  }
})

test('a refusal is a response of PostgREST where its request asks', async () => {
  await undone(async () => {
    await client.query("select from aal.protect_table('app.portable')")
    await client.query('set local role authenticated')
    await client.query("select set_config('request.jwt.claims', $1, true), set_config('request.method', 'PATCH', true)", [sessions.aal1])
    const { code, message, detail } = await attempt("update app.portable set note = 'z'")
    assert.equal(code, 'PGRST')
    assert.equal(JSON.parse(message).code, 'insufficient_aal')
    assert.equal(JSON.parse(detail).status, 401)
    assert.match(JSON.parse(detail).headers['WWW-Authenticate'], /error="insufficient_user_authentication".*acr_values="aal2"/)
  })
})

test('what row security does not check is revoked, or named', async () => {
  await undone(async () => {
    const privileges = async () =>
      rows(`select pg_get_userbyid(a.grantee) as role, string_agg(a.privilege_type, ' ' order by 1) as held
              from pg_class c, aclexplode(c.relacl) a
             where c.oid = 'app.t'::regclass and a.privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN') group by 1 order by 1`)
    const before = await privileges()
    const [kept] = await rows("select warnings, notes from aal.protect_table('app.t', revoke => false)")
    assert.deepEqual(await privileges(), before)
    assert.equal(kept.warnings, 2)
    assert.match(kept.notes.join('\n'), /revoke .*trigger.* on app\.t from anon\n.*revoke .*truncate.* on app\.t from authenticated/)
    const [revoked] = await rows("select warnings from aal.protect_table('app.t')")
    assert.equal(revoked.warnings, 0)
    assert.deepEqual(
      (await privileges()).map(({ role }) => role),
      ['owner', 'service_role'],
    )
  })
})

// What the tables' protections are, whichever edition made them.
const shown = (target) => `
  select p.read, p.on_insert, p.on_update, p.on_delete, p.roles::text[], p.owner_column::text, p.sensitive_columns::text[],
         p.applies_when, p.live, p.guard, p.row_security, p.edition
    from aal.protected_tables p where p.target = '${target}'::regclass`

const uncomment = `
  do $do$ declare it record; begin
    for it in select format('comment on policy %I on %s is null', polname, polrelid::regclass) as line from pg_policy where polname ~ '^aal_'
              union all
              select format('comment on trigger %I on %s is null', tgname, tgrelid::regclass) from pg_trigger where tgname ~ '^aal_'
    loop execute it.line; end loop;
  end $do$`

test('a table moves from one edition to the other and back in one statement', async () => {
  for (const option of options) {
    for (const loses of [false, true]) {
      await undone(async () => {
        const list = ["'app.t'", option].filter(Boolean).join(', ')
        const where = `${option}${loses ? ', without comments' : ''}`
        await client.query(`select from aal.protect_table(${list})`)
        const [portable] = await rows(shown('app.t'))
        if (loses) await client.query(uncomment)
        await client.query(`select from auth.protect_table(${list})`)
        const native = await rows(`select polname, pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check
                                     from pg_policy where polrelid = 'app.t'::regclass and polname ~ '^aal_'`)
        assert.ok(native.length > 0 && !JSON.stringify(native).includes('aal.'), where)
        if (loses) await client.query(uncomment)
        await client.query(`select from aal.protect_table(${list})`)
        const [back] = await rows(shown('app.t'))
        assert.deepEqual(back, portable, where)
        assert.equal(back.edition, 'portable')
        const triggers = await rows("select tgfoid::regproc::text as f from pg_trigger where tgrelid = 'app.t'::regclass and tgname ~ '^aal_'")
        assert.ok(
          triggers.every(({ f }) => f === 'aal.aal_guard'),
          where,
        )
      })
    }
  }
})

test('lints say of a table that has not moved what they say of one that has', async () => {
  const findings = () => rows("select name, level, detail from auth.aal_lint() where metadata ->> 'name' = 't' order by 1, 3")
  for (const option of options) {
    await undone(async () => {
      const list = ["'app.t'", option, 'lower => true'].filter(Boolean).join(', ')
      const found = []
      for (const [edition, more] of [
        ['auth', ''],
        ['aal', ', revoke => false'],
      ]) {
        await client.query(`set local role owner; select from ${edition}.protect_table(${list}${more}); reset role`)
        found.push(await findings())
      }
      assert.deepEqual(found[1], found[0], option)
      assert.ok(!found[1].some(({ name }) => /^00(20|21|30|39)/.test(name)), option)
    })
  }
})

test('no edition lowers what the other one made, and each takes away what the other one made', async () => {
  for (const [first, second] of [
    ['aal', 'auth'],
    ['auth', 'aal'],
  ]) {
    for (const loses of [false, true]) {
      await undone(async () => {
        await client.query(`select from ${first}.protect_table('app.t', read => 'aal2', sensitive_columns => '{iban}', live => true)`)
        if (loses) await client.query(uncomment)
        const lower = await attempt(`select from ${second}.protect_table('app.t')`)
        assert.equal(lower.code, '55000')
        assert.match(lower.detail, /read: aal2 -> aal1/)
        assert.match(lower.detail, /live: true -> false/)
        await client.query(`select from ${second}.unprotect_table('app.t')`)
        const [{ left }] = await rows(`select (select count(*) from pg_policy where polname ~ '^aal_')
                                            + (select count(*) from pg_trigger where tgname ~ '^aal_') as left`)
        assert.equal(left, '0')
      })
    }
  }
})

test('roles that the guard would fail for are named', async () => {
  await undone(async () => {
    await client.query(`
      reset role;
      create schema closed; grant all on schema closed to owner;
      create function closed.applies() returns boolean language sql stable as 'select true'; alter function closed.applies owner to owner;
      create role reader; grant select on app.t to reader;
      set local role owner`)
    const notes = async (option) =>
      (await rows(`select notes from aal.protect_table('app.t', revoke => false, applies_when => 'closed.applies()'${option})`))[0].notes
    const said =
      'writes to app.t below the level fail for roles that may not use schema closed: anon, authenticated. grant usage on schema closed to anon, authenticated;'
    assert.ok((await notes('')).includes(said))
    assert.ok(!(await notes(', guard => false, lower => true')).some((note) => note.includes('closed')))
    await client.query('revoke execute on function closed.applies() from public')
    assert.ok(
      (await notes('')).some((note) =>
        /^every statement on app\.t fails for roles that may not execute closed\.applies\(\): anon, authenticated, reader\b/.test(note),
      ),
    )
  })
})

test('something of the user that bears one of the names is let be', async () => {
  await undone(async () => {
    await client.query('create policy aal_read on app.t as restrictive for select using (id > 0)')
    for (const call of ["aal.protect_table('app.t')", "aal.unprotect_table('app.t')", "aal.protect_table_sql('app.t')"]) {
      const { code, message } = await attempt(`select from ${call}`)
      assert.equal(code, '42710', call)
      assert.equal(message, 'policy "aal_read" on app.t was not made by aal.protect_table')
    }
    assert.deepEqual(await rows(shown('app.t')), [])
  })
})

test('sensitive columns are refused where rows may move', async () => {
  await undone(async () => {
    for (const target of ['app.parts', 'app.parts_a']) {
      const { code } = await attempt(`select from aal.protect_table('${target}', sensitive_columns => '{iban}')`)
      assert.equal(code, '0A000', target)
    }
    const { code, hint } = await attempt("select from aal.protect_table('app.t', refuse_reads => true)")
    assert.equal(code, '0A000')
    assert.match(hint, /db_pre_request/)
  })
})

test('partitions are protected with the table above them', async () => {
  await undone(async () => {
    const [{ partitions }] = await rows("select partitions from aal.protect_table('app.parts')")
    assert.equal(partitions, 2)
    assert.deepEqual(
      (await rows('select target::text from aal.protected_tables order by 1')).map(({ target }) => target),
      ['app.parts', 'app.parts_a', 'app.parts_b'],
    )
  })
})

test('a table of somebody else is refused, where row security is off', async () => {
  await client.query('begin')
  try {
    await client.query('create role keeper; create table app.objects (id int, user_id uuid); alter table app.objects owner to keeper')
    const { code, message } = await (async () => {
      await client.query('set local role owner')
      return attempt("select from aal.protect_table('app.objects')")
    })()
    assert.deepEqual({ code, message }, { code: '42501', message: 'must be owner of table app.objects' })
  } finally {
    await client.query('rollback')
  }
})

test('new tables of a protected schema are protected, refused or named', async () => {
  await client.query('begin')
  try {
    // Hosted Supabase lets its role postgres make event triggers; plain Postgres lets only superusers.
    await client.query('create schema fresh; create table fresh.old (user_id uuid)')
    const [first] = await rows("select protected, kept, excluded from aal.protect_schema('fresh', owner_column => 'user_id', excluding => '{open}')")
    assert.deepEqual(first, { protected: 1, kept: 0, excluded: 0 })
    await client.query(`
      create table fresh.made (user_id uuid); create table fresh.filled as select 1 as x; create table fresh.open (id int);
      create table fresh.parts (id int) partition by list (id); create table fresh.part partition of fresh.parts default;
      create table moved (id int); alter table moved set schema fresh; alter table fresh.made add column note text`)
    const list = async () =>
      (
        await rows(`select c.relname, p.on_update, p.owner_column::text from pg_class c left join aal.protected_tables p on p.target = c.oid
                    where c.relnamespace = 'fresh'::regnamespace and c.relkind in ('r', 'p') order by 1`)
      ).map((row) => Object.values(row).join(' '))
    assert.deepEqual(await list(), ['filled aal2 ', 'made aal2 user_id', 'moved aal2 ', 'old aal2 user_id', 'open  ', 'part aal2 ', 'parts aal2 '])
    const [kept] = await rows('select schema, new_tables, on_delete, owner_column::text, excluding::text[], enabled from aal.protected_schemas')
    assert.deepEqual(kept, {
      schema: 'fresh',
      new_tables: 'protect',
      on_delete: 'aal2',
      owner_column: 'user_id',
      excluding: ['open'],
      enabled: true,
    })
    // Within it, a table may be protected otherwise, and unprotected.
    await client.query(
      "select from aal.protect_table('fresh.made', read => 'aal2', owner_column => 'user_id'); select from aal.unprotect_table('fresh.filled')",
    )
    assert.deepEqual((await list()).slice(0, 2), ['filled  ', 'made aal2 user_id'])
    const lower = await attempt("select from aal.protect_schema('fresh', write => 'aal1', owner_column => 'user_id', excluding => '{open}')")
    assert.equal(lower.code, '55000')
    await client.query("select from aal.protect_schema('fresh', owner_column => 'user_id', excluding => '{open}', new_tables => 'refuse')")
    const late = await attempt('create table fresh.late (id int); set constraints all immediate')
    assert.equal(late.code, '55000')
    assert.match(late.hint, /select \* from aal\.protect_table\('fresh\.late', read => 'aal1'/)
    // A role without any right in schema aal meets the watch, too.
    await client.query('create role maker; grant create on schema fresh to maker; set local role maker')
    const made = await attempt('create table fresh.late (id int); set constraints all immediate')
    assert.deepEqual([made.code, made.message], [late.code, late.message])
    await client.query('reset role')
    const inTime = await attempt("create table fresh.late (id int); select from aal.protect_table('fresh.late'); set constraints all immediate")
    assert.equal(inTime.code, undefined)
    const [ended] = await rows("select unprotected, kept from aal.unprotect_schema('fresh')")
    assert.deepEqual(ended, { unprotected: 4, kept: 1 })
    assert.deepEqual(await rows('select * from aal.protected_schemas'), [])
  } finally {
    await client.query('rollback')
  }
})

test('protecting twice changes nothing, and a dump carries it all', async () => {
  cluster.psql(
    'postgres',
    `set role owner; select from aal.protect_table('app.t', sensitive_columns => '{iban}', applies_when => 'private.is_admin()', live => true, roles => '{authenticated}');
     select from aal.protect_table('app.t', sensitive_columns => '{iban}', applies_when => 'private.is_admin()', live => true, roles => '{authenticated}');`,
  )
  const dump = (database) =>
    execFileSync(
      cluster.folder + '/bin/pg_dump',
      ['-h', cluster.connection.host, '-U', 'postgres', '-s', '-t', 'app.t', '-n', 'aal', '-n', 'app', database],
      { encoding: 'utf8' },
    )
      .split('\n')
      .filter((line) => !/^\\(un)?restrict/.test(line))
      .join('\n')
  cluster.psql('postgres', 'create database copied')
  const whole = execFileSync(
    cluster.folder + '/bin/pg_dump',
    ['-h', cluster.connection.host, '-U', 'postgres', '-s', '-n', 'aal', '-n', 'app', '-n', 'private', 'postgres'],
    { encoding: 'utf8' },
  )
  cluster.psql('copied', whole)
  assert.equal(dump('copied'), dump('postgres'))
  const [here] = await rows(shown('app.t'))
  const [there] = await cluster.query('copied', shown('app.t'))
  assert.deepEqual(there, here)
  assert.equal(there.sensitive_columns[0], 'iban')
})
