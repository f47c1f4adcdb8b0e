// What came of random queries: how many were compared, and what they were made of.

import assert from 'node:assert/strict'

// Of each, at least so many in a thousand queries that are answered, so that the test can't stop to test something unnoticed. A few
// depend on the server.
const wanted = {
  200: ['has_aal', 'subject', 'aal', 'correlated', 'case', 'aggregate', 'limit', 'partitioned', 'simple', 'policy, restrictive'],
  100: [
    'claims',
    'require_aal',
    'enrolled_aal',
    'has_enrolled_aal',
    'scalar sub-select',
    'exists',
    'sub-select in from',
    'function in from',
    'set-returning function, inlined',
    'left join',
    'grouping sets',
    'group by an expression',
    'values',
    'prepared',
    'generic plan',
    'partitionwise',
  ],
  50: [
    'subject_uuid',
    'aal_status',
    'authenticated_at',
    'of a column',
    'in',
    'any',
    'or',
    'not',
    'join',
    'full join',
    'right join',
    'cross join',
    'lateral',
    'call in a join',
    'window',
    'distinct',
    'distinct on',
    'limit by a call',
    'view',
    'view, security_barrier',
    'view, security_invoker',
    'SQL function, inlined',
    'cursor',
    'inherited',
  ],
  15: [
    'of another call',
    'session_is_live',
    'not in',
    'all',
    'in, of rows',
    'array',
    'filter',
    'having',
    'window frame by a call',
    'tablesample',
    'PL/pgSQL function',
    'SQL function with a sub-select',
    'union all',
    'parallel, forced',
    'parallel',
    'for update',
    'update',
    'delete',
    'insert',
    'merge',
    'returning',
    'collapse',
  ],
  4: [
    'order by',
    'CTE',
    'CTE, materialized',
    'CTE, not materialized',
    'CTE, recursive',
    'CTE, data-modifying',
    'union',
    'scroll',
    'update from',
    'geqo',
    'on conflict',
    'default',
    'meanwhile',
    'refused reads',
  ],
  3: ['intersect', 'except', 'intersect all', 'except all', 'raising', 'jit'],
}

export class Tally {
  queries = 0
  equal = 0
  raised = new Map()
  slow = 0
  failed = new Map()
  features = new Map()
  start = Date.now()

  add(query, { raised, message, slow, failed }) {
    this.queries++
    for (const feature of query.allFeatures) this.features.set(feature, (this.features.get(feature) ?? 0) + 1)
    if (slow) this.slow++
    else if (failed) increment(this.failed, failed)
    else if (raised) increment(this.raised, `${raised} ${message.replace(/\d+/g, '#').replace(/"[^"]*"/g, '"…"')}`)
    else this.equal++
  }

  get summary() {
    const listed = (map) => [...map].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name}: ${count}`)
    const raised = [...this.raised.values()].reduce((sum, count) => sum + count, 0)
    const seconds = Math.round((Date.now() - this.start) / 1000)
    return [
      `${this.queries} queries compared in ${seconds} s: ${this.equal} answered alike, ${raised} raised alike, ${this.slow} took too long`,
      ...listed(this.failed).map((line) => `differently: ${line}`),
      ...listed(this.raised).map((line) => `raised alike: ${line}`),
      `made of: ${listed(this.features).join('; ')}`,
    ]
  }

  // hasJit: whether the server compiles.
  assertMeaning({ hasJit }) {
    const raised = [...this.raised.values()].reduce((sum, count) => sum + count, 0)
    assert.ok(raised < 0.15 * this.queries, 'too many queries raise for the test to mean anything')
    assert.ok(this.slow <= 0.01 * this.queries, 'too many queries take too long')
    // Queries that can't be run at all are the generator's mistake.
    const mistakes = [...this.raised].filter(([kind]) => /^42(?!501)/.test(kind)).reduce((sum, [, count]) => sum + count, 0)
    assert.ok(mistakes <= 0.01 * this.queries, 'too many queries are no queries')
    if (this.queries < 500) return
    for (const [least, features] of Object.entries(wanted)) {
      for (const feature of features) {
        if (feature === 'jit' && !hasJit) continue
        const count = this.features.get(feature) ?? 0
        assert.ok(count >= (least * this.queries) / 1000, `only ${count} queries with: ${feature}`)
      }
    }
  }
}

function increment(map, key) {
  map.set(key, (map.get(key) ?? 0) + 1)
}
