// docs/reference/functions.md, docs/reference/settings.md and docs/errors.md say what the installed extension and its sources say.
//
//   WRITE=1 node --test reference.test.mjs
//
// writes the parts of functions.md that come from the catalog anew.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const repo = new URL('../../', import.meta.url)
const read = (path) => readFileSync(new URL(path, repo), 'utf8')

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', `create extension pg_aal; create role ordinary; alter database postgres set session_preload_libraries = 'pg_aal'`)
})
after(() => cluster.stop())

// A section for each function and view of the extension.
async function sections() {
  const functions = await cluster.query(
    'postgres',
    `
    select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
           case p.provolatile when 'i' then 'IMMUTABLE' when 's' then 'STABLE' else 'VOLATILE' end as volatility,
           case p.proparallel when 's' then 'SAFE' when 'r' then 'RESTRICTED' else 'UNSAFE' end as parallel,
           p.prosecdef as definer, p.proisstrict as strict, obj_description(p.oid, 'pg_proc') as comment
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
      join pg_proc p on d.classid = 'pg_proc'::regclass and d.objid = p.oid
     where e.extname = 'pg_aal'
     order by p.proname, p.oid`,
  )
  const relations = await cluster.query(
    'postgres',
    `
    select c.relname as name, obj_description(c.oid, 'pg_class') as comment,
           array(select format('| \`%s\` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum))
                   from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum) as columns
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
      join pg_class c on d.classid = 'pg_class'::regclass and d.objid = c.oid
     where e.extname = 'pg_aal'`,
  )
  return new Map([...functions.map((it) => [it.name, functionSection(it)]), ...relations.map((it) => [it.name, relationSection(it)])])
}

