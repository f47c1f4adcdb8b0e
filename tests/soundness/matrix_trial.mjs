// Holds auth.aal_matrix against what really happens: makes a random schema, asks for its matrix, and runs each command on each
// table as each role in sessions of each level, lowest first. All in a transaction that is rolled back.

import { readFileSync } from 'node:fs'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import {
  deadSessions,
  guest,
  leavesSome,
  neverSet,
  sessionsFor,
  stalerSessions,
  statementsFor,
  tellsNullFromEmpty,
  worldsFor,
} from './matrix_attempts.mjs'
import { available } from './random_schema.mjs'

export const levels = ['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied']
const commands = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
const rank = (level) => levels.indexOf(level)

// A random schema that Postgres refuses: types don't fit, say.
export class InvalidSchema extends Error {}

// A cluster and a connection to it, for trials one after the other.
export class Laboratory {
  static async start() {
    const laboratory = new Laboratory()
    laboratory.cluster = new Cluster()
    try {
      for (const file of ['../supabase_stand_in.sql', 'matrix_trial.sql']) {
        laboratory.cluster.psql('postgres', readFileSync(new URL(file, import.meta.url), 'utf8'))
      }
      await laboratory.connect()
      const { rows } = await laboratory.client.query("select exists (select from pg_foreign_server where srvname = 'elsewhere') as foreign")
      available.foreign = rows[0].foreign
    } catch (error) {
      laboratory.cluster.stop()
      throw error
    }
    return laboratory
  }

  async connect() {
    await this.client?.end()
    this.client = new pg.Client({ ...this.cluster.connection, database: 'postgres' })
    await this.client.connect()
    // Compiling a plan would take longer than running it.
    await this.client.query('set client_min_messages = error; set jit = off')
  }

  async stop() {
    await this.client?.end()
    this.cluster.stop()
  }

  // What the matrix says and what happens, for each table, role and command.
  async compare(schema, read) {
    if (tellsNullFromEmpty(schema)) await this.connect()
    await this.client.query('begin')
    try {
      await this.create(schema)
      const tables = await this.tables(schema)
      const stated = await read(this.client, tables)
      const tried = await this.tryAll(schema, tables, sessionsFor(schema.sql, stated))
      const all = withFamilies(tried).map((row) => judged(row, stated.get(key(row))))
      // Of sessions that are exempt, the matrix says nothing there.
      const rows = all.filter(({ stated }) => !(schema.exempts && stated?.note?.includes('only for sessions where')))
      await this.tryStaler(schema, rows)
      await this.tryGuests(schema, rows)
      await this.tryDead(schema, rows)
      return rows
    } finally {
      await this.client.query('rollback')
    }
  }

  async create(schema) {
    await this.client.query(schema.sql).catch((error) => {
      throw new InvalidSchema(`${schema.sql}\n-- ${error.message}`)
    })
  }

  // The tables' OIDs, and what their roles may do with them by Postgres' own account.
  async tables(schema) {
    const { rows } = await this.client.query(rightsQuery, [schema.tables.map(({ name }) => name), schema.roles])
    return schema.tables.map((table) => {
      const its = rows.filter((row) => row.name === table.name)
      return { table, oid: its[0].oid, rights: new Map(its.map((row) => [row.role, row])) }
    })
  }

  async tryAll(schema, tables, sessions) {
    const attempts = commands.flatMap((command) => tables.flatMap((table) => schema.roles.map((role) => attempt(schema, table, role, command))))
    const first = tellsNullFromEmpty(schema) ? await this.run(schema, attempts, neverSet) : []
    const answers = await this.run(schema, attempts, sessions)
    return attempts.map((attempt, nr) => ({ ...attempt, observed: first[nr] ?? answers[nr] }))
  }

  // Where the matrix says how old the factor may be, whether an older one does.
  async tryStaler(schema, rows) {
    const groups = new Map()
    for (const row of rows) {
      if (!row.tight || row.level === 'denied' || row.stated.max_age === null) continue
      const group = `${row.level} ${row.stated.max_age}`
      groups.set(group, [...(groups.get(group) ?? []), row])
    }
    for (const group of groups.values()) {
      const [{ level, stated }] = group
      const attempts = group.flatMap((row) => row.family.map((attempt) => ({ ...attempt, row })))
      const answers = await this.run(schema, attempts, stalerSessions(level, stated.max_age))
      answers.forEach((observed, nr) => observed && Object.assign(attempts[nr].row, { observed, unsound: true }))
    }
  }

