// Holds auth.aal_matrix against what really happens: makes a random schema, asks for its matrix, and runs each command on each
// table as each role in sessions of each level, lowest first. All in a transaction that is rolled back.

import { readFileSync } from 'node:fs'
import pg from 'pg'
import { combinations, stepThrough, users } from './random_schema.mjs'
import { Cluster } from './stack.mjs'
import { claims } from './tokens.mjs'

export const levels = ['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied']
export const commands = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']

const rank = (level) => levels.indexOf(level)
const [minute, day] = [60, 86400]

// A cluster and a connection to it, for trials one after the other.
export class Laboratory {
  static async start() {
    const laboratory = new Laboratory()
    laboratory.cluster = new Cluster()
    try {
      for (const file of ['supabase_stand_in.sql', 'matrix_trial.sql']) laboratory.cluster.psql('postgres', readFileSync(new URL(file, import.meta.url), 'utf8'))
      await laboratory.connect()
    } catch (error) {
      laboratory.cluster.stop()
      throw error
    }
    return laboratory
  }

  // A connection in which nobody has set claims yet: afterwards they are '', never again null.
  async connect() {
    await this.client?.end()
    this.client = new pg.Client({ ...this.cluster.connection, database: 'postgres' })
    await this.client.connect()
    await this.client.query('set client_min_messages = error')
  }

  async stop() {
    await this.client?.end()
    this.cluster.stop()
  }

  // What the matrix says and what happens, for each table, role and command.
  async compare(schema, readMatrix) {
    const tellsNullFromEmpty = schema.sql.includes("current_setting('request.jwt.claims', true)")
    if (tellsNullFromEmpty) await this.connect()
    await this.client.query('begin')
    try {
      await this.create(schema)
      const tables = await this.tables(schema)
      const stated = await readMatrix(this.client, tables)
      const sessions = sessionsFor(schema.sql, stated)
      const tried = await this.tryAll(schema, tables, sessions, tellsNullFromEmpty)
      return withFamilies(tried).map((row) => judged(row, stated.get(key(row))))
    } finally {
      await this.client.query('rollback')
    }
  }

  async create(schema) {
    await this.client.query(schema.sql).catch((error) => {
      throw new Error(`${schema.sql}\n-- ${error.message}`)
    })
  }

  // The tables' OIDs, and what their roles may do with them by Postgres' own account.
  async tables(schema) {
    const { rows } = await this.client.query(privilegesQuery, [schema.tables.map(({ name }) => name), schema.roles])
    return schema.tables.map((table) => {
      const its = rows.filter((row) => row.name === table.name)
      return { ...table, table, oid: its[0].oid, regclass: its[0].regclass, roles: new Map(its.map((row) => [row.role, row])) }
    })
  }

  async tryAll(schema, tables, sessions, tellsNullFromEmpty) {
    const attempts = commands.flatMap((command) => tables.flatMap((table) => schema.roles.map((role) => attempt(schema, table, role, command))))
    const unset = tellsNullFromEmpty ? await this.run(schema, attempts, [{ level: 'none', age: Infinity, claims: null }]) : []
    const answers = await this.run(schema, attempts, sessions)
    return attempts.map((attempt, nr) => ({ ...attempt, observed: unset[nr] ?? answers[nr] }))
  }

  async run(schema, attempts, sessions) {
    const { rows } = await this.client.query('select * from trial.lowest_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      worlds(schema), sessions.map(({ claims }) => claims), ...['role', 'command', 'privileged', 'varies'].map((name) => attempts.map((attempt) => attempt[name])),
      ...statementLists(attempts),
    ])
    return rows.map(({ session, statement }) => session && { session: sessions[session - 1], statement })
  }
}

// attempts' statements one after the other, and where each attempt's begin and end.
function statementLists(attempts) {
  const [firsts, lasts, all] = [[], [], []]
  for (const { statements } of attempts) {
    firsts.push(all.length + 1)
    all.push(...statements)
    lasts.push(all.length)
  }
  return [firsts, lasts, all]
}

const key = ({ oid, role, command }) => `${oid} ${role} ${command}`

const privilegesQuery = `
  select t.name, t.oid::oid, t.oid::text as regclass, r.role, s.usage and has_any_column_privilege(r.role, t.oid, 'SELECT') as "SELECT",
         s.usage and insertable <> '{}' as "INSERT", s.usage and updatable <> '{}' as "UPDATE", insertable, updatable,
         s.usage and has_table_privilege(r.role, t.oid, 'DELETE') as "DELETE", s.usage and has_table_privilege(r.role, t.oid, 'TRUNCATE') as "TRUNCATE",
         c.relrowsecurity and not rolbypassrls and (c.relforcerowsecurity or not pg_has_role(r.role, c.relowner, 'USAGE')) as row_security,
         exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal) as guarded
    from unnest($1::regclass[], $1::text[]) t(oid, name)
    join pg_class c on c.oid = t.oid
    cross join unnest($2::text[]) r(role)
    join pg_roles on rolname = r.role
    cross join lateral (select has_schema_privilege(r.role, c.relnamespace, 'USAGE')) s(usage)
    cross join lateral (
      select coalesce(array_agg(quote_ident(attname) order by attnum) filter (where has_column_privilege(r.role, c.oid, attnum, 'INSERT')), '{}'),
             coalesce(array_agg(quote_ident(attname) order by attnum) filter (where has_column_privilege(r.role, c.oid, attnum, 'UPDATE')), '{}')
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
    ) a(insertable, updatable)`

