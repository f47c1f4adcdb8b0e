// Random schemas in which tables are protected and other things lead to them: functions, triggers, foreign keys, views and rules.

import fc from 'fast-check'
import { oneOf, rarely } from './random_condition.mjs'

const tableNames = ['t1', 't2', 't3', 't4']
const other = fc.nat(3)
const grantee = oneOf([4, 'trial_user'], [3, 'public'], [2, 'trial_anon'], [2, 'trial_owner'], [1, 'trial_bypass'], [2, null])
const owner = oneOf([5, 'postgres'], [1, 'trial_owner'], [1, 'trial_bypass'])

const table = fc.record({
  protect: oneOf([3, 'aal2'], [1, 'without guard'], [3, null]),
  grants: fc.uniqueArray(oneOf([2, 'select'], [2, 'insert'], [2, 'update'], [2, 'delete'], [1, 'truncate']), { maxLength: 4 }),
  to: oneOf([3, 'trial_user'], [2, 'public'], [1, 'trial_anon'], [3, null]),
  owner: oneOf([6, 'postgres'], [1, 'trial_owner']),
  child: rarely(8),
})

const verb = oneOf([3, 'delete'], [3, 'update'], [3, 'insert'], [3, 'select'], [1, 'truncate'], [1, 'merge'], [1, 'upsert'])
// How a function asks for a level, if it does.
const asks = oneOf([2, 'opening'], [2, 'returns'], [1, 'raises'], [1, 'lower'], [1, 'late'], [1, 'caught'], [3, null])

const code = fc.record({
  language: oneOf([3, 'plpgsql'], [2, 'sql'], [1, 'atomic']),
  definer: oneOf([3, true], [2, false]),
  owner,
  open: grantee,
  does: fc.array(fc.record({ verb, table: other, how: oneOf([5, 'named'], [1, 'executed'], [1, 'composed']) }), { minLength: 1, maxLength: 2 }),
  asks,
  calls: oneOf([3, null], [1, 0], [1, 1]),
  hidden: rarely(15),
  stable: rarely(15),
})

const trigger = fc.record({
  on: other,
  when: oneOf([2, 'before'], [2, 'after']),
  level: oneOf([2, 'row'], [1, 'statement']),
  events: fc.uniqueArray(oneOf([2, 'insert'], [2, 'update'], [2, 'delete']), { minLength: 1, maxLength: 3 }),
  disabled: rarely(10),
  nothing: rarely(20),
  code,
})

const action = oneOf([3, 'cascade'], [1, 'set null'], [2, 'no action'])
const key = fc.record({ from: other, to: other, onDelete: action, onUpdate: action })

const view = fc.record({
  of: other,
  overView: rarely(20),
  kind: oneOf([3, 'owner'], [3, 'invoker'], [1, 'copy']),
  asks: rarely(15),
  owner,
  grants: fc.uniqueArray(oneOf([3, 'select'], [2, 'insert'], [2, 'update'], [2, 'delete']), { maxLength: 3 }),
  to: grantee,
  instead: oneOf([6, null], [1, code]),
})

const rule = fc.record({ on: other, event: oneOf([1, 'insert'], [1, 'update'], [1, 'delete']), verb, table: other })

const draft = fc.record({
  tables: fc.tuple(table, table, table, table),
  functions: fc.array(code, { maxLength: 2 }),
  triggers: fc.array(trigger, { maxLength: 2 }),
  keys: fc.array(key, { maxLength: 2 }),
  views: fc.array(view, { maxLength: 2 }),
  rules: oneOf([4, []], [1, fc.array(rule, { minLength: 1, maxLength: 1 })]),
  defaults: oneOf([6, null], [1, fc.record({ on: other, code })]),
  aggregate: oneOf([8, null], [1, code]),
})

export const waysSchema = draft.map((draft) => new WaysSchema(draft))

