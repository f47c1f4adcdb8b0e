// Attempts of users to bypass the portable edition, each with its outcome. The users run SQL as an API role, but don't set claims:
// a session that sets request.jwt.claims can claim anything, and docs/hosted.md says that first.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { claims, jane } from '../tokens.mjs'
import { demo, Platform, portableText } from './platform.mjs'

let platform
before(() => {
  platform = new Platform()
  platform.protectedDatabase('project')
  platform.psql('project', demo)
  platform.psql(
    'project',
    `create table secrets (id int primary key, secret text);
     insert into secrets select n, 's' || n from generate_series(1, 100) as n;
     grant select, insert, update, delete on secrets to anon, authenticated;
     create policy everybody on secrets using (true) with check (true);
     select aal.protect_table('secrets', read => 'aal2');
     -- Functions as they are written without care, to see that the attempts below would find one.
     create function names_a_type() returns boolean language plpgsql security definer set search_path = '' as $$
       declare held text := 'x'; begin return held = 'x'; end $$;
     create function names_a_catalog() returns boolean language plpgsql security definer set search_path = '' as $$
       begin return exists (select from pg_class); end $$;`,
  )
})
after(() => platform.stop())

// A new session, its role and claims set as a gateway sets them. Answers each statement with its error or its rows.
async function session(role, held, statements, database = 'project') {
  const client = new pg.Client({ ...platform.connection, database })
  const notices = []
  client.on('notice', (notice) => notices.push(notice.message))
  await client.connect()
  await client.query("select set_config('request.jwt.claims', $1, false)", [typeof held === 'string' ? held : JSON.stringify(held)])
  await client.query(`set role ${role}`)
  const answers = []
  for (const statement of statements) {
    answers.push(
      await client.query(statement).then(
        (answer) =>
          [answer]
            .flat()
            .at(-1)
            .rows.map((row) => Object.values(row).join(',')),
        ({ code, message }) => `${code} ${message}`,
      ),
    )
  }
  await client.end()
  return { answers, notices, last: answers.at(-1) }
}

const aal1 = claims()
const aal2 = claims({ factorAge: 60 })
const seen = 'select count(*) from secrets'
const refused = '42501 insufficient_aal: update on table "secrets" requires aal2, and the session is at aal1'
const changed = "update secrets set secret = 'x' where id = 1 returning id"