// What auth.aal_matrix says.
export async function readMatrix(client, tables) {
  const { rows } = await client.query(
    `select m.target::oid as oid, m.role, m.command, m.required_aal, extract(epoch from m.max_age)::float8 as max_age, m.decided_by, m.note
       from unnest($1::oid[]) t(oid) cross join lateral auth.aal_matrix(t.oid::regclass) m`, [tables.map(({ oid }) => oid)])
  return new Map(rows.map((row) => [key(row), row]))
}

// A session: its level, its claims, and the age of the factor that gives the level.
function session(level, sub, passwordAge, factorAge) {
  const aal = level === 'enrolled' ? 'aal1' : level
  const at = (age) => Math.floor(Date.now() / 1000) - age
  const amr = [{ method: 'password', timestamp: at(passwordAge) }]
  if (factorAge) amr.push({ method: 'totp', timestamp: at(factorAge) })
  amr.sort((a, b) => b.timestamp - a.timestamp)
  return { level, age: factorAge ?? passwordAge, claims: JSON.stringify({ ...claims({ sub }), role: '{{role}}', aal, amr }) }
}

// Lowest first, and of a level the stalest first.
function sessionsFor(sql, stated) {
  const { enrolled, factorless } = users
  const ages = agesFor(sql, stated)
  const pairs = ages.length === 1 ? [[minute, minute]] : [[day, day], ...ages.slice(0, -1).map((age) => [minute, age]), [day, minute], [minute, minute]]
  const none = (claims) => ({ level: 'none', age: Infinity, claims: claims && JSON.stringify(claims) })
  return [
    none(''), none({ role: '{{role}}' }), none({ sub: enrolled, role: '{{role}}' }),
    ...ages.map((age) => session('aal1', enrolled, age)),
    ...ages.map((age) => session('enrolled', factorless, age)),
    ...pairs.map(([password, factor]) => session('aal2', enrolled, password, factor)),
    // A token outlives the factor.
    ...(sql.includes('enrolled') ? [session('aal2', factorless, minute, minute)] : []),
    ...pairs.filter(([password, factor]) => password === factor).map(([password, factor]) => session('aal3', enrolled, password, factor)),
  ]
}

// The ages that can make a difference: one beyond each max_age that occurs, and one within all.
function agesFor(sql, stated) {
  const named = { '5 minutes': 300, '300 seconds': 300, '15 minutes': 900, '900 seconds': 900, '1 hour': 3600, '3600 seconds': 3600 }
  const occurring = Object.entries(named).filter(([text]) => sql.includes(text)).map(([, seconds]) => seconds)
  for (const { max_age } of stated.values()) if (max_age !== null) occurring.push(max_age)
  const ages = [day, 30 * minute, 10 * minute, minute]
  return ages.filter((age, nr) => age === minute || occurring.some((maxAge) => maxAge < age && maxAge >= ages[nr + 1]))
}

// How a role would go about a command with the least rights.
function attempt(schema, table, role, command) {
  const rights = table.roles.get(role)
  const columns = table.columns.filter(({ mentioned, settable }) => mentioned && settable)
  const statements = {
    SELECT: () => [`select 1 from ${table.name} limit 1`],
    INSERT: () => inserts(table.name, columns, rights.insertable),
    UPDATE: () => updates(table, columns, rights.updatable, schema.sql.includes('sensitive_columns')),
    DELETE: () => [`delete from ${table.name}`],
    TRUNCATE: () => [`truncate ${table.name}`],
  }[command]()
  const fixed = columns.some(({ name, kind }) => kind !== 'id' && !rights.updatable.includes(name)) || table.columns.some(({ mentioned, settable }) => mentioned && !settable)
  const { oid, regclass } = table
  return {
    role, command, oid, regclass, table: table.table, name: table.name, privileged: rights[command], rights, statements,
    // Other states of the tables can matter to a sub-select, and to an update of columns that it leaves as they are.
    varies: schema.sql.includes(' from s.') || (command === 'UPDATE' && fixed),
  }
}

const values = ({ kind, values }) => (kind === 'id' ? ['1'] : values)

function inserts(name, columns, insertable) {
  const set = columns.filter((column) => insertable.includes(column.name))
  if (set.length === 0) return [`insert into ${name} (${insertable[0] ?? 'id'}) values (null)`]
  return combinations(set.map(values), 8).map((row) => `insert into ${name} (${set.map(({ name }) => name).join(', ')}) values (${row.join(', ')})`)
}

