// auth.aal_matrix never promises more than the database holds: what it says of random schemas, held against what happens.
//
//   TRIALS=20000 PROFILE_TRIALS=2000 SEED=1 WORKERS=2 node --test matrix_soundness.test.mjs
//
// A schema that shows it wrong is made smaller and printed, ready for psql. VERBOSE=1 goes on instead, and prints examples of each kind
// of row that was wrong, or lower than need be. MATRIX=none only tries, without a matrix.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { Tally } from './matrix_tally.mjs'
import { counterexample, InvalidSchema, Laboratory, levels, readMatrix } from './matrix_trial.mjs'
import { ProfileTally, profileCase, tryProfiles } from './profile_trial.mjs'
import { schema } from './random_schema.mjs'

const trials = Number(process.env.TRIALS ?? 500)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const workers = Number(process.env.WORKERS ?? 1)
const verbose = Boolean(process.env.VERBOSE)
const asksMatrix = process.env.MATRIX !== 'none'
const shrinkingTime = 120_000

const laboratories = []
before(async () => {
  while (laboratories.length < workers) laboratories.push(await Laboratory.start())
})
after(() => Promise.all(laboratories.map((laboratory) => laboratory.stop())))

// Tries schemas until one has an unsound row, and then smaller ones.
function tryOut(laboratory, { read, runs, seed, tally, keepGoing = false }) {
  let failedAt
  const property = fc.asyncProperty(schema, async (schema) => {
    if (Date.now() - failedAt > shrinkingTime) return
    try {
      const rows = await laboratory.compare(schema, read)
      if (failedAt === undefined) tally.add(schema, rows)
      const unsound = rows.find((row) => row.unsound)
      if (unsound && !keepGoing) throw new Error(counterexample(schema, unsound))
    } catch (error) {
      if (error instanceof InvalidSchema) return void tally.refused.push(error.message)
      failedAt ??= Date.now()
      throw error
    }
  })
  return fc.check(property, { numRuns: runs, seed })
}

test('no row of the matrix is above what succeeds', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const tally = new Tally()
  const read = asksMatrix ? readMatrix : async () => new Map()
  const options = { read, runs: Math.ceil(trials / workers), tally, keepGoing: verbose || !asksMatrix }
  const outcomes = await Promise.all(laboratories.map((laboratory, nr) => tryOut(laboratory, { ...options, seed: seed + nr })))
  for (const line of tally.summary) t.diagnostic(line)
  if (verbose) console.log(tally.details().join('\n'))

  for (const { failed, numRuns, numShrinks, errorInstance } of outcomes) {
    assert.ok(!failed, `SEED=${seed}: schema ${numRuns}, made smaller ${numShrinks} times\n${errorInstance?.message}`)
  }
  assert.ok(tally.refused.length <= 0.02 * trials, tally.refused[0])
  if (trials >= 200) {
    assert.ok(tally.succeeded > 0.2 * tally.rows, 'too little succeeds for the trial to mean anything')
    for (const level of levels) assert.ok(tally.levels[level] > 0, `nothing has level ${level}`)
    if (asksMatrix) assert.ok(tally.guests.pass > 0, 'no anonymous user passes where a level is needed')
    if (asksMatrix) assert.ok(tally.liveOnly > 0, 'nothing is for live sessions only')
  }
  if (!asksMatrix) return
  assert.equal(tally.unsound, 0, 'kinds of unsound rows: see above')
  assert.ok(tally.tight > 0.9 * tally.rows, 'the matrix states too many levels that are lower than need be')
})

// PROFILE_TRIALS tells how many random sets of policies on claims of identity providers are tried.
const profileTrials = Number(process.env.PROFILE_TRIALS ?? 80)

function tryPolicies({ runs, seed, tally, read, shrinks = true }) {
  const { client } = laboratories[0]
  let failedAt
  const property = fc.asyncProperty(profileCase, async (drawn) => {
    if (Date.now() - failedAt > shrinkingTime) return
    const judged = await tryProfiles(client, drawn, read).catch((error) => {
      if (!(error instanceof pg.DatabaseError)) throw error
      tally.refused.push(error.message)
      return []
    })
    tally.add(judged)
    const unsound = judged.find(({ unsound }) => unsound)?.unsound
    if (!unsound) return
    failedAt ??= Date.now()
    throw new Error(unsound)
  })
  return fc.check(property, { numRuns: runs, seed, endOnFailure: !shrinks })
}

test('no row of the matrix is above the level of a token that passes, by the claims of a profile', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const tally = new ProfileTally()
  const { failed, errorInstance } = await tryPolicies({ runs: profileTrials, seed, tally })
  t.diagnostic(tally.summary)
  assert.ok(!failed, `SEED=${seed}: ${errorInstance?.message}`)
  assert.ok(tally.refused.length <= 0.05 * profileTrials, tally.refused[0])
  for (const level of ['none', 'aal1', 'aal2']) {
    assert.ok(tally.of[level] > 0, `nothing is stated to need ${level}`)
    assert.ok(tally.sessions[level] > 0, `no token at ${level} passes`)
  }
})

test('a matrix that promises too high a level of tokens by profiles is found out', async () => {
  const read = async (client, tables) => tables.map(() => ({ level: 'aal2', age: null, note: null }))
  const { failed, errorInstance } = await tryPolicies({ runs: 20, seed: 1, tally: new ProfileTally(), read, shrinks: false })
  assert.ok(failed)
  assert.match(errorInstance.message, /The matrix says aal2, and a token at (none|aal1) passes/)
})

// A matrix that says the same of everything.
const always = (required_aal, max_age) => async () => {
  const row = { required_aal, max_age, decided_by: [], note: null }
  return { get: () => row, values: () => [row] }
}

test('a matrix that promises too high a level is found out', async () => {
  const { failed, errorInstance } = await tryOut(laboratories[0], { read: always('aal3', null), runs: 50, seed: 1, tally: new Tally() })
  assert.ok(failed)
  assert.match(errorInstance.message, /The matrix says aal3.*succeeds at none/s)
})

test('a matrix that leaves anonymous users out is found out', async () => {
  const read = async (client, tables) => {
    const rows = await readMatrix(client, tables)
    for (const row of rows.values()) row.note = row.note?.replace('anonymous users pass, too', '') ?? null
    return rows
  }
  // Such a row is rare: until there is one.
  const { failed, errorInstance } = await tryOut(laboratories[0], { read, runs: 400, seed: 1, tally: new Tally() })
  assert.ok(failed)
  assert.match(errorInstance.message, /anonymous/)
})

test('a matrix that calls everything for live sessions only is found out', async () => {
  const tally = new Tally()
  const read = async (client, tables) => {
    const rows = await readMatrix(client, tables)
    for (const row of rows.values()) row.note = 'live sessions only'
    return rows
  }
  await tryOut(laboratories[0], { read, runs: 30, seed: 9, tally, keepGoing: true })
  assert.ok(tally.unsound > 0)
})

test('a matrix that promises too fresh a factor is found out', async () => {
  const tally = new Tally()
  await tryOut(laboratories[0], { read: always('aal2', 900), runs: 50, seed: 1, tally, keepGoing: true })
  const tooStale = [...tally.kinds.unsound.keys()].filter((kind) => kind.includes('stated aal2, succeeds at aal2'))
  assert.ok(tooStale.length > 0)
})
