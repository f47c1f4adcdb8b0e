// auth.aal_functions never promises more than a remote procedure holds, and lint 0014 names just those that let a session past a table's
// level: what both say of random procedures, held against calls by each role in sessions of each kind.
//
//   TRIALS=2000 SEED=1 node --test procedure_soundness.test.mjs
//
// VERBOSE=1 goes on after a failure, and prints examples of each kind of row that was wrong, or lower than need be. FUNCTIONS=none only
// tries, and asks lint 0014 alone.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { InvalidSchema, Laboratory } from './matrix_trial.mjs'
import { ProcedureTally } from './procedure_tally.mjs'
import { compare, counterexample, readFunctions } from './procedure_trial.mjs'
import { procedureSchema } from './random_procedures.mjs'

const trials = Number(process.env.TRIALS ?? 500)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const verbose = Boolean(process.env.VERBOSE)
const asksFunctions = process.env.FUNCTIONS !== 'none'
const shrinkingTime = 120_000

let laboratory
before(async () => {
  laboratory = await Laboratory.start()
  laboratory.cluster.psql('postgres', readFileSync(new URL('procedure_trial.sql', import.meta.url), 'utf8'))
})
after(() => laboratory.stop())

// Tries schemas until one shows a fault, and then smaller ones. `faultOf`: of what came of one.
function tryOut({ read, runs, seed, tally, faultOf }) {
  let failedAt
  const property = fc.asyncProperty(procedureSchema, async (schema) => {
    if (Date.now() - failedAt > shrinkingTime) return
    try {
      const outcome = await compare(laboratory, schema, read)
      if (failedAt === undefined) tally.add(schema, outcome)
      const fault = faultOf(outcome)
      if (fault) throw new Error(fault)
    } catch (error) {
      if (error instanceof InvalidSchema) return void tally.refused.push(error.message)
      failedAt ??= Date.now()
      throw error
    }
  })
  return fc.check(property, { numRuns: runs, seed })
}

// What says the same of every function.
const always = (row) => async () => ({ get: () => row, values: () => [row] })

const unsound = ({ rows }) => {
  const row = rows.find(({ unsound }) => unsound)
  return row && counterexample(row)
}

// Of what is read and reached, lint 0014 names just the procedures that let a session past a table's level, but for a few that it names too much.
test('no procedure is touched below what aal_functions states', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const tally = new ProcedureTally()
  const faultOf = verbose ? () => null : unsound
  const read = asksFunctions ? readFunctions : always({ required_aal: 'none', max_age: null })
  const { failed, errorInstance } = await tryOut({ read, runs: trials, seed, tally, faultOf })
  for (const line of tally.summary) t.diagnostic(line)
  if (verbose) console.log(tally.details().join('\n'))
  assert.ok(!failed, `SEED=${seed}\n${errorInstance?.message}`)
  assert.equal(tally.kinds.unsound.size, 0, 'kinds of unsound rows: see above')
  assert.equal(tally.findings.miss, 0, tally.details().join('\n'))
  assert.ok(tally.refused.length <= 0.02 * trials, tally.refused[0])
  if (trials < 200) return
  const { right, silent, 'false alarm': alarms, 'false alarm, not read': unread } = tally.findings
  // Of forms that the generator makes, the lint doesn't know all yet.
  assert.ok(alarms <= 0.005 * (right + silent) + 1, 'lint 0014 cries wolf')
  assert.ok(unread <= 0.1 * (right + silent), "too much isn't read for lint 0014")
  for (const level of ['none', 'aal1', 'aal2', 'denied']) assert.ok(tally.levels[level] > 0, `nothing has level ${level}`)
  assert.ok(tally.tight > 0.85 * tally.rows, 'aal_functions states too many levels that are lower than need be')
})

test('statements about procedures that promise too high a level are found out', async () => {
  const read = always({ required_aal: 'aal3', max_age: null })
  const { failed, errorInstance } = await tryOut({ read, runs: 50, seed: 1, tally: new ProcedureTally(), faultOf: unsound })
  assert.ok(failed)
  assert.match(errorInstance.message, /says .*aal3.* at (none|aal1)/s)
})

test('statements about procedures that promise too fresh a factor are found out', async () => {
  const read = always({ required_aal: 'aal2', max_age: 60 })
  const tally = new ProcedureTally()
  await tryOut({ read, runs: 50, seed: 1, tally, faultOf: () => null })
  assert.ok([...tally.kinds.unsound.keys()].some((kind) => kind.includes('stated aal2, touched at aal2')))
})
