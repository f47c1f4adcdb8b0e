// What a trial of auth.aal_matrix tries: as whom (sessions), what (statements), and with which rows in the tables (worlds).

import { claims } from '../tokens.mjs'
import { combinations, stepThrough, users } from './random_schema.mjs'

const [minute, day] = [60, 86400]
const { enrolled, factorless, unknown } = users

// A session: its level, its claims, and the age in seconds of the factor that gives the level. The role is put in later.
function session(level, sub, passwordAge, factorAge, { ended = false } = {}) {
  const aal = level === 'enrolled' ? 'aal1' : level
  // As in matrix_trial.sql.
  const session_id = `5${ended ? 9 : aal.at(-1)}${sub.slice(2)}`
  const at = (age) => Math.floor(Date.now() / 1000) - age
  const amr = [{ method: 'password', timestamp: at(passwordAge) }]
  if (factorAge) amr.push({ method: 'totp', timestamp: at(factorAge) })
  amr.sort((a, b) => b.timestamp - a.timestamp)
  return { level, age: factorAge ?? passwordAge, claims: JSON.stringify({ ...claims({ sub }), role: '{{role}}', aal, amr, session_id }) }
}

const without = (claims) => ({ level: 'none', age: Infinity, claims })

// Without any level: no claims, those of an API key, and those of a user whose token doesn't tell.
const noLevel = [without(''), without('{"role":"{{role}}"}'), without(`{"sub":"${enrolled}","role":"{{role}}"}`)]

// In a connection in which nobody ever set claims, the setting is null. As soon as somebody did it is '', for good.
export const neverSet = [without(null)]
export const tellsNullFromEmpty = ({ sql }) => sql.includes("current_setting('request.jwt.claims', true)")

// An anonymous user: without any level, though the claim aal is aal1.
export const guest = { ...session('aal1', factorless, minute), level: 'none', age: Infinity, isGuest: true }
const {
  amr: [{ timestamp }],
  ...guestsClaims
} = JSON.parse(guest.claims)
guest.claims = JSON.stringify({ ...guestsClaims, is_anonymous: true, amr: [{ method: 'anonymous', timestamp }] })

// Sessions with a second factor, whose token names no user. At aal1, such a token counts as that of a user without a factor.
export const nobodysSessions = ['aal2', 'aal3'].flatMap((level) =>
  [day, minute].map((age) => {
    const its = session(level, enrolled, age, age)
    return { ...its, claims: JSON.stringify({ ...JSON.parse(its.claims), sub: undefined }) }
  }),
)
export const asksWhoItIs = ({ sql }) => /uid\(\)|sub/.test(sql)

// Sessions that aren't live, of each level.
export const deadSessions = [
  ...noLevel,
  session('aal1', enrolled, minute, undefined, { ended: true }),
  session('enrolled', factorless, minute, undefined, { ended: true }),
  ...['aal2', 'aal3'].map((level) => session(level, enrolled, minute, minute, { ended: true })),
]

// Lowest first, and of a level the stalest first.
export function sessionsFor(sql, stated) {
  const ages = agesFor(sql, stated)
  const pairs = [[day, day], ...ages.slice(0, -1).map((age) => [minute, age]), [day, minute], [minute, minute]]
  const secondFactors = ages.length === 1 ? [[minute, minute]] : pairs
  // A token outlives the factor, and the user.
  const outlived = /enrolled|aal_status/.test(sql)
  const ended = /live/.test(sql)
  return [
    ...noLevel,
    ...(ended ? [session('aal1', enrolled, minute, undefined, { ended })] : []),
    ...ages.map((age) => session('aal1', enrolled, age)),
    ...ages.map((age) => session('enrolled', factorless, age)),
    ...(outlived ? [session('enrolled', unknown, minute)] : []),
    ...(ended ? [session('aal2', enrolled, minute, minute, { ended })] : []),
    ...secondFactors.map((ages) => session('aal2', enrolled, ...ages)),
    ...(outlived ? [factorless, unknown].map((sub) => session('aal2', sub, minute, minute)) : []),
    ...secondFactors.filter(([password, factor]) => password === factor).map((ages) => session('aal3', enrolled, ...ages)),
  ]
}

// The ages that can make a difference: one beyond each max_age that occurs, and one within all.
function agesFor(sql, stated) {
  const named = { '5 minutes': 300, '300 seconds': 300, '15 minutes': 900, '900 seconds': 900, '1 hour': 3600, '3600 seconds': 3600 }
  const occurring = Object.entries(named)
    .filter(([text]) => sql.includes(text))
    .map(([, seconds]) => seconds)
  for (const { max_age } of stated.values()) if (max_age !== null) occurring.push(max_age)
  const ages = [day, 30 * minute, 10 * minute, minute]
  return ages.filter((age, nr) => age === minute || occurring.some((maxAge) => maxAge < age && maxAge >= ages[nr + 1]))
}

