// auth.explain_access never tells a session something that doesn't happen: its results in random schemas, held against what each
// command does there.
//
//   TRIALS=2000 SEED=1 node --test explain_trial.test.mjs

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { guest, sessionsFor, statementsFor } from './matrix_attempts.mjs'
import { InvalidSchema, Laboratory } from './matrix_trial.mjs'
import { schema } from './random_schema.mjs'

const trials = Math.ceil(Number(process.env.TRIALS ?? 300) / 5)
// Other schemas in each run. A failure names the seed, and SEED repeats it.
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const commands = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
const shrinkingTime = 120_000

let laboratory
before(async () => {
  laboratory = await Laboratory.start()
  laboratory.cluster.psql('postgres', readFileSync(new URL('explain_trial.sql', import.meta.url), 'utf8'))
})
after(() => laboratory.stop())

// Everything that the sessions are told, and what happens.
async function tell(schema) {
  await laboratory.client.query('begin')
  try {
    await laboratory.create(schema)
    const told = []
    for (const { table, oid, rights } of (await laboratory.tables(schema)).filter(({ table }) => !table.foreign)) {
      const sessions = [...sessionsFor(schema.sql, new Map()), guest].filter(({ claims }) => claims !== null)
      for (const [nr, role] of schema.roles.entries()) {
        // Not each role in each session.
        for (const session of sessions.filter((_, at) => at % 2 === nr % 2)) {
          const claims = session.claims.replace('{{role}}', role)
          const tried = commands.flatMap((command) => statementsOf(command, table, rights.get(role)).map((statement) => [command, statement]))
          const { rows } = await laboratory.client.query('select * from trial.told_and_happened($1::oid::regclass, $2, $3, $4, $5, $6)', [
            oid,
            role,
            claims,
            schema.held,
            tried.map(([command]) => command),
            tried.map(([, statement]) => statement),
          ])
          told.push(...rows.map((row, at) => ({ ...row, table: table.name, role, claims, statement: tried[at][1] })))
        }
      }
    }
    return told
  } finally {
    await laboratory.client.query('rollback')
  }
}

function statementsOf(command, table, rights) {
  if (command === 'SELECT') return [`select 1 from ${table.name}`]
  return statementsFor(command, table, rights, true).slice(0, 6)
}

const isDenied = (error) => /^permission denied for (table|schema)/.test(error)
// Not an error that a condition raises: an answer is meant where none does.
const isGuarded = (error) => /^insufficient_aal: (\w+|locking read) on table/.test(error)
const isRefused = (error) => isGuarded(error) || error.startsWith('new row violates row-level security') || isDenied(error)

// Why an answer is wrong, if it is.
export function wrong({ command, told, touched, of, error }) {
  const reached = touched !== null && (Number(touched) > 0 || command === 'TRUNCATE')
  switch (told) {
    case 'allowed':
      if (error && isRefused(error)) return 'it is refused'
      return error === null && !['INSERT', 'TRUNCATE'].includes(command) && touched !== of ? 'not all rows are reached' : null
    case 'depends on the row':
    case "can't be told":
      return error && isDenied(error) && error.includes('schema') ? 'it is refused for every row' : null
    case 'permission denied':
      // Another error may come first: of a column that isn't there, say.
      return error === null || isGuarded(error) ? 'it is not denied' : null
    case 'insufficient_aal':
      return reached || error === null ? 'the guard is silent' : null
    default:
      return reached ? 'rows are reached' : null
  }
}

test('no session is told what does not happen', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const counts = {}
  let [refused, failedAt] = [0]
  const property = fc.asyncProperty(schema, async (schema) => {
    if (Date.now() - failedAt > shrinkingTime) return
    const told = await tell(schema).catch((error) => {
      if (!(error instanceof InvalidSchema)) throw error
      refused++
      return []
    })
    for (const row of told) {
      if (failedAt === undefined) counts[row.told] = (counts[row.told] ?? 0) + 1
      const fault = wrong(row)
      if (!fault) continue
      failedAt ??= Date.now()
      throw new Error(`${schema.sql}\n-- ${row.told}, but ${fault}: ${JSON.stringify(row)}`)
    }
  })
  const { failed, numRuns, errorInstance } = await fc.check(property, { numRuns: trials, seed })
  t.diagnostic(JSON.stringify(counts))
  assert.ok(!failed, `SEED=${seed}: schema ${numRuns}\n${errorInstance?.message}`)
  // Few schemas are tried, and other ones in each run.
  assert.ok(refused <= 0.02 * trials + 3)
  if (trials < 20) return
  for (const told of ['allowed', 'depends on the row', "can't be told", 'no rows', 'new row refused', 'insufficient_aal', 'permission denied']) {
    assert.ok(counts[told] > 0, `nobody is told "${told}"`)
  }
})

test('a wrong answer is found out', () => {
  const row = { command: 'SELECT', told: 'no rows', touched: '1', of: '2', error: null }
  assert.equal(wrong(row), 'rows are reached')
  assert.equal(wrong({ ...row, told: 'allowed' }), 'not all rows are reached')
  assert.equal(wrong({ ...row, told: 'permission denied' }), 'it is not denied')
  assert.equal(wrong({ ...row, told: 'depends on the row' }), null)
})
