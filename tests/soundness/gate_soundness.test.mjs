// What auth.assert_schema passes, nothing gets past: random schemas with functions, triggers, foreign keys, views and rules that lead to
// protected tables, and everything that roles can try in sessions below the asserted levels.
//
//   TRIALS=2000 SEED=1 node --test gate_soundness.test.mjs

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { claims } from '../tokens.mjs'
import { InvalidSchema, Laboratory } from './matrix_trial.mjs'
import { users } from './random_schema.mjs'
import { available, waysSchema } from './random_ways.mjs'

const trials = Number(process.env.TRIALS ?? 300)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
// These schemas are tried in each run, too.
const fixedSeed = 213931641

let laboratory
before(async () => {
  laboratory = await Laboratory.start()
  laboratory.cluster.psql('postgres', readFileSync(new URL('gate_trial.sql', import.meta.url), 'utf8'))
  available.membershipOptions = Number(process.env.PG ?? 15) >= 16
})
after(() => laboratory.stop())

const aal1 = (sub) =>
  JSON.stringify({ ...claims({ sub }), aal: 'aal1', amr: [{ method: 'password', timestamp: Math.floor(Date.now() / 1000) - 60 }] })
// Those without a level come first: reads are asserted to need aal1.
const exempt = JSON.stringify({ ...JSON.parse(aal1(users.enrolled)), exempt: 'yes' })
const sessions = ['', JSON.stringify({ sub: users.enrolled }), aal1(users.enrolled), aal1(users.factorless), exempt]
const tooLowForReads = 2
const roles = ['trial_user', 'trial_anon', 'trial_owner']

const passesAll = async () => null

// What the gate refuses; null if it passes.
async function gate(client, schema) {
  await client.query('savepoint asserted')
  try {
    await client.query('select auth.assert_schema($1, excluding => $2, accept => $3)', ['s', schema.excluded, schema.accepted])
    return null
  } catch (error) {
    if (error.code !== 'P0004') throw error
    return error
  } finally {
    await client.query('rollback to asserted')
  }
}

async function tryOut(schema, asks) {
  const { client } = laboratory
  await client.query('begin')
  try {
    await client.query(schema.sql).catch((error) => {
      throw new InvalidSchema(`${schema.sql}\n-- ${error.message}`)
    })
    const refusal = await asks(client, schema)
    const names = schema.asserted.map(({ name }) => name)
    const { rows } = await client.query('select * from trial.ways_past($1, $2, $3, $4, $5, $6)', [
      names,
      sessions,
      tooLowForReads,
      roles,
      schema.accepts ? schema.forSome.map(({ name }) => name) : [],
      schema.attempts,
    ])
    return { refusal, past: rows }
  } finally {
    await client.query('rollback')
  }
}

function counterexample(schema, past) {
  const { role, session, statement, table_name } = past
  const set = `set local request.jwt.claims = '${sessions[session - 1]}'; set local role ${role};`
  return `-- ${table_name} is ${past.is_read ? 'read' : 'changed'}\nbegin;\n${schema.sql}\nselect auth.assert_schema('s', excluding => '{${schema.excluded}}', accept => '{${schema.accepted}}');\n${set}\n${statement};\nrollback;`
}

async function run(asks, runs, seed) {
  const tally = { passed: 0, open: 0, refused: 0, refusedOpen: 0, invalid: [] }
  const property = fc.asyncProperty(waysSchema, async (schema) => {
    if (schema.asserted.length === 0) return
    let outcome
    try {
      outcome = await tryOut(schema, asks)
    } catch (error) {
      if (error instanceof InvalidSchema) return void tally.invalid.push(error.message)
      throw error
    }
    const { refusal, past } = outcome
    if (refusal) {
      tally.refused++
      if (past.length > 0) tally.refusedOpen++
    } else {
      tally.passed++
      if (past.length > 0) throw new Error(counterexample(schema, past[0]))
    }
  })
  return { ...(await fc.check(property, { numRuns: runs, seed })), tally }
}

test('what assert_schema passes, no command gets past', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const { failed, errorInstance, tally } = await run(gate, trials, seed)
  const { passed, refused, refusedOpen, invalid } = tally
  t.diagnostic(`${passed} schemas passed, ${refused} were refused; of these a command got past in ${refusedOpen}; Postgres refused ${invalid.length}`)
  assert.ok(!failed, `SEED=${seed}\n${errorInstance?.message}`)
  assert.ok(invalid.length <= 0.05 * trials, invalid[0])
  if (trials < 100) return
  assert.ok(passed > 0.1 * trials, 'too few schemas pass for the trial to mean anything')
  assert.ok(refusedOpen > 0.4 * refused, 'the gate refuses too many schemas that nothing gets past')
})

test('what assert_schema passes, no command gets past: the same schemas in each run', async () => {
  const { failed, errorInstance } = await run(gate, Math.min(trials, 60), fixedSeed)
  assert.ok(!failed, `SEED=${fixedSeed}\n${errorInstance?.message}`)
})

test('a gate that passes everything is found out', async () => {
  const { failed, errorInstance } = await run(passesAll, 50, 1)
  assert.ok(failed)
  assert.match(errorInstance.message, /is (read|changed)/)
})
