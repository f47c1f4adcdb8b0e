// What came of the trials: how many rows of the matrix were just right, and where it could say more.

import { counterexample, levels } from './matrix_trial.mjs'

// What a table's policies hold, to see which of it the matrix understands least.
const features = {
  'and, or': / and | or /, not: /\(not /, case: /\(case /, 'case in a text': /case when .* end\b(?!\))/, coalesce: /coalesce/, nullif: /nullif/, lower: /lower/,
  'is true, false, null': / is (not )?(true|false|null|unknown)/, 'is distinct from': /distinct from/, 'boolean = boolean': /\)\) (=|<>) \(\(/, in: / in \(/, 'any, all': / (any|all) \(/,
  'array operator': /<@|@>|&&/, like: / like /, '>=': / >= /, has_aal: /has_aal/, 'has_aal of a column': /has_aal\([^')]/, enrolled: /enrolled/, require: /require_/, 'max_age': /minutes|hour/,
  'auth.aal()': /auth\.aal\(/, 'auth.jwt()': /auth\.jwt/, 'auth.claims()': /auth\.claims/, current_setting: /current_setting/, 'auth.uid()': /auth\.uid/, 'auth.role(), current_user': /role|current_user/,
  function: /s\.f\d/, 'sub-select': / from /, count: /count\(/, 'bool_or, bool_and': /bool_/, 'scalar sub-select': /limit 1/, mfa_factors: /mfa_factors/, partition: /partition|inherits/,
  guard: /aal_guard/, protect_table: /protect_table/, restrictive: /restrictive/, 'other roles': /pg_(read|write)_all|noinherit/,
}

export class Tally {
  schemas = 0
  rows = 0
  levels = Object.fromEntries(levels.map((level) => [level, 0]))
  tight = 0
  nontrivial = 0
  nontrivialTight = 0
  missing = 0
  withFeature = new Map()
  kinds = { unsound: new Map(), loose: new Map() }

  add(schema, rows) {
    this.schemas++
    for (const row of rows) this.addRow(schema, row)
  }

  addRow(schema, row) {
    this.rows++
    this.levels[row.level]++
    if (!row.stated) this.missing++
    if (row.tight) this.tight++
    if (row.nontrivial) this.nontrivial++
    if (row.nontrivial && row.tight) this.nontrivialTight++
    if (row.nontrivial) this.addFeatures(schema, row)
    if (row.unsound) this.addKind('unsound', schema, row)
    else if (!row.tight) this.addKind('loose', schema, row)
  }

  addFeatures(schema, row) {
    const text = textOf(schema, row)
    for (const [name, pattern] of Object.entries(features)) {
      if (!pattern.test(text)) continue
      const count = this.withFeature.get(name) ?? { rows: 0, loose: 0 }
      count.rows++
      if (!row.tight) count.loose++
      this.withFeature.set(name, count)
    }
  }

  // Of each kind, the smallest example.
  addKind(sort, schema, row) {
    const plain = (text) => String(text).replace(/\d+/g, '#').replace(/"[^"]*"/g, '""')
    const name = `${row.command} stated ${row.stated?.required_aal ?? 'nothing'}, succeeds at ${row.level}, decided by ${plain(row.stated?.decided_by)}, note ${plain(row.stated?.note)}`
    const size = textOf(schema, row).length
    const kind = this.kinds[sort].get(name) ?? { name, count: 0, size: Infinity }
    kind.count++
    if (size < kind.size) Object.assign(kind, { size, schema, row })
    this.kinds[sort].set(name, kind)
  }

  share(part, whole) {
    return whole === 0 ? 1 : part / whole
  }

  get succeeded() {
    return this.rows - this.levels.denied
  }

  get summary() {
    const percent = (part, whole) => (100 * this.share(part, whole)).toFixed(1) + ' %'
    const byLevel = Object.entries(this.levels).map(([level, count]) => `${level} ${percent(count, this.rows)}`).join(', ')
    return [
      `${this.schemas} schemas, ${this.rows} rows of the matrix tried; the lowest that succeeds: ${byLevel}`,
      `just as stated: ${percent(this.tight, this.rows)} of all; ${percent(this.nontrivialTight, this.nontrivial)} of the ${this.nontrivial} that policies or guards decide`,
    ]
  }

  // What to improve.
  details(limit = 10) {
    const lines = []
    const counts = [...this.withFeature].sort(([, a], [, b]) => b.loose / b.rows - a.loose / a.rows)
    for (const [name, { rows, loose }] of counts) lines.push(`${(100 * loose / rows).toFixed(1).padStart(5)} % loose of ${String(rows).padStart(6)} with ${name}`)
    for (const [sort, kinds] of Object.entries(this.kinds)) {
      const sorted = [...kinds.values()].sort((a, b) => b.count - a.count)
      for (const { name, count, schema, row } of sorted.slice(0, limit)) lines.push(`${count} times ${sort}: ${name}`, counterexample(schema, row))
    }
    return lines
  }
}

// What the schema says of this table, and the functions it calls.
function textOf(schema, { name }) {
  const its = schema.statements.filter((statement) => statement.includes(` on ${name} `) || statement.includes(`'${name}'`) || statement.startsWith('create function') || /noinherit|_all_data/.test(statement))
  return its.filter((statement) => !/^(alter table|grant|insert)/.test(statement) || statement.includes('_all_data')).join('\n')
}
