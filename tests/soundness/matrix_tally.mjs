// What came of the trials: how many rows of the matrix were just right, and where it could say more.

import { counterexample, levels } from './matrix_trial.mjs'

// What a table's policies hold, to see which of it the matrix understands least.
const features = {
  'and, or': / and | or /,
  not: /\(not /,
  case: /\(case /,
  coalesce: /coalesce/,
  nullif: /nullif/,
  'is true, is null, …': / is (not )?(true|false|null|unknown)/,
  'is distinct from': /distinct from/,
  'boolean = boolean': /\)\) (=|<>) \(\(/,
  in: / in \(/,
  'any, all': / (any|all) \(/,
  '<@, @>, &&': /<@|@>|&&/,
  like: / like /,
  has_aal: /auth\.has_aal\('/,
  'has_aal of no constant': /auth\.has_aal\([^')]/,
  enrolled: /enrolled/,
  require: /require_/,
  max_age: /minutes|hour/,
  authenticated_at: /authenticated_at/,
  aal_status: /aal_status/,
  'auth.aal()': /auth\.aal\(/,
  'auth.claims()': /auth\.claims/,
  'auth.jwt()': /auth\.jwt/,
  'auth.uid()': /auth\.uid/,
  'auth.mfa_factors': /mfa_factors/,
  current_setting: /current_setting/,
  'roles by name': /auth\.role|current_user|'role'/,
  'SQL function': /language sql/,
  'PL/pgSQL function': /plpgsql/,
  'sub-select': / from s\./,
  aggregate: /(count|bool_or|bool_and|max|sum|array_agg)\(/,
  'only false, null or true': /^[^(]*\((false|null::boolean|true)\)$/m,
  guard: /trigger guard/,
  protect_table: /protect_table/,
  protect_schema: /protect_schema/,
  applies_when: /applies_when/,
  'live sessions': /live/,
}

export class Tally {
  schemas = 0
  refused = []
  rows = 0
  levels = Object.fromEntries(levels.map((level) => [level, 0]))
  tight = 0
  nontrivial = 0
  nontrivialTight = 0
  guests = { noted: 0, pass: 0 }
  liveOnly = 0
  withFeature = Object.fromEntries(Object.keys(features).map((name) => [name, { rows: 0, loose: 0 }]))
  // Rows of tables of which a policy asks a gate of the user's: see random_gate.mjs.
  gates = { plpgsql: { rows: 0, tight: 0 }, sql: { rows: 0, tight: 0 } }
  kinds = { unsound: new Map(), loose: new Map() }
  start = Date.now()

  add(schema, rows) {
    this.schemas++
    this.end = Date.now()
    for (const row of rows) this.addRow(schema, row)
  }

  addRow(schema, row) {
    const { level, tight, nontrivial, unsound } = row
    this.rows++
    this.levels[level]++
    this.tight += Number(tight)
    this.nontrivial += Number(nontrivial)
    this.nontrivialTight += Number(nontrivial && tight)
    if (row.guest?.noted) this.guests.noted++
    if (row.guest?.passes) this.guests.pass++
    if (row.liveOnly) this.liveOnly++
    if (nontrivial) this.addFeatures(schema, row)
    if (nontrivial) this.addGates(schema, row)
    if (unsound) this.addKind('unsound', schema, row)
    else if (!tight) this.addKind('loose', schema, row)
  }

  addFeatures(schema, { table, tight }) {
    const text = schema.decides(table)
    for (const [name, pattern] of Object.entries(features)) {
      if (!pattern.test(text)) continue
      this.withFeature[name].rows++
      this.withFeature[name].loose += Number(!tight)
    }
  }

  addGates(schema, { table, tight }) {
    for (const language of schema.gatesOf(table)) {
      const counts = this.gates[language]
      counts.rows++
      counts.tight += Number(tight)
    }
  }

  // Of each kind, the smallest example.
  addKind(sort, schema, row) {
    const plain = (text) =>
      String(text)
        .replace(/\d+/g, '#')
        .replace(/"[^"]*"+/g, '""')
    const { command, level, stated } = row
    const why = stated ? `decided by ${plain(stated.decided_by)}, note ${plain(stated.note)}` : 'which is not listed'
    const name = `${command} stated ${stated?.required_aal ?? 'nothing'}, succeeds at ${level}, ${why}`
    const kind = this.kinds[sort].get(name) ?? { name, count: 0, size: Infinity }
    kind.count++
    if (schema.sql.length < kind.size) Object.assign(kind, { size: schema.sql.length, example: counterexample(schema, row) })
    this.kinds[sort].set(name, kind)
  }

  get succeeded() {
    return this.rows - this.levels.denied
  }

  get unsound() {
    return this.kinds.unsound.size
  }

  get summary() {
    const byLevel = Object.entries(this.levels)
      .map(([level, count]) => `${level} ${percent(count, this.rows)}`)
      .join(', ')
    const { schemas, refused, rows, nontrivial } = this
    const { plpgsql, sql } = this.gates
    const [all, decided] = [percent(this.tight, rows), percent(this.nontrivialTight, nontrivial)]
    return [
      `${schemas} schemas (${Math.round((this.end - this.start) / schemas)} ms each; ${refused.length} more were refused), ${rows} rows of the matrix`,
      `the lowest that succeeds: ${byLevel}`,
      `anonymous users pass in ${this.guests.pass} rows that need a level, and ${this.guests.noted} say that they do`,
      `just as stated: ${all} of all rows, ${decided} of the ${nontrivial} that policies or guards decide`,
      `just as stated where a policy asks a gate: ${percent(plpgsql.tight, plpgsql.rows)} of ${plpgsql.rows} rows in PL/pgSQL, ${percent(sql.tight, sql.rows)} of ${sql.rows} in SQL`,
    ]
  }

  // What to improve.
  details(limit = 10) {
    const lines = this.refused.slice(0, 3)
    const byShare = Object.entries(this.withFeature).sort(([, a], [, b]) => b.loose / b.rows - a.loose / a.rows)
    for (const [name, { rows, loose }] of byShare) lines.push(`${percent(loose, rows)} loose of ${rows} with ${name}`)
    for (const [sort, kinds] of Object.entries(this.kinds)) {
      const most = [...kinds.values()].sort((a, b) => b.count - a.count).slice(0, limit)
      for (const { name, count, example } of most) lines.push('', `-- ${count} times ${sort}: ${name}`, example)
    }
    return lines
  }
}

const percent = (part, whole) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)