describe('a user at aal1', () => {
  const attempts = {
    'sees nothing and changes nothing, to begin with': { run: [seen, changed], ends: [['0'], refused] },
    'with a function of the same name in pg_temp': {
      run: [
        `create function pg_temp.has_aal(level text, max_age interval default null) returns boolean language sql as 'select true'`,
        seen,
        changed,
      ],
      ends: [['0'], refused],
    },
    'with a search_path of their own, pg_temp first': {
      run: [`set search_path = pg_temp, public, pg_catalog`, seen, changed],
      ends: [['0'], refused],
    },
    'with operators of their own first in search_path': {
      run: [
        `create function pg_temp.yes(text, text) returns boolean language sql as 'select true'`,
        `create operator pg_temp.= (function = pg_temp.yes, leftarg = text, rightarg = text)`,
        `set search_path = pg_temp, public, pg_catalog`,
        seen,
        changed,
      ],
      ends: [['0'], refused],
    },
    'with a cheap function that tells what it is given': {
      run: [
        `create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001 as $$ begin raise notice '%', $1; return true; end $$`,
        `select count(*) from secrets where pg_temp.tell(secret)`,
      ],
      ends: [['0']],
    },
    'with row_security off': {
      run: [`set row_security = off`, seen, changed],
      ends: Array(2).fill('42501 query would be affected by row-level security policy for table "secrets"'),
    },
    'by COPY': { run: [`copy (select count(*) from secrets) to '/dev/null'`], code: '42501' },
    'by a lock': { run: [`select count(*) from (select from secrets for update) s`], ends: [['0']] },
    'by TRUNCATE, whose privilege was taken away': { run: [`truncate secrets`], code: '42501' },
    'by a trigger of their own': {
      run: [
        `create function pg_temp.nothing() returns trigger language plpgsql as 'begin return new; end'`,
        `create trigger mine before update on secrets for each row execute function pg_temp.nothing()`,
      ],
      code: '42501',
    },
    'by a foreign key, which tells what exists': { run: [`create temp table mine (id int references secrets)`], code: '42' },
    'by ALTER TABLE': { run: [`alter table secrets disable row level security`], ends: ['42501 must be owner of table secrets'] },
    'by a policy': { run: [`create policy mine on secrets using (true)`], ends: ['42501 must be owner of table secrets'] },
    'by dropping the guard': { run: [`drop trigger aal_guard on secrets`], code: '42501' },
    'by session_replication_role': { run: [`set session_replication_role = replica`], code: '42501' },
    'by unprotecting': { run: [`select aal.unprotect_table('secrets')`], code: '42501' },
    'by protecting at a lower level': { run: [`select aal.protect_table('secrets', read => 'aal1', write => 'aal1', lower => true)`], code: '42501' },
    'by protecting the schema': { run: [`select aal.protect_schema('public')`], code: '42501' },
    'by an event trigger': {
      run: [
        `create function pg_temp.e() returns event_trigger language plpgsql as 'begin end'`,
        `create event trigger mine on ddl_command_end execute function pg_temp.e()`,
      ],
      code: '42501',
    },
    'by replacing aal.has_aal': {
      run: [`create or replace function aal.has_aal(level text, max_age interval default null) returns boolean language sql as 'select true'`],
      ends: ['42501 permission denied for schema aal'],
    },
    'by a more exact overload in schema aal': {
      run: [`create function aal.has_aal(level text) returns boolean language sql as 'select true'`],
      ends: ['42501 permission denied for schema aal'],
    },
    'by aal.anonymous_level, which a project may make': {
      run: [`create function aal.anonymous_level() returns text language sql as $$ select 'aal1' $$`],
      ends: ['42501 permission denied for schema aal'],
    },
    'by ALTER FUNCTION': { run: [`alter function aal.has_aal(text, interval) set search_path = pg_temp`], code: '42501' },
    'by dropping the schema': { run: [`drop schema aal cascade`], ends: ['42501 must be owner of schema aal'] },
    'by a schema aal of their own': { run: [`create schema aal`], code: '42' },
    'by firing the guard on a table of their own': {
      run: [
        `create temp table mine (id int)`,
        `create trigger guard before update on mine for each statement execute function aal.aal_guard('update=none')`,
        `update mine set id = 1`,
        changed,
      ],
      ends: [refused],
    },
    'by another request.method, which only changes the form': { run: [`set request.method = 'PATCH'`, changed], code: 'PGRST' },
    'by a plan that an aal2 session left': {
      held: aal2,
      run: [
        `prepare reading as ${seen}`,
        `set plan_cache_mode = force_generic_plan`,
        `execute reading`,
        `reset role; select set_config('request.jwt.claims', '${JSON.stringify(aal1)}', false); set role authenticated; execute reading`,
      ],
      ends: [['100'], '', ['0']].slice(-1),
    },
  }

  for (const [name, { held = aal1, run, ends, code }] of Object.entries(attempts)) {
    test(name, async () => {
      const { answers, notices } = await session('authenticated', held, run)
      if (code) assert.ok(String(answers.at(-1)).startsWith(code), `${answers.at(-1)}`)
      else assert.deepEqual(answers.slice(-ends.length), ends)
      assert.ok(!notices.some((notice) => /^s\d+$/.test(notice)), 'no secret was told')
      assert.ok(!notices.some((notice) => /row security goes off/.test(notice)), 'nothing is announced that was not done')
      const { last } = await session('authenticated', aal2, ["select count(*), count(*) filter (where secret = 's' || id) as unchanged from secrets"])
      assert.deepEqual(last, ['100,100'], 'nothing was changed')
    })
  }
})