function updates(table, columns, updatable, singly) {
  const set = columns.filter(({ name, kind }) => kind !== 'id' && updatable.includes(name))
  const assign = (names, row) => `update ${table.name} set ${names.map((name, nr) => `${name} = ${row[nr]}`).join(', ')}`
  const together = combinations(set.map(values), 8).map((row) => assign(set.map(({ name }) => name), row))
  const others = table.columns.filter(({ name }) => updatable.includes(name))
  // Where it matters which columns are named.
  const alone = singly ? others.flatMap((column) => values(column).slice(0, 2).map((value) => assign([column.name], [value]))) : []
  if (set.length > 0) return [...together, ...alone]
  return [assign([others.find((column) => column !== table.table.key)?.name ?? others[0]?.name ?? 'id'], ['null']), ...alone]
}

// States of the tables: all rows; and one row of each table. Where there are sub-selects, also beside full and empty tables.
function worlds({ sql, roots, rows }) {
  const keep = (nr, turn) => `delete from ${roots[nr].name} where ${roots[nr].columns[0].name} <> ${byTurns(turn, rows[nr])}`
  const empty = (nr) => `delete from ${roots[nr].name}`
  const one = (turn) => roots.map((_, nr) => keep(nr, turn)).join('; ')
  const beside = (others) => (turn) => roots.map((_, target) => roots.map((_, nr) => (nr === target ? keep(nr, turn) : others(nr, turn))).filter(Boolean).join('; '))
  const onlyOne = roots.map((_, target) => roots.map((_, nr) => (nr === target ? '' : empty(nr))).filter(Boolean).join('; '))
  const turns = Array.from({ length: Math.min(8, Math.max(...rows)) }, (_, turn) => turn)
  if (roots.length === 1 || !sql.includes(' from s.')) return ['select 1', ...turns.map(one)]
  const others = [(nr, turn) => keep(nr, turn + 1), () => '', empty]
  return ['select 1', ...onlyOne, ...turns.map(one), ...turns.slice(0, 6).flatMap((turn) => beside(others[turn % 3])(turn))]
}

// Some of many, spread evenly: each of them once, if there are turns enough.
const byTurns = (turn, count) => 1 + ((turn * stepThrough(count)) % count)

// A table's rows can be reached through the tables above it, and those of the tables below are its own. Only partitions get new rows
// from above.
function withFamilies(tried) {
  const isAbove = (above, table) => table.parent === above || Boolean(table.parent && isAbove(above, table.parent))
  const reaches = (row, { table }) => table === row.table || isAbove(row.table, table) || (isAbove(table, row.table) && (row.command !== 'INSERT' || table.partitioned))
  const lowest = (row) => {
    const its = tried.filter((other) => other.role === row.role && other.command === row.command && other.observed && reaches(row, other))
    const [first] = its.map(({ observed }) => observed).sort((a, b) => rank(a.session.level) - rank(b.session.level) || b.session.age - a.session.age)
    return first ?? null
  }
  return tried.map((row) => ({ ...row, observed: lowest(row) }))
}

// Unsound: something succeeds below what is stated. Tight: it's just as stated.
function judged(row, stated) {
  const level = row.observed?.session.level ?? 'denied'
  // The matrix may leave out what is denied.
  const claimed = stated?.required_aal ?? 'denied'
  const isTooStale = claimed === level && row.observed !== null && stated.max_age !== null && row.observed.session.age > stated.max_age
  return {
    ...row, stated, level,
    unsound: rank(claimed) > rank(level) || isTooStale,
    tight: claimed === level,
    // Not by grants alone.
    nontrivial: row.privileged && (row.rights.guarded || (row.command !== 'TRUNCATE' && row.rights.row_security)),
  }
}

// Ready to paste, in a database made by supabase_stand_in.sql and matrix_trial.sql.
export function counterexample(schema, row) {
  return [
    `-- The matrix says ${saidOf(row)}.`,
    `-- ${row.command} on ${row.regclass} as ${row.role}: ${happened(row)}.`,
    'begin;',
    schema.sql,
    `select * from auth.aal_matrix(${pg.escapeLiteral(row.regclass)}) where role = '${row.role}' and command = '${row.command}';`,
    ...(row.observed ? statementsOf(row) : []),
    'rollback;',
  ].join('\n')
}

function saidOf({ stated }) {
  if (!stated) return 'nothing'
  const { required_aal, max_age, decided_by, note } = stated
  return `${required_aal}${max_age === null ? '' : `, at most ${max_age} s old`}, decided by ${JSON.stringify(decided_by)}, note ${JSON.stringify(note)}`
}

function happened({ observed }) {
  if (!observed) return 'nothing that was tried succeeds'
  const { level, age } = observed.session
  return `succeeds at ${level}${Number.isFinite(age) ? `, the factor ${age} s old` : ''}`
}

function statementsOf({ role, observed: { session, statement } }) {
  const setting = session.claims === null ? [] : [`set local request.jwt.claims = ${pg.escapeLiteral(session.claims.replace('{{role}}', role))};`]
  return [...setting, `set local role ${role};`, statement + ';']
}