class WaysSchema {
  constructor(draft) {
    this.statements = [
      'create schema s',
      'create schema hidden',
      'grant usage on schema s to public',
      'grant create on schema s, hidden to trial_owner, trial_bypass',
    ]
    this.attempts = []
    this.tables = draft.tables.map((table, nr) => ({ ...table, name: `s.${tableNames[nr]}` }))
    for (const table of this.tables) this.createTable(table)
    for (const [nr, key] of draft.keys.entries()) this.createKey(key, nr)
    this.functions = []
    for (const [nr, code] of draft.functions.entries()) this.createFunction(code, nr)
    if (draft.defaults) this.createDefault(draft.defaults)
    if (draft.aggregate) this.createAggregate(draft.aggregate)
    for (const table of this.tables) this.fill(table)
    for (const { name, keys } of this.tables) if (keys) this.run(`update ${name} set ${keys.map((key) => `${key} = 1`).join(', ')}`)
    for (const [nr, rule] of draft.rules.entries()) this.createRule(rule, nr)
    for (const [nr, view] of draft.views.entries()) this.createView(view, nr)
    for (const table of this.tables) this.protect(table)
    for (const [nr, trigger] of draft.triggers.entries()) this.createTrigger(trigger, nr)
    for (const { name } of this.tables) this.attempts.push(...attemptsOn(name))
  }

  get sql() {
    return this.statements.map((statement) => statement + ';').join('\n')
  }

  get asserted() {
    return this.tables.filter(({ protect }) => protect)
  }

  get excluded() {
    const names = this.tables.filter(({ protect }) => !protect).map(({ name }) => name.slice(2))
    return [...names, ...this.tables.filter(({ child }) => child).map(({ name }) => name.slice(2) + '_child')]
  }

  run(...statements) {
    this.statements.push(...statements)
  }

  createTable({ name, owner, child }) {
    this.run(`create table ${name} (id int primary key, n int unique, label text default 'x')`)
    if (child) this.run(`create table ${name}_child () inherits (${name})`)
    if (owner !== 'postgres') this.run(`alter table ${name} owner to ${owner}`)
  }

  createKey({ from, to, onDelete, onUpdate }, nr) {
    const [a, b] = [this.tables[from], this.tables[to]]
    this.run(`alter table ${a.name} add column k${nr} int references ${b.name} (n) on delete ${onDelete} on update ${onUpdate}`)
    a.keys = [...(a.keys ?? []), `k${nr}`]
  }

  fill({ name, keys = [] }) {
    const columns = ['id', 'n', 'label', ...keys].join(', ')
    const rows = [1, 2].map((n) => `(${[n, n, `'secret of ${name}'`, ...keys.map(() => 'null')].join(', ')})`)
    this.run(`insert into ${name} (${columns}) values ${rows.join(', ')}`)
  }

  protect({ name, protect, grants, to, child }) {
    if (to && grants.length > 0) this.run(`grant ${grants.join(', ')} on ${name} to ${to}`)
    if (!protect) return
    this.run(`create policy everybody on ${name} using (true)`)
    this.run(`select auth.protect_table('${name}'${protect === 'aal2' ? '' : ', guard => false'})`)
    if (child) this.run(`grant select on ${name}_child to trial_user`)
  }

  // The statements of a body, and whether it returns rows.
  body(code) {
    const statements = code.does.map(({ verb, table, how }) => written(code.stable ? 'select' : verb, this.tables[table].name, how, code.language))
    const called = code.calls !== null && this.functions[code.calls]
    if (called && !called.arguments) statements.push(code.language === 'plpgsql' ? `perform ${called.name}()` : `select ${called.name}()`)
    return statements
  }