  // Anonymous users have no level. Where they do something even so, the matrix says that they do.
  async tryGuests(schema, rows) {
    const asked = rows.filter(({ stated, privileged, unsound }) => privileged && !unsound && stated && stated.required_aal !== 'none')
    const attempts = asked.flatMap((row) => row.family.map((attempt) => ({ ...attempt, row })))
    const answers = await this.run(schema, attempts, [guest])
    answers.forEach((observed, nr) => {
      const { row } = attempts[nr]
      row.guest ??= { noted: saysGuestsPass(row), passes: false }
      if (observed) row.guest.passes = true
      if (observed && !row.guest.noted) Object.assign(row, { observed, unsound: true })
    })
  }

  // Where the matrix says that only live sessions pass, whether others do.
  async tryDead(schema, rows) {
    const noted = rows.filter(({ stated, privileged, unsound }) => privileged && !unsound && saysLiveOnly(stated))
    const attempts = noted.flatMap((row) => row.family.map((attempt) => ({ ...attempt, row })))
    const answers = await this.run(schema, attempts, deadSessions)
    answers.forEach((observed, nr) => {
      const { row } = attempts[nr]
      row.liveOnly = true
      if (observed) Object.assign(row, { observed, unsound: true })
    })
  }

  // For each attempt the lowest of the sessions in which a statement did something, that statement, and the state of the tables.
  async run(schema, attempts, sessions) {
    const worlds = worldsFor(schema)
    const each = (name) => attempts.map((attempt) => attempt[name])
    const { rows } = await this.client.query('select * from trial.lowest_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      worlds,
      sessions.map(({ claims }) => (claims && schema.held + ':' + claims) || claims),
      each('role'),
      each('command'),
      each('privileged'),
      each('varies'),
      ...listed(each('statements')),
    ])
    return rows.map(({ session, world, statement }) => session && { session: sessions[session - 1], world: worlds[world - 1], statement })
  }
}

const key = ({ oid, role, command }) => `${oid} ${role} ${command}`

// Lists as one, after where each begins and where it ends.
function listed(lists) {
  const [firsts, lasts, all] = [[], [], []]
  for (const list of lists) {
    firsts.push(all.length + 1)
    all.push(...list)
    lasts.push(all.length)
  }
  return [firsts, lasts, all]
}

const rightsQuery = `
  select t.name, t.oid::oid, r.role, insertable, updatable,
         usable and has_any_column_privilege(r.role, t.oid, 'SELECT') as "SELECT",
         usable and insertable <> '{}' as "INSERT",
         usable and updatable <> '{}' as "UPDATE",
         usable and has_table_privilege(r.role, t.oid, 'DELETE') as "DELETE",
         usable and has_table_privilege(r.role, t.oid, 'TRUNCATE') as "TRUNCATE",
         c.relrowsecurity and not rolbypassrls and (c.relforcerowsecurity or not pg_has_role(r.role, c.relowner, 'USAGE')) as row_security,
         exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal) as guarded
    from unnest($1::regclass[], $1::text[]) t(oid, name)
    join pg_class c on c.oid = t.oid
    cross join unnest($2::text[]) r(role)
    join pg_roles on rolname = r.role
    cross join lateral (select has_schema_privilege(r.role, c.relnamespace, 'USAGE')) s(usable)
    cross join lateral (
      select array(select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
                      and attgenerated = '' and has_column_privilege(r.role, c.oid, attnum, 'INSERT') order by attnum),
             array(select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
                      and attgenerated = '' and has_column_privilege(r.role, c.oid, attnum, 'UPDATE') order by attnum)
    ) a(insertable, updatable)`

