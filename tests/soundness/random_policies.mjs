// Random policies that are tried one by one, and two beside each other: an old one, and one of a migration that asks for a level.

import fc from 'fast-check'
import { condition, oneOf, under } from './random_condition.mjs'
import { gate, levelTest, makeGates, policyCondition } from './random_gate.mjs'
import { combinations, users } from './random_schema.mjs'

export const roles = ['trial_user', 'trial_anon']

// There is a row for each combination of values: no condition on one column says anything of another.
const columns = [
  { name: 'id', kind: 'id' },
  { name: 'flag', kind: 'flag', type: 'boolean', values: ['true', 'false', 'null'] },
  { name: 'owner', kind: 'owner', type: 'text', values: [`'${users.enrolled}'`, `'${users.factorless}'`, 'null'] },
  { name: 'n', kind: 'n', type: 'int', values: ['1', '3', '5', 'null'] },
  { name: 'team', kind: 'team', type: 'int', values: ['1', '2'] },
]

// What reads another document than the claims.
const elsewhere = /\(*auth\.jwt\(\) -> 'app_metadata'\)*\)? *(@@|@\?|\?|->>?|#>>|@>) *'[^']*'/g

// How many there are.
export const allRows = columns.slice(1).reduce((count, { values }) => count * values.length, 1)

// Which rows: a few forms, so that two policies often say the same.
const rows = fc.constantFrom(
  ({ name }) => `${name}.owner = (select auth.uid())::text`,
  () => 'true',
  ({ name }) => `${name}.flag`,
  ({ name }) => `exists (select 1 from s.teams t where t.id = ${name}.team)`,
  ({ name }) => `(${name}.owner = auth.uid()::text or ${name}.flag)`,
)

const policy = fc.record({
  rows,
  // Whether the other's rows are taken instead.
  same: oneOf([3, true], [2, false]),
  level: oneOf([4, levelTest], [1, condition]),
  other: policyCondition,
  how: oneOf([6, 'rows and level'], [3, 'level'], [2, 'rows'], [1, 'rows or level'], [3, 'other'], [1, 'not level']),
})

const draft = fc.record({ gates: fc.array(gate, { maxLength: 2 }), pairs: fc.array(fc.tuple(policy, policy), { minLength: 1, maxLength: 2 }) })
export const policiesSchema = draft.map((draft) => new PoliciesSchema(draft))

class PoliciesSchema {
  constructor({ gates: drafts, pairs }) {
    this.statements = []
    this.texts = new Map()
    this.run('create schema s', 'grant usage on schema s to public')
    this.run('create table s.teams (id int)', 'insert into s.teams values (1)', 'grant select on s.teams to public')
    const { made, gates } = makeGates(drafts)
    this.run(...made)
    this.gates = gates
    this.pairs = pairs.map(([old, fresh], nr) => {
      const names = { old: `s.old${nr + 1}`, fresh: `s.fresh${nr + 1}`, both: `s.both${nr + 1}` }
      for (const name of Object.values(names)) this.create(name)
      const taken = fresh.same ? { ...fresh, rows: old.rows } : fresh
      for (const name of [names.old, names.both]) this.policy('old', name, old)
      for (const name of [names.fresh, names.both]) this.policy('fresh', name, taken)
      return names
    })
  }

  run(...statements) {
    for (const statement of statements) this.statements.push(statement + ';')
  }

  get sql() {
    return this.statements.join('\n')
  }

  // A policy's text, with those of the gates that it calls.
  text(table, policy) {
    const bodies = (text) => this.statements.filter((one) => /^create function (s\.gate\d+)/.test(one) && text.includes(one.match(/s\.gate\d+/)[0]))
    const called = new Set()
    const open = [this.texts.get(`${table} ${policy}`)]
    while (open.length > 0) {
      for (const body of bodies(open.pop())) {
        if (!called.has(body)) open.push(body)
        called.add(body)
      }
    }
    return [this.texts.get(`${table} ${policy}`), ...called].join('\n')
  }

  // Whether a policy names the level in some way. By what else it tells sessions apart, the lints say nothing: also by an `aal` elsewhere.
  // A level's own name alone asks for nothing: null = 'aal2'.
  asksForLevel(table, policy) {
    const text = this.text(table, policy)
      .replaceAll(/search_path = \S+/g, '')
      .replaceAll(elsewhere, '')
      .replaceAll(/(?<!level = )'"?aal[0-9]"?'/gi, "''")
    return /aal|currentLevel|nextLevel|authenticated_at/.test(text)
  }

  get tables() {
    return this.pairs.flatMap(({ old, fresh, both }) => [old, fresh, both])
  }

  create(name) {
    const [id, ...others] = columns
    this.run(`create table ${name} (${id.name} int, ${others.map(({ name, type }) => `${name} ${type}`).join(', ')})`)
    const all = combinations(
      others.map(({ values }) => values),
      allRows,
    )
    this.run(`insert into ${name} values ${all.map((row, nr) => `(${[nr + 1, ...row].join(', ')})`).join(', ')}`)
    this.run(`alter table ${name} enable row level security`, `grant select on ${name} to ${roles.join(', ')}`)
  }

  policy(name, table, draft) {
    this.texts.set(`${table} ${name}`, this.written(draft, table))
    this.run(`create policy ${name} on ${table} for select using (${this.written(draft, table)})`)
  }

  written({ rows, level, other, how }, table) {
    const name = table.replace('s.', '')
    const scope = { columns: under(name, columns), functions: [], gates: this.gates, variables: [] }
    switch (how) {
      case 'rows and level':
        return `${rows({ name })} and ${level(scope)}`
      case 'rows or level':
        return `${rows({ name })} or ${level(scope)}`
      case 'rows':
        return rows({ name })
      case 'level':
        return level(scope)
      case 'not level':
        return `not (${level(scope)})`
      default:
        return other(scope)
    }
  }
}
