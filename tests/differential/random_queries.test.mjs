// "Evaluated once per statement" changes no answer: random queries under random policies, with our functions bare, with the same C functions
// without support, and with ours in a sub-select by hand.
//
//   QUERIES=20000 SEED=1 WORKERS=2 node --test random_queries.test.mjs
//
// A query that shows a difference is made smaller and printed, ready for psql. SURVEY=1 goes on instead, and lists the kinds of difference.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { variants as usual } from './random_expression.mjs'
import { counterexample, Laboratory, Trial } from './query_trial.mjs'
import { Tally } from './query_tally.mjs'

const queries = Number(process.env.QUERIES ?? 1000)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const workers = Number(process.env.WORKERS ?? 1)
const survey = Boolean(process.env.SURVEY)

const laboratories = []
before(async () => {
  while (laboratories.length < workers) laboratories.push(await Laboratory.start())
})
after(() => Promise.all(laboratories.map((laboratory) => laboratory.stop())))

test('random queries have equal answers with and without the support of the planner', async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const tally = new Tally()
  const outcomes = await Promise.all(
    laboratories.map((laboratory, nr) => {
      const trial = new Trial(laboratory, tally, seed + nr)
      trial.keepGoing = survey
      return trial.run(Math.ceil(queries / workers))
    }),
  )
  for (const line of tally.summary) t.diagnostic(line)
  const [{ hasJit }] = laboratories
  if (!hasJit) t.diagnostic('skipped: JIT, which this server does not have')
  const failure = outcomes.find(Boolean)
  assert.ok(!failure, failure && `SEED=${seed}\n${counterexample(failure)}`)
  for (const { complaints } of laboratories) assert.deepEqual(complaints, [])
  assert.equal(tally.failed.size, 0)
  tally.assertMeaning({ hasJit })
})

test('what is held against has no support', async () => {
  const plan = async (call) => {
    const { rows } = await laboratories[0].client.query(`explain (costs off) select from pg_class where relname = ${call}`)
    return rows.flat().join('\n')
  }
  assert.match(await plan('auth.subject()'), /InitPlan/)
  assert.doesNotMatch(await plan('without_support.subject()'), /InitPlan/)
})

test('a wrong answer is found, and its query made smaller', async () => {
  const [laboratory] = laboratories
  laboratory.variants = { ...laboratory.variants, plain: { ...laboratory.variants.plain, before: 'misled.' } }
  const failure = await new Trial(laboratory, new Tally(), 2).run(100)
  laboratory.variants = usual
  assert.ok(failure)
  assert.match(failure.query.statement.text, /⟦subject\(\)⟧/)
  assert.ok(failure.query.statement.text.length < 200, failure.query.statement.text)
})