// What auth.aal_matrix says, of all tables at once or of one after the other: that must be the same.
export async function readMatrix(client, tables) {
  // Of a foreign table alone it isn't asked.
  const all = tables.length % 2 === 0 || tables.some(({ table }) => table.foreign)
  const source = all ? 'auth.aal_matrix() m' : 'unnest($1::oid[]) t(oid) cross join lateral auth.aal_matrix(t.oid::regclass) m'
  const { rows } = await client.query(
    `select m.target::oid as oid, m.role, m.command, m.required_aal, extract(epoch from m.max_age)::float8 as max_age, m.decided_by, m.note
       from ${source} where m.target = any ($1::oid[])`,
    [tables.map(({ oid }) => oid)],
  )
  return new Map(rows.map((row) => [key(row), row]))
}

function attempt(schema, { table, oid, rights: all }, role, command) {
  const rights = all.get(role)
  const privileged = rights[command]
  // Other rows can matter to a sub-select, and to an update that leaves some columns as they are.
  const varies = privileged && (schema.decides(table).includes(' from s.') || (command === 'UPDATE' && leavesSome(table, rights)))
  const statements = statementsFor(command, table, rights, schema.sql.includes('sensitive_columns'))
  return { table, name: table.name, oid, role, rights, command, privileged, varies, statements }
}

// A table's rows can be reached through the tables above it, and those of the tables below are its own. Only partitions get new
// rows from above.
function withFamilies(tried) {
  const isAbove = (above, { parent }) => parent !== undefined && (parent === above || isAbove(above, parent))
  // What goes to a foreign partition, or is updated in a foreign child, says nothing of the others.
  const goesToForeign = (above, command) => command === 'INSERT' || (command === 'UPDATE' && !above.partitioned)
  const isBlurred = (above, row) => goesToForeign(above, row.command) && !row.table.foreign && above.children?.some(({ foreign }) => foreign)
  const comesFrom = (above, row) => isAbove(above, row.table) && (row.command !== 'INSERT' || above.partitioned) && !isBlurred(above, row)
  const reaches = (row, { table }) => table === row.table || isAbove(row.table, table) || comesFrom(table, row)
  return tried.map((row) => {
    const family = tried.filter((other) => other.role === row.role && other.command === row.command && reaches(row, other))
    const observations = family.map(({ observed }) => observed).filter(Boolean)
    observations.sort((a, b) => rank(a.session.level) - rank(b.session.level))
    return { ...row, family, observed: observations[0] ?? null }
  })
}

// Unsound: something succeeds below what is stated. Tight: it's just as stated. Nontrivial: not by grants alone.
function judged(row, stated) {
  const level = row.observed?.session.level ?? 'denied'
  // The matrix may leave out what is denied.
  const claimed = stated?.required_aal ?? 'denied'
  const { guarded, row_security } = row.rights
  return {
    ...row,
    stated,
    level,
    unsound: rank(claimed) > rank(level),
    tight: stated !== undefined && claimed === level,
    nontrivial: row.privileged && (guarded || (row.command !== 'TRUNCATE' && row_security)),
  }
}

const saysGuestsPass = ({ stated }) => Boolean(stated.note?.includes('anonymous users pass, too'))

const saysLiveOnly = (stated) => Boolean(stated?.note?.includes('live sessions only'))

// Ready to paste, in a database made by supabase_stand_in.sql and matrix_trial.sql.
export function counterexample(schema, row) {
  return [
    `-- The matrix says ${saidOf(row)}.`,
    `-- ${row.command} on ${row.name} as ${row.role}: ${happened(row)}.`,
    'begin;',
    schema.sql,
    `select * from auth.aal_matrix(${pg.escapeLiteral(row.name)}) where role = '${row.role}' and command = '${row.command}';`,
    ...(row.observed ? statementsOf(row, schema.held) : []),
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
  const { level, age, isGuest } = observed.session
  if (isGuest) return 'succeeds for an anonymous user'
  return `succeeds at ${level}${Number.isFinite(age) ? `, the factor ${age} s old` : ''}`
}

function statementsOf({ role, observed: { session, world, statement } }, held) {
  const claims = session.claims?.replace('{{role}}', role)
  const settings = { plural: ['claims'], singular: ['claim'], both: ['claim', 'claims'] }[held]
  const set = claims === undefined ? [] : settings.map((setting) => `set local request.jwt.${setting} = ${pg.escapeLiteral(claims)};`)
  return [...(world ? [world + ';'] : []), ...set, `set local role ${role};`, statement + ';']
}