function functionSection({ name, arguments: list, result, volatility, parallel, definer, strict, comment }) {
  assert.ok(comment, `auth.${name} has a comment`)
  const words = list.split(', ').map((argument) => argument.replace(/ DEFAULT (NULL|'[^']*'|\w+)(::[\w[\]]+)?$/, ' default $1'))
  const oneLine = `auth.${name}(${words.join(', ')}) returns ${result}`
  const signature = oneLine.length <= 110 ? oneLine : `auth.${name}(\n  ${words.join(',\n  ')}\n) returns ${result}`
  const properties = [volatility, `PARALLEL ${parallel}`, ...(strict && list ? ['STRICT'] : []), ...(definer ? ['SECURITY DEFINER'] : [])]
  return `### auth.${name}\n\n\`\`\`text\n${signature}\n\`\`\`\n\n${properties.join(', ')}.\n\n${onePerLine(comment)}\n`
}

function relationSection({ name, comment, columns }) {
  assert.ok(comment, `auth.${name} has a comment`)
  return `### auth.${name}\n\n${onePerLine(comment)}\n\n| column | type | meaning |\n| --- | --- | --- |\n${columns.join('\n')}\n`
}

// One sentence per line.
function onePerLine(comment) {
  return comment.replace(/(?<=[.!?]) (?=[A-Z])/g, '\n')
}

// The sections of functions.md, by the name of their function. The text between headings of a higher level isn't part of one.
function sectionsOf(page) {
  return new Map([...page.matchAll(/^### auth\.(\w+)\n.*?(?=^#|(?![^]))/gms)].map(([text, name]) => [name, text.trimEnd() + '\n']))
}

test('functions.md has a section for each function and view, with its signature, its properties and its comment', async () => {
  const expected = await sections()
  const path = 'docs/reference/functions.md'
  if (process.env.WRITE) {
    let page = read(path)
    for (const [name, text] of sectionsOf(page)) page = page.replace(text, () => expected.get(name) ?? '')
    writeFileSync(new URL(path, repo), page)
  }
  const found = sectionsOf(read(path))
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort())
  for (const [name, text] of expected) assert.equal(found.get(name), text)
})

// Every file of Rust or SQL that makes the extension.
const sources = ['src', 'sql'].flatMap((folder) =>
  readdirSync(new URL(folder + '/', repo), { recursive: true })
    .filter((name) => /\.(rs|sql)$/.test(name))
    .map((name) => `${folder}/${name}`),
)

// The rows of all tables of a page, as lists of cells.
function rowsOf(page) {
  const lines = page.split('\n').filter((line) => line.startsWith('| '))
  return lines.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  )
}

test('settings.md has each setting, with its type, its default, and who may set it', async () => {
  const names = new Set(sources.flatMap((path) => [...read(path).matchAll(/c"(pg_aal\.\w+)"/g)].map(([, name]) => name)))
  const known = await cluster.query('postgres', `select name from unnest($1::text[]) name where pg_settings_get_flags(name) is not null`, [
    [...names],
  ])
  const settings = known.map(({ name }) => name)
  const listed = await cluster.query(
    'postgres',
    `select name, vartype, boot_val, unit, min_val, max_val, enumvals from pg_settings where name like 'pg\\_aal.%'`,
  )
  for (const { name } of listed) assert.ok(settings.includes(name), `the sources name ${name}`)

  const page = read('docs/reference/settings.md')
  const rows = new Map(
    rowsOf(page)
      .filter(([name]) => name.startsWith('`pg_aal.'))
      .map((row) => [row[0].slice(1, -1), row]),
  )
  assert.deepEqual([...rows.keys()].sort(), settings.sort())
  for (const name of settings) {
    const [, type, standard, setBy] = rows.get(name)
    const inCatalog = listed.find((it) => it.name === name)
    if (inCatalog) {
      const { vartype, boot_val: value, unit, min_val: from, max_val: to, enumvals } = inCatalog
      assert.equal(
        type,
        {
          string: 'text',
          bool: 'boolean',
          integer: `integer, ${from} to ${to} ${unit}`,
          enum: (enumvals ?? []).map((it) => `\`${it}\``).join(' or '),
        }[vartype],
        name,
      )
      assert.equal(standard, value === '' ? 'empty' : `\`${value}\`${unit ? ' ' + unit : ''}`, name)
    } else {
      // Not in pg_settings. `show pg_aal.jwks` names the keys.
      const [{ shown }] = await cluster.query('postgres', 'select current_setting($1) as shown', [name])
      assert.match(shown, /^(no keys)?$/, name)
      assert.equal(type, 'text', name)
      assert.equal(standard, 'empty', name)
    }
    assert.equal(setBy, mayBeSetBy(name), name)
    assert.match(page, new RegExp(`^## ${name.replace('.', '\\.')}$`, 'm'), `a section on ${name}`)
  }
})

// Who may set a setting, by trying it.
function mayBeSetBy(name) {
  // A role that may set it may still get another error: the value is a bad one.
  const code = `
    set role ordinary; set client_min_messages = error;
    create temporary table outcome (set_by text) on commit preserve rows;
    do $$ begin
      begin
        execute 'set local ${name} = ''1''';
        insert into outcome values ('every role');
      exception
        when insufficient_privilege then insert into outcome values ('superusers');
        when cant_change_runtime_param then insert into outcome values ('the server''s start');
        when others then insert into outcome values ('every role');
      end;
    end $$;
    select set_by from outcome;`
  return cluster.psql('postgres', code).trim()
}

// Conditions by the name that PL/pgSQL has for them.
const conditions = {
  assert_failure: 'P0004',
  duplicate_function: '42723',
  feature_not_supported: '0A000',
  insufficient_privilege: '42501',
  invalid_parameter_value: '22023',
  invalid_text_representation: '22P02',
  notice: '00000',
  null_value_not_allowed: '22004',
  object_not_in_prerequisite_state: '55000',
  undefined_object: '42704',
  warning: '01000',
}
// Of log lines, warnings and notices.
const noErrors = ['00000', '01000']

test('errors.md lists each SQLSTATE that is raised, and no other', () => {
  const raised = new Set()
  for (const path of sources) {
    const text = read(path).replace(/^\s*(\/\/|--).*$/gm, '')
    if (path.endsWith('.rs')) {
      for (const [, state] of text.matchAll(/"((?:[0-9][0-9A-Z]|P0|XX|PG)[0-9A-Z]{3})"/g)) raised.add(state)
    } else {
      for (const [, condition] of text.matchAll(/\braise (?:exception )?(\w+) using/g)) {
        assert.ok(conditions[condition], `the SQLSTATE of ${condition} is known here`)
        raised.add(conditions[condition])
      }
      for (const [, state] of text.matchAll(/\braise sqlstate '(\w{5})' using/g)) raised.add(state)
    }
  }
  for (const state of noErrors) raised.delete(state)
  const first = rowsOf(read('docs/errors.md')).map(([cell]) => cell)
  const listed = new Set(first.flatMap((cell) => cell.match(/\b(?:[0-9][0-9A-Z]|P0|XX|PG)[0-9A-Z]{3}\b/g) ?? []))
  assert.deepEqual([...listed].sort(), [...raised].sort())
})