  createFunction(code, nr) {
    const name = `${code.hidden ? 'hidden' : 's'}.f${nr}`
    const head = `create function ${name}() returns text ${options(code)}`
    const result = `(select string_agg(label, ',') from ${this.tables[code.does[0].table].name})`
    const reads = code.does[0].verb === 'select'
    const last = reads ? `select ${result}` : `select 'done'`
    if (code.language === 'plpgsql') {
      const statements = this.body(code).filter((statement) => !reads || !statement.startsWith('perform label'))
      this.run(`${head} language plpgsql as $f$ ${asked(code.asks, statements, reads ? `return ${result}` : `return 'done'`)} $f$`)
    } else if (code.language === 'sql') {
      const opening = { opening: ["select auth.require_aal('aal2')"], lower: ["select auth.require_aal('aal1')"] }[code.asks] ?? []
      const late = code.asks === 'late' ? ["select auth.require_aal('aal2')"] : []
      const filter = code.asks === 'returns' ? " where auth.has_aal('aal2')" : ''
      this.run(`${head} language sql as $f$ ${[...opening, ...this.body(code), ...late, last + filter].join('; ')} $f$`)
    } else {
      this.run(`${head} language sql begin atomic ${[...this.body({ ...code, language: 'sql' }), last].join('; ')}; end`)
    }
    this.ownAndOpen(`function ${name}()`, code)
    this.functions.push({ name })
    this.attempts.push(`select ${name}()`)
  }

  ownAndOpen(what, { owner, open }) {
    this.run(`revoke execute on ${what} from public`)
    if (open) this.run(`grant execute on ${what} to ${open}`)
    if (owner !== 'postgres') this.run(`alter ${what} owner to ${owner}`)
    if (owner !== 'postgres') for (const { name } of this.tables) this.ownersGrant(name, owner)
  }

  // What an owner needs for its functions and views to do something.
  ownersGrant(name, owner) {
    const statement = `grant all on ${name} to ${owner}`
    if (owner === 'trial_bypass' && !this.statements.includes(statement)) this.run(statement)
  }

  createTrigger({ on, when, level, events, disabled, nothing, code }, nr) {
    const name = `s.trigger_function${nr}`
    const table = this.tables[on].name
    const result = nothing ? 'null' : 'coalesce(new, old)'
    const statements = this.body({ ...code, language: 'plpgsql' })
    this.run(
      `create function ${name}() returns trigger ${options({ ...code, stable: false })} language plpgsql as $f$ ${asked(code.asks, statements, `return ${result}`)} $f$`,
    )
    this.ownAndOpen(`function ${name}()`, { ...code, open: null })
    this.run(`create trigger x${nr} ${when} ${events.join(' or ')} on ${table} for each ${level} execute function ${name}()`)
    if (disabled) this.run(`alter table ${table} disable trigger x${nr}`)
  }

  createView({ of, overView, kind, asks, owner, grants, to, instead }, nr) {
    const name = `s.v${nr}`
    const source = overView && nr > 0 ? `s.v${nr - 1}` : this.tables[of].name
    const filter = asks ? " where (select auth.has_aal('aal2'))" : ''
    const query = `select id, n, label from ${source}${filter}`
    if (kind === 'copy') this.run(`create materialized view ${name} as ${query}`)
    else this.run(`create view ${name}${kind === 'invoker' ? ' with (security_invoker)' : ''} as ${query}`)
    if (owner !== 'postgres') {
      this.run(`grant all on ${source} to ${owner}`, `alter ${kind === 'copy' ? 'materialized ' : ''}view ${name} owner to ${owner}`)
    }
    const granted = kind === 'copy' ? grants.filter((one) => one === 'select') : grants
    if (to && granted.length > 0) this.run(`grant ${granted.join(', ')} on ${name} to ${to}`)
    if (instead && kind !== 'copy') {
      const statements = this.body({ ...instead, language: 'plpgsql' })
      this.run(
        `create function s.instead${nr}() returns trigger ${options({ ...instead, stable: false })} language plpgsql as $f$ ${asked(instead.asks, statements, 'return new')} $f$`,
      )
      this.ownAndOpen(`function s.instead${nr}()`, { ...instead, open: null })
      this.run(`create trigger instead instead of insert or update on ${name} for each row execute function s.instead${nr}()`)
    }
    this.attempts.push(...attemptsOn(name))
  }

