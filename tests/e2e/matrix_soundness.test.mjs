// auth.aal_matrix never promises more than the database holds: what it says of random schemas, held against what happens.
//
//   TRIALS=20000 SEED=1 WORKERS=2 node --test matrix_soundness.test.mjs
//
// VERBOSE=1 goes on after a failure, and prints which kinds of rows were unsound, or lower than need be. MATRIX=none tries without
// asking a matrix.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Tally } from './matrix_tally.mjs'
import { counterexample, Laboratory, levels, readMatrix } from './matrix_trial.mjs'
import { schema } from './random_schema.mjs'

const trials = Number(process.env.TRIALS ?? 500)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const verbose = Boolean(process.env.VERBOSE)
const matrix = process.env.MATRIX === 'none' ? async () => new Map() : readMatrix
const shrinkingTime = 120_000

const laboratories = []
before(async () => {
  for (let nr = 0; nr < Number(process.env.WORKERS ?? 1); nr++) laboratories.push(await Laboratory.start())
})
after(() => Promise.all(laboratories.map((laboratory) => laboratory.stop())))

// Tries schemas until one has an unsound row, which is made smaller then; returns what fast-check says.
async function tryOut(laboratory, { read, runs, seed, tally, keepGoing = false }) {
  let failedAt
  const property = fc.asyncProperty(schema, async (schema) => {
    if (Date.now() - failedAt > shrinkingTime) return
    try {
      const rows = await laboratory.compare(schema, read)
      if (failedAt === undefined) tally.add(schema, rows)
      const unsound = rows.find((row) => row.unsound)
      if (unsound && !keepGoing) throw new Error(counterexample(schema, unsound))
    } catch (error) {
      failedAt ??= Date.now()
      throw error
    }
  })
  return fc.check(property, { numRuns: runs, seed })
}

function assertSound({ failed, numRuns, numShrinks, errorInstance }) {
  if (failed) assert.fail(`SEED=${seed}: schema ${numRuns}, made smaller ${numShrinks} times\n${errorInstance?.message}`)
}

test('no row of the matrix is above what succeeds', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const tally = new Tally()
  const start = Date.now()
  const runs = Math.ceil(trials / laboratories.length)
  const all = laboratories.map((laboratory, nr) => tryOut(laboratory, { read: matrix, runs, seed: seed + nr, tally, keepGoing: verbose || matrix !== readMatrix }))
  const outcomes = await Promise.all(all)
  for (const line of tally.summary) t.diagnostic(line)
  t.diagnostic(`${Math.round((Date.now() - start) / tally.schemas)} ms a schema`)
  if (verbose) console.log(tally.details().join('\n'))
  outcomes.forEach(assertSound)
  if (trials >= 200) {
    assert.ok(tally.succeeded > 0.2 * tally.rows, 'too little succeeds for the trial to mean anything')
    for (const level of levels) assert.ok(tally.levels[level] > 0, `nothing has the level ${level}`)
  }
  if (matrix !== readMatrix) return
  assert.equal([...tally.kinds.unsound.values()].length, 0, 'unsound rows: see above')
  assert.ok(tally.tight > 0.9 * tally.rows, 'the matrix states too many levels that are lower than need be')
})

test('a matrix that promises too high a level is found out', async () => {
  const alwaysHighest = { get: () => ({ required_aal: 'aal3', max_age: null }), values: () => [] }
  const { failed, errorInstance } = await tryOut(laboratories[0], { read: async () => alwaysHighest, runs: 50, seed: 1, tally: new Tally() })
  assert.ok(failed)
  assert.match(errorInstance.message, /The matrix says aal3.*succeeds at none/s)
})

test('a matrix that promises too fresh a factor is found out', async () => {
  const tooFresh = { get: () => ({ required_aal: 'aal2', max_age: 1 }), values: () => [{ max_age: 1 }] }
  const tally = new Tally()
  await tryOut(laboratories[0], { read: async () => tooFresh, runs: 50, seed: 1, tally, keepGoing: true })
  const tooStale = [...tally.kinds.unsound.keys()].filter((kind) => kind.includes('stated aal2, succeeds at aal2'))
  assert.ok(tooStale.length > 0)
})
