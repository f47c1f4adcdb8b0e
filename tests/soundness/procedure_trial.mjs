// Holds auth.aal_functions and lint 0014 against what really happens: makes a random schema with remote procedures, asks for both, and
// calls each procedure as each role in sessions of each kind. All in a transaction that is rolled back.

import pg from 'pg'
import { asksWhoItIs, guest, nobodysSessions, sessionsFor, stalerSessions, unknownLevels } from './matrix_attempts.mjs'
import { levels } from './matrix_trial.mjs'
import { roles } from './random_procedures.mjs'

const rank = (level) => levels.indexOf(level)

// What auth.aal_functions says, and which functions lint 0014 names.
export async function readFunctions(client) {
  const { rows } = await client.query(
    `select n.nspname || '.' || p.proname as name, f.role, f.required_aal, extract(epoch from f.max_age)::float8 as max_age,
            f.reaches, f.decided_by, f.note
       from auth.aal_functions() f join pg_proc p on p.oid = f.target join pg_namespace n on n.oid = p.pronamespace`,
  )
  return new Map(rows.map((row) => [key(row), row]))
}

export async function readFindings(client, lint) {
  const { rows } = await client.query(
    `select metadata ->> 'schema' || '.' || (metadata ->> 'name') as name, detail from auth.aal_lint() where name like $1`,
    [lint + '%'],
  )
  return new Map(rows.map(({ name, detail }) => [name.replace(/\(.*/, ''), detail]))
}

const key = ({ name, role }) => `${name} ${role}`

// A row for each procedure and role: what is stated, and what was touched at which level.
export async function compare(laboratory, schema, read) {
  await laboratory.client.query('begin')
  try {
    await laboratory.create(schema)
    const stated = await read(laboratory.client)
    const found = await readFindings(laboratory.client, '0014')
    const unread = await readFindings(laboratory.client, '0030')
    const nobodys = asksWhoItIs(schema) ? nobodysSessions : []
    const usual = sessionsFor(schema.sql, stated)
    const inOtherSetting = /request\.jwt\.claims/.test(schema.sql)
      ? usual.filter(({ claims }) => claims).map((one) => ({ ...one, isInOtherSetting: true }))
      : []
    const sessions = [...usual, ...inOtherSetting, ...nobodys, ...unknownLevels, guest]
    const touches = await callAll(laboratory, schema, sessions)
    const rows = schema.procedures.flatMap((procedure) => roles.map((role) => judged(schema, procedure, role, stated, touches)))
    await tryStaler(laboratory, schema, rows)
    return {
      rows,
      findings: schema.procedures
        .filter(({ triggerOn }) => !triggerOn)
        .map((procedure) => verdict(schema, procedure, { found, unread }, touches, stated)),
    }
  } finally {
    await laboratory.client.query('rollback')
  }
}

// Each touch of a protected table by a call.
async function callAll({ client }, schema, sessions) {
  const calls = schema.procedures.flatMap((procedure) => procedure.calls.map((call) => ({ procedure, call })))
  const { rows } = await client.query('select * from trial.touches($1, $2, $3, $4, $5, $6)', [
    schema.tables.map(({ name }) => name),
    calls.map(({ call }) => call),
    calls.map(({ procedure }) => procedure.filters),
    roles,
    sessions.map(({ claims }) => claims),
    sessions.map(({ isInOtherSetting }) => Boolean(isInOtherSetting)),
  ])
  return rows
    .map((row) => {
      const { procedure, call } = calls[row.call - 1]
      const table = schema.tables[row.tbl - 1]
      return { procedure, call, role: roles[row.role - 1], session: sessions[row.session - 1], at: row.session, table, command: row.command }
    })
    .filter(({ table }) => table.protected)
}

const isUsual = ({ session }) => !session.isGuest && !session.isUnknown

function judged(schema, procedure, role, stated, touches) {
  const { name } = procedure
  const its = touches.filter((touch) => touch.procedure === procedure && touch.role === role)
  const usual = its.filter(isUsual)
  const lowest = usual.sort((a, b) => a.at - b.at)[0] ?? null
  const says = stated.get(key({ name, role }))
  const level = lowest?.session.level ?? 'denied'
  // What isn't listed is denied. Of an owner whom policies bind, nothing is claimed, nor of a function that acts as its caller.
  const claimed = says?.required_aal ?? 'denied'
  const isClaimed = procedure.definer && procedure.owner !== 'trial_group'
  const row = { schema, procedure, name, role, stated: says, level, lowest, isClaimed, unsound: isClaimed && rank(claimed) > rank(level) }
  const noteOfGuests = says?.note?.includes('anonymous users')
  const asGuest = its.find(({ session }) => session.isGuest)
  if (isClaimed && asGuest && claimed !== 'none' && !noteOfGuests) Object.assign(row, { unsound: true, lowest: asGuest })
  // That the claim is a level or missing is taken for granted; how often it matters is counted.
  const opensToUnknown = isClaimed && claimed !== 'none' && its.some(({ session }) => session.isUnknown)
  return { ...row, opensToUnknown, tight: claimed === level }
}

// Where it says how old the factor may be, whether an older one does.
async function tryStaler(laboratory, schema, rows) {
  for (const row of rows) {
    if (!row.isClaimed || row.unsound || !row.tight || row.level === 'denied' || row.stated.max_age === null) continue
    const touches = await callAll(
      laboratory,
      { ...schema, procedures: [row.procedure], tables: schema.tables },
      stalerSessions(row.level, row.stated.max_age),
    )
    const stale = touches.find(({ role }) => role === row.role)
    if (stale) Object.assign(row, { unsound: true, lowest: stale })
  }
}

// Whether lint 0014 names a procedure, and whether a session below a table's level touches that table by it.
function verdict(schema, procedure, { found, unread }, touches, stated) {
  const below = touches.find(
    (touch) =>
      touch.procedure === procedure &&
      procedure.definer &&
      !touch.session.isUnknown &&
      !meets(touch.session, schema.required(touch.table, touch.command)),
  )
  // What it calls with its owner's rights is a finding of its own.
  const made = schema.statements.find((statement) => statement.startsWith(`create function ${procedure.name}(`)) ?? ''
  const byOthers = schema.procedures.some(({ name }) => name !== procedure.name && found.has(name) && made.includes(`${name}(`))
  // What isn't read, by auth.aal_functions or by lint 0030.
  const notes = [...roles.map((role) => stated.get(key({ name: procedure.name, role }))?.note), unread.get(procedure.name)].filter(Boolean)
  const named = found.has(procedure.name)
  // Code that no session gets to can't be tried.
  const isReached = touches.some((touch) => touch.procedure === procedure)
  return { schema, procedure, named, below: byOthers && !named ? null : (below ?? null), isReached, notes }
}

function meets({ level, age, claims }, required) {
  if (rank(level) < rank(required.level)) return false
  // For aal1 any factor will do.
  const amr = required.level === 'aal1' && claims ? JSON.parse(claims).amr : null
  const youngest = amr ? Math.floor(Date.now() / 1000) - Math.max(...amr.map(({ timestamp }) => timestamp)) : age
  return youngest <= required.age
}

// Ready to paste, in a database made by supabase_stand_in.sql and matrix_trial.sql.
export function counterexample({ schema, name, role, stated, lowest }) {
  return [
    `-- aal_functions says ${stated ? JSON.stringify(stated) : 'nothing'} of ${name} as ${role}.`,
    happened(lowest),
    'begin;',
    schema.sql,
    `select * from auth.aal_functions() where role = '${role}';`,
    ...statementsOf(lowest),
    'rollback;',
  ].join('\n')
}

export function wrongFinding({ schema, procedure, named, below, notes }) {
  return [
    `-- Lint 0014 ${named ? 'names' : 'is silent about'} ${procedure.name}. ${notes.join(' ')}`,
    below ? happened(below) : '-- No session below its level touches a protected table.',
    'begin;',
    schema.sql,
    `select detail from auth.aal_lint() where name like '0014%';`,
    ...statementsOf(below),
    'rollback;',
  ].join('\n')
}

const happened = (touch) =>
  touch
    ? `-- ${touch.command} on ${touch.table.name} as ${touch.role} at ${touch.session.level}, ${touch.session.age} s old${touch.session.isGuest ? ', a guest' : ''}.`
    : '-- Nothing was touched.'

function statementsOf(touch) {
  if (!touch) return []
  const claims = touch.session.claims.replace('{{role}}', touch.role)
  return [
    `set local ${touch.session.isInOtherSetting ? 'request.jwt.claim' : 'request.jwt.claims'} = ${pg.escapeLiteral(claims)};`,
    `set local role ${touch.role};`,
    touch.procedure.triggerOn ? `${touch.call};` : `select ${touch.call};`,
  ]
}