  createRule({ on, event, verb, table }, nr) {
    const action = written(verb === 'truncate' || verb === 'merge' || verb === 'select' ? 'delete' : verb, this.tables[table].name, 'named', 'sql')
    if (on !== table) this.run(`create rule r${nr} as on ${event} to ${this.tables[on].name} do also ${action}`)
  }

  createDefault({ on, code }) {
    const statements = this.body({ ...code, language: 'plpgsql' })
    const place = code.hidden ? 'hidden' : 's'
    this.run(
      `create function ${place}.by_default() returns int ${options({ ...code, stable: false })} language plpgsql as $f$ ${asked(code.asks, statements, 'return 1')} $f$`,
    )
    this.ownAndOpen(`function ${place}.by_default()`, code)
    this.tables[on].keys = [...(this.tables[on].keys ?? []), 'd']
    this.run(
      `alter table ${this.tables[on].name} add column d int`,
      `alter table ${this.tables[on].name} alter column d set default ${place}.by_default()`,
    )
    this.attempts.push(`select ${place}.by_default()`)
  }

  createAggregate(code) {
    const statements = this.body({ ...code, language: 'plpgsql' })
    this.run(
      `create function s.step(int, int) returns int ${options({ ...code, stable: false })} language plpgsql as $f$ ${asked(code.asks, statements, 'return 1')} $f$`,
    )
    this.ownAndOpen('function s.step(int, int)', { ...code, open: null, owner: 'postgres' })
    this.run('create aggregate s.all_steps(int) (sfunc = s.step, stype = int, initcond = 0)')
    this.attempts.push('select s.all_steps(1)')
  }
}

const options = ({ definer, stable }) => [definer && 'security definer', stable && 'stable'].filter(Boolean).join(' ')

function written(verb, table, how, language) {
  const fresh = 100 + Math.abs(table.charCodeAt(3))
  const statement = {
    delete: `delete from ${table}`,
    update: `update ${table} set label = 'changed'`,
    insert: `insert into ${table} (id, n) select max(id) + ${fresh}, max(id) + ${fresh} from ${table}`,
    select: language === 'plpgsql' ? `perform label from ${table}` : `select label from ${table}`,
    truncate: `truncate ${table} cascade`,
    merge: `merge into ${table} t using (values (1)) v(id) on t.id = v.id when matched then update set label = 'merged'`,
    upsert: `insert into ${table} (id, n) values (1, 1) on conflict (id) do update set label = 'conflict'`,
  }[verb]
  if (language !== 'plpgsql' || verb === 'select' || how === 'named') return statement
  const [schema, name] = table.split('.')
  if (how === 'executed') return `execute $x$${statement}$x$`
  return `execute replace($x$${statement}$x$, '${table}', '${schema}.' || '${name}')`
}

// A body in PL/pgSQL that asks so.
function asked(asks, statements, last) {
  const body = [...statements, last].join('; ')
  switch (asks) {
    case 'opening':
      return `begin perform auth.require_aal('aal2'); ${body}; end`
    case 'returns':
      return `begin if not auth.has_aal('aal2') then return null; end if; ${body}; end`
    case 'raises':
      return `declare n int := 0; begin if not auth.has_aal('aal2') then raise exception 'no'; end if; ${body}; end`
    case 'lower':
      return `begin perform auth.require_aal('aal1'); ${body}; end`
    case 'late':
      return `begin ${[...statements, "perform auth.has_aal('aal2')", last].join('; ')}; end`
    case 'caught':
      return `begin perform auth.require_aal('aal2'); ${last}; exception when others then ${body}; end`
    default:
      return `begin ${body}; end`
  }
}

const attemptsOn = (name) => [
  `select * from ${name}`,
  `insert into ${name} (id, n) values (77, 77)`,
  `insert into ${name} (id, n) values (1, 1) on conflict do nothing`,
  `update ${name} set n = n + 10`,
  `update ${name} set n = null where n = 1`,
  `update ${name} set label = 'u'`,
  `delete from ${name}`,
  `delete from ${name} where false`,
  `truncate ${name} cascade`,
]
