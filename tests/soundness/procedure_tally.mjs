// What came of the trials of auth.aal_functions and lint 0014: how many rows were just right, and where the two could say more.

import { counterexample, wrongFinding } from './procedure_trial.mjs'

export class ProcedureTally {
  schemas = 0
  refused = []
  rows = 0
  levels = {}
  opensToUnknown = 0
  byLanguage = { plpgsql: { rows: 0, tight: 0 }, sql: { rows: 0, tight: 0 } }
  findings = { right: 0, silent: 0, 'false alarm': 0, miss: 0, 'false alarm, not read': 0, 'false alarm, not reached': 0 }
  kinds = { unsound: new Map(), loose: new Map(), 'false alarm': new Map(), miss: new Map() }

  add(schema, { rows, findings }) {
    this.schemas++
    for (const row of rows) if (row.isClaimed) this.addRow(row)
    for (const finding of findings) this.addFinding(finding)
  }

  addRow(row) {
    const { procedure, level, tight, unsound, stated } = row
    this.rows++
    this.levels[level] = (this.levels[level] ?? 0) + 1
    this.opensToUnknown += Number(row.opensToUnknown)
    const counts = this.byLanguage[procedure.language]
    counts.rows++
    counts.tight += Number(tight)
    const name = `${procedure.language} stated ${stated?.required_aal ?? 'nothing'}, touched at ${level}, note ${plain(stated?.note)}`
    if (unsound) this.addKind('unsound', name, row.schema, () => counterexample(row))
    else if (!tight) this.addKind('loose', name, row.schema, () => counterexample(row))
  }

  addFinding(finding) {
    const { named, below, notes, isReached, schema, procedure } = finding
    if (named && below) this.findings.right++
    if (!named && !below) this.findings.silent++
    if (named === (below !== null)) return
    const wrong = named ? 'false alarm' : 'miss'
    const unread = !named ? '' : notes.length > 0 ? ', not read' : isReached ? '' : ', not reached'
    this.findings[wrong + unread]++
    // Of those that are read, each is a kind of its own.
    const kind = unread ? `notes ${plain(notes.join(' '))}` : schema.statements.find((one) => one.includes(`function ${procedure.name}(`))
    this.addKind(wrong, `${procedure.language}${unread}, ${kind}`, schema, () => wrongFinding(finding))
  }

  // Of each kind, the smallest example.
  addKind(sort, name, schema, written) {
    const kind = this.kinds[sort].get(name) ?? { name, count: 0, size: Infinity }
    kind.count++
    if (schema.sql.length < kind.size) Object.assign(kind, { size: schema.sql.length, example: written() })
    this.kinds[sort].set(name, kind)
  }

  get tight() {
    return this.byLanguage.plpgsql.tight + this.byLanguage.sql.tight
  }

  get summary() {
    const { schemas, refused, rows, levels, byLanguage, findings } = this
    const share = ({ tight, rows }) => (rows === 0 ? '-' : `${((100 * tight) / rows).toFixed(1)} % of ${rows}`)
    return [
      `${schemas} schemas (${refused.length} more were refused), ${rows} rows; the lowest level that touches a protected table: ${JSON.stringify(levels)}`,
      `just as stated: ${share(byLanguage.plpgsql)} in PL/pgSQL, ${share(byLanguage.sql)} in SQL`,
      `${this.opensToUnknown} rows that need a level are touched with a claim aal that is no level`,
      `lint 0014: ${JSON.stringify(findings)}`,
    ]
  }

  // What to improve.
  details(limit = 10) {
    const lines = this.refused.slice(0, 3)
    for (const [sort, kinds] of Object.entries(this.kinds)) {
      // What is read and reached comes first.
      const isOpen = ({ name }) => Number(/^\w+, not /.test(name))
      const most = [...kinds.values()].sort((a, b) => isOpen(a) - isOpen(b) || b.count - a.count).slice(0, limit)
      for (const { name, count, example } of most) lines.push('', `-- ${count} times ${sort}: ${name}`, example)
    }
    return lines
  }
}

const plain = (text) => String(text ?? 'none').replace(/\d+/g, '#')
