// What reads the catalog is never compiled (JIT): that takes seconds where the query takes milliseconds.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create extension pg_aal; create table payments (id int)')
})
after(() => cluster.stop())

test('no query of ours on the catalog is compiled, though each seems to be worth it', async (t) => {
  const [{ available }] = await cluster.query('postgres', 'select pg_jit_available() as available')
  if (!available) return t.skip('Postgres has no JIT here')
  cluster.psql(
    'postgres',
    `load 'auto_explain';
     set auto_explain.log_nested_statements = on;
     set auto_explain.log_analyze = on;
     set auto_explain.log_min_duration = 0;
     set jit = on;
     set jit_above_cost = 0;
     select count(*) as compiled from pg_class;
     select count(*) as of_the_proof from auth.aal_functions(), auth.aal_matrix(), auth.aal_lint();`,
  )
  const plans = cluster.log().split(/^(?=.*LOG: {2}duration: )/m)
  const compiled = plans.filter((plan) => plan.includes('\n\tJIT:'))
  assert.ok(
    compiled.some((plan) => plan.includes('count(*) as compiled')),
    'this server compiles',
  )
  const ours = compiled.filter((plan) => !/count\(\*\) as (compiled|of_the_proof)/.test(plan))
  assert.deepEqual(
    ours.map((plan) => plan.slice(0, 300)),
    [],
  )
})