describe('claims that are no claims of a level', () => {
  const texts = {
    'no text': '',
    'not JSON': '{"aal":"aal2"',
    'a number': '2',
    'an array': '[{"aal":"aal2"}]',
    'a string': '"aal2"',
    'aal2 as an object': '{"sub":"a","aal":{"aal2":true}}',
    'aal2 in an array': '{"sub":"a","aal":["aal2"]}',
    'in other letters': '{"sub":"a","aal":"AAL2"}',
    'with a space': '{"sub":"a","aal":"aal2 "}',
    'with U+0000': '{"sub":"a","aal":"aal2\\u0000"}',
    'U+0000 elsewhere, and no level': '{"sub":"\\u0000","aal":"aal1"}',
    'stated twice, aal2 last': '{"sub":"a","aal":"aal1","aal":"aal2"}',
    'stated twice, aal2 first': '{"sub":"a","aal":"aal2","aal":"aal1"}',
    'stated twice, one of them escaped': '{"sub":"a","aal":"aal1","\\u0061al":"aal2"}',
    'within user_metadata': '{"sub":"a","user_metadata":{"aal":"aal2"}}',
    'of an anonymous user': '{"sub":"a","aal":"aal2","is_anonymous":true}',
    '1 MB at aal1': JSON.stringify({ sub: 'a', aal: 'aal1', filler: 'x'.repeat(1_000_000) }),
    '100,000 deep': `{"sub":"a","aal":"aal1","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  }
  for (const [name, text] of Object.entries(texts)) {
    test(`${name}: nothing is seen or changed`, async () => {
      const { answers } = await session('authenticated', text, [seen, changed])
      assert.ok(typeof answers[0] === 'string' || answers[0][0] === '0', `${answers[0]}`)
      assert.equal(typeof answers[1], 'string', `${answers[1]}`)
      assert.match(String(answers[1]), /^(42501|22P02|22P05|54001) /)
    })
  }
})

// Every function of schema aal that the API's roles may execute, called with arguments that do something.
const calls = () =>
  platform
    .psql(
      'project',
      `select format('select aal.%I(%s)', proname, (
          select string_agg(case format_type(t, null)
            when 'text' then quote_literal(case nr when 1 then 'aal1' else '${jane}' end) || '::pg_catalog.text'
            when 'interval' then '''1 hour''::pg_catalog.interval'
            when 'jsonb' then '''{"sub":"${jane}","aal":"aal2","read":"aal1","roles":["public"],"sensitive_columns":[],"amr":[{"method":"totp","timestamp":1}]}''::pg_catalog.jsonb'
            when 'oid' then '''public.secrets''::pg_catalog.regclass'
            when 'regclass' then '''public.secrets''::pg_catalog.regclass'
            when 'boolean' then 'true'
            else 'null::' || case when t::regtype::text like '%[]' then 'pg_catalog.' || t::regtype::text else format('%I.%I', n.nspname, y.typname) end end, ', ' order by nr)
          from unnest(proargtypes) with ordinality a(t, nr) join pg_type y on y.oid = t join pg_namespace n on n.oid = y.typnamespace))
         from pg_proc
        where pronamespace = 'aal'::regnamespace and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        order by proname`,
    )
    .trim()
    .split('\n')

describe('temporary objects', () => {
  test("stand for nothing that the functions name: each of Postgres' types", async () => {
    const setup = everyTypeShadowed()
    const { answers: plain } = await session('authenticated', aal2, calls())
    const { answers, last } = await session('authenticated', aal2, [...setup, ...calls(), 'select public.names_a_type()'])
    assert.equal(last, 'P0001 hijacked as postgres')
    assert.ok(setup.length > 50)
    assert.deepEqual(answers.slice(setup.length, -1), plain)
    assert.ok(plain.some((answer) => Array.isArray(answer)))
  })

  test("turn no function off that answers instead of Supabase Auth's tables", async () => {
    platform.protectedDatabase('own_stores')
    platform.psql(
      'own_stores',
      `create function aal.has_second_factor(subject text) returns boolean language sql stable parallel safe as 'select true';
       create function aal.is_live_session(subject text, session text) returns boolean language sql stable parallel safe as 'select true'`,
    )
    // Supabase Auth's tables know neither.
    const stranger = '99999999-9999-4999-8999-999999999999'
    const held = { ...claims(), sub: stranger, session_id: stranger }
    const questions = ['select aal.enrolled_aal()', 'select aal.session_is_live()']
    const ask = (setup) => session('authenticated', held, [...setup, ...questions], 'own_stores')
    assert.deepEqual((await ask([])).answers, [['aal2'], ['true']])
    assert.deepEqual((await ask(everyTypeShadowed())).answers.slice(-2), [['aal2'], ['true']])
  })

  function everyTypeShadowed() {
    const types = platform
      .psql(
        'project',
        "select typname from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'e', 'r') and typname !~ '^_' and typname not like 'pg\\_%' and typrelid = 0",
      )
      .trim()
      .split('\n')
    return [
      `create function pg_temp.hijacked() returns boolean language plpgsql as $$ begin raise 'hijacked as %', current_user; end $$`,
      ...types.map((type) => `create domain pg_temp.${JSON.stringify(type)} as pg_catalog.${JSON.stringify(type)} check (pg_temp.hijacked())`),
    ]
  }

  test("stand for nothing that the functions name: each of Postgres' catalogs and views", async () => {
    const relations = platform
      .psql(
        'project',
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v') and has_table_privilege('authenticated', oid, 'select')",
      )
      .trim()
      .split('\n')
    const setup = [
      `create function pg_temp.hijacked() returns boolean language plpgsql as $$ begin raise 'hijacked as %', current_user; end $$`,
      ...relations.map((name) => `create view pg_temp.${name} as select * from pg_catalog.${name} where pg_temp.hijacked()`),
    ]
    const { answers, last } = await session('authenticated', aal2, [...setup, ...calls(), 'select public.names_a_catalog()'])
    assert.equal(last, 'P0001 hijacked as postgres')
    answers.pop()
    assert.ok(setup.length > 50)
    assert.deepEqual(
      answers.slice(1, setup.length).filter((answer) => typeof answer === 'string' && !/pseudo-type|anyarray/.test(answer)),
      [],
    )
    assert.deepEqual(
      answers.slice(setup.length).filter((answer) => /hijacked/.test(answer)),
      [],
    )
  })
})

describe('who may what in schema aal', () => {
  const functions = (condition) =>
    platform.psql('project', `select proname from pg_proc where pronamespace = 'aal'::regnamespace and ${condition} order by 1`).trim().split('\n')

  test('every function has a search_path of its own, without a schema that others may create in', () => {
    assert.deepEqual(functions(`not exists (select from unnest(proconfig) c where c in ('search_path=""', 'search_path=pg_catalog, pg_temp'))`), [''])
  })

  test('all belongs to the role that installed it, and nobody else may create there', () => {
    assert.deepEqual(functions(`proowner <> 'postgres'::regrole`), [''])
    const creators = "select rolname from pg_roles where has_schema_privilege(oid, 'aal', 'create') and not rolsuper and rolname <> 'postgres'"
    assert.equal(platform.psql('project', creators).trim(), '')
  })

  test("a function with its owner's rights takes nothing that a user may choose", async () => {
    const definers = platform
      .psql(
        'project',
        `select format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) from pg_proc
          where pronamespace = 'aal'::regnamespace and prosecdef and pronargs > 0
            and (has_function_privilege('anon', oid, 'execute') or has_function_privilege('authenticated', oid, 'execute')) order by 1`,
      )
      .trim()
      .split('\n')
    assert.deepEqual(definers, [''])
    // It works within an event trigger only, and users can't make one.
    const { last } = await session('authenticated', aal2, ['select aal.look_at_commit()'])
    assert.equal(last, '39P03 pg_event_trigger_ddl_commands() can only be called in an event trigger function')
  })
})

describe('before the file is installed', () => {
  test('a schema aal of another role stops it', () => {
    platform.database('squatted')
    platform.psqlAs('supabase_admin', 'squatted', 'create role squatter; grant create on database squatted to squatter')
    platform.psqlAs('supabase_admin', 'squatted', 'set role squatter; create schema aal; grant all on schema aal to postgres')
    assert.throws(
      () => platform.psql('squatted', portableText()),
      (error) => /schema "?aal"?/.test(error.stderr),
    )
    assert.equal(platform.psql('squatted', "select count(*) from pg_proc where pronamespace = 'aal'::regnamespace"), '0\n')
  })
})