// All kinds of sessions of a level whose factor is older than that.
export function stalerSessions(level, maxAge) {
  if (level === 'none') return noLevel
  const older = [day, 30 * minute, 10 * minute, minute].filter((age) => age > maxAge)
  const users = { aal1: [enrolled, factorless], enrolled: [factorless, unknown] }[level]
  if (users) return users.flatMap((sub) => older.map((age) => session(level, sub, age)))
  return [enrolled, factorless].flatMap((sub) => older.flatMap((age) => [day, minute].map((password) => session(level, sub, password, age))))
}

// How a role goes about a command on a table with the least rights: with several statements where values matter.
export function statementsFor(command, { name, columns, key }, { insertable, updatable }, namesMatter) {
  const mentioned = columns.filter(({ mentioned, settable }) => mentioned && settable)
  switch (command) {
    case 'SELECT':
      return [`select 1 from ${name} limit 1`]
    case 'DELETE':
      return [`delete from ${name}`]
    case 'TRUNCATE':
      return [`truncate ${name}`]
    case 'INSERT':
      return inserts(
        name,
        mentioned.filter((column) => insertable.includes(column.name)),
        insertable[0] ?? 'id',
      )
    case 'UPDATE': {
      const allowed = columns.filter((column) => updatable.includes(column.name))
      // Without a WHERE, which would need to read.
      const together = updates(
        name,
        mentioned.filter((column) => column.kind !== 'id' && allowed.includes(column)),
      )
      const other = allowed.find((column) => column !== key) ?? allowed[0]
      const alone = namesMatter ? allowed.flatMap((column) => updates(name, [column])) : []
      return [...(together.length > 0 ? together : [`update ${name} set ${other?.name ?? 'id'} = null`]), ...alone]
    }
  }
}

const values = ({ kind, values }) => (kind === 'id' ? ['1'] : values)

function inserts(table, columns, other) {
  if (columns.length === 0) return [`insert into ${table} (${other}) values (null)`]
  const names = columns.map(({ name }) => name).join(', ')
  return combinations(columns.map(values), 8).map((row) => `insert into ${table} (${names}) values (${row.join(', ')})`)
}

function updates(table, columns) {
  if (columns.length === 0) return []
  const assignments = (row) => columns.map(({ name }, nr) => `${name} = ${row[nr]}`).join(', ')
  return combinations(columns.map(values), 8).map((row) => `update ${table} set ${assignments(row)}`)
}

// Whether an update leaves a column as it is that a condition mentions.
export function leavesSome({ columns }, { updatable }) {
  return columns.some(({ name, kind, mentioned }) => mentioned && kind !== 'id' && !updatable.includes(name))
}

// States of the tables, by what is deleted: all rows; and one row of each table. Where there are sub-selects, also one row of a table
// beside full and empty others.
export function worldsFor({ sql, roots, rows }) {
  const keepOne = (nr, turn) => `delete from ${roots[nr].name} where ${roots[nr].columns[0].name} <> ${byTurns(turn, rows[nr])}`
  const keepNone = (nr) => `delete from ${roots[nr].name}`
  const keepAll = () => ''
  const world = (write) =>
    roots
      .map((_, nr) => write(nr))
      .filter(Boolean)
      .join('; ')
  const turns = Array.from({ length: Math.min(6, Math.max(...rows)) }, (_, turn) => turn)
  const single = turns.map((turn) => world((nr) => keepOne(nr, turn)))
  if (roots.length === 1 || !sql.includes(' from s.')) return ['', ...single]
  const beside = (target, turn, others) => world((nr) => (nr === target ? keepOne : others)(nr, turn + Number(nr !== target)))
  const all = roots.map((_, nr) => nr)
  const alone = all.map((target) => world((nr) => (nr === target ? keepAll : keepNone)(nr)))
  const mixed = turns.slice(0, 4).flatMap((turn) => all.map((target) => beside(target, turn, [keepOne, keepAll, keepNone][turn % 3])))
  return ['', ...alone, ...single, ...mixed]
}

// Some of many, spread evenly: each of them once, if there are turns enough.
const byTurns = (turn, count) => 1 + ((turn * stepThrough(count)) % count)

// Tokens of another issuer, or that a hook rewrites: a level that isn't known is none.
const otherLevels = ['null', '""', '"aal0"', '"zzz"', '"AAL2"', '2']
export const unknownLevels = otherLevels.map((level) => ({
  ...without(`{"sub":"${enrolled}","role":"{{role}}","aal":${level}}`),
  isUnknown: true,
}))
