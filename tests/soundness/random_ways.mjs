// Random schemas in which tables are protected and other things lead to them: functions, triggers, foreign keys, views and rules.

import fc from 'fast-check'
import { oneOf, rarely } from './random_condition.mjs'

// What the server at hand has: whether memberships have options.
export const available = { membershipOptions: false }

const tableNames = ['t1', 't2', 't3', 't4']
const other = fc.nat(3)
const grantee = oneOf([4, 'trial_user'], [3, 'public'], [2, 'trial_anon'], [2, 'trial_owner'], [1, 'trial_bypass'], [2, null])
const owner = oneOf([5, 'postgres'], [1, 'trial_owner'], [1, 'trial_bypass'], [1, 'trial_group'])

const table = fc.record({
  protect: oneOf([6, 'aal2'], [2, 'without guard'], [1, 'for some'], [6, null]),
  grants: fc.uniqueArray(oneOf([2, 'select'], [2, 'insert'], [2, 'update'], [2, 'delete'], [1, 'truncate']), { maxLength: 4 }),
  to: oneOf([3, 'trial_user'], [2, 'public'], [1, 'trial_anon'], [3, null]),
  owner: oneOf([6, 'postgres'], [1, 'trial_owner'], [1, 'trial_group']),
  forced: rarely(12),
  beneath: oneOf([8, null], [1, 'child'], [1, 'partition']),
  grantsBeneath: fc.uniqueArray(oneOf([2, 'select'], [1, 'insert'], [1, 'update'], [1, 'delete']), { maxLength: 2 }),
})

const verb = oneOf([6, 'delete'], [6, 'update'], [6, 'insert'], [6, 'select'], [2, 'truncate'], [2, 'merge'], [2, 'upsert'], [1, 'unnamed'])
// What a body does though it names neither table nor function: by an operator, a cast, or a domain's constraint.
const unnamed = oneOf([1, 'operator'], [1, 'cast'], [1, 'domain'])
// How a function asks for a level, if it does.
const asks = oneOf([2, 'opening'], [2, 'returns'], [1, 'raises'], [1, 'lower'], [1, 'late'], [1, 'caught'], [3, null])

const code = fc.record({
  language: oneOf([3, 'plpgsql'], [2, 'sql'], [1, 'atomic']),
  definer: oneOf([3, true], [2, false]),
  owner,
  open: grantee,
  does: fc.array(
    fc.record({
      verb,
      table: other,
      how: oneOf([10, 'named'], [2, 'executed'], [2, 'composed'], [1, 'with database'], [1, 'in a block'], [1, 'beneath']),
      unnamed,
    }),
    { minLength: 1, maxLength: 2 },
  ),
  asks,
  becomes: oneOf([20, null], [1, 'role'], [1, 'level']),
  defaults: rarely(10),
  calls: oneOf([3, null], [1, 0], [1, 1]),
  hidden: rarely(20),
  stable: rarely(15),
})

const trigger = fc.record({
  on: other,
  when: oneOf([2, 'before'], [2, 'after']),
  level: oneOf([2, 'row'], [1, 'statement']),
  events: fc.uniqueArray(oneOf([2, 'insert'], [2, 'update'], [2, 'delete']), { minLength: 1, maxLength: 3 }),
  disabled: rarely(10),
  nothing: rarely(20),
  deferred: rarely(10),
  condition: rarely(8),
  beneath: rarely(20),
  code,
})

const action = oneOf([3, 'cascade'], [1, 'set null'], [2, 'no action'])
const key = fc.record({ from: other, to: other, onDelete: action, onUpdate: action })

const view = fc.record({
  of: other,
  overView: rarely(20),
  overFunction: rarely(12),
  kind: oneOf([3, 'owner'], [3, 'invoker'], [1, 'copy']),
  asks: rarely(15),
  owner,
  grants: fc.uniqueArray(oneOf([3, 'select'], [2, 'insert'], [2, 'update'], [2, 'delete']), { maxLength: 3 }),
  to: grantee,
  instead: oneOf([6, null], [1, code]),
})

const rule = fc.record({
  on: other,
  event: oneOf([1, 'insert'], [1, 'update'], [1, 'delete']),
  verb,
  table: other,
  asks: rarely(30),
  instead: rarely(15),
})

const membership = fc.record({
  role: oneOf([1, 'trial_group'], [1, 'trial_owner'], [1, 'trial_bypass']),
  to: oneOf([2, 'trial_user'], [1, 'trial_anon'], [1, 'trial_owner'], [1, 'trial_group']),
  option: oneOf([2, ''], [1, 'admin'], [1, 'inherit false'], [1, 'set false']),
})

const draft = fc.record({
  tables: fc.tuple(table, table, table, table),
  functions: fc.array(code, { maxLength: 2 }),
  triggers: fc.array(trigger, { maxLength: 2 }),
  keys: fc.array(key, { maxLength: 2 }),
  views: fc.array(view, { maxLength: 2 }),
  rules: oneOf([4, []], [1, fc.array(rule, { minLength: 1, maxLength: 2 })]),
  expression: oneOf([5, null], [1, fc.record({ on: other, place: oneOf([2, 'default'], [1, 'check'], [1, 'domain'], [1, 'index']), code })]),
  aggregate: oneOf([8, null], [1, code]),
  // The schema is protected before its tables are made.
  watched: rarely(12),
  unnamed: code,
  memberships: oneOf([4, []], [1, fc.array(membership, { minLength: 1, maxLength: 2 })]),
  byDefault: oneOf([10, null], [1, grantee]),
  accepts: fc.boolean(),
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
    this.accepts = draft.accepts
    for (const one of draft.memberships) this.grantMembership(one)
    if (draft.byDefault) this.run(`alter default privileges in schema s grant select, insert, update, delete on tables to ${draft.byDefault}`)
    this.tables = draft.tables.map((table, nr) => ({ ...table, name: `s.${tableNames[nr]}` }))
    this.watched = draft.watched
    if (this.watched) this.watch()
    for (const table of this.tables) this.createTable(table)
    for (const [nr, key] of draft.keys.entries()) this.createKey(key, nr)
    this.functions = []
    if (JSON.stringify(draft).includes('"verb":"unnamed"')) this.createUnnamed(draft.unnamed)
    for (const [nr, code] of draft.functions.entries()) this.createFunction(code, nr)
    if (draft.aggregate) this.createAggregate(draft.aggregate)
    for (const table of this.tables) this.fill(table)
    for (const { name, keys } of this.tables) if (keys) this.run(`update ${name} set ${keys.map((key) => `${key} = 1`).join(', ')}`)
    if (draft.expression) this.createExpression(draft.expression)
    for (const [nr, rule] of draft.rules.entries()) this.createRule(rule, nr)
    for (const [nr, view] of draft.views.entries()) this.createView(view, nr)
    for (const table of this.tables) this.protect(table)
    for (const [nr, trigger] of draft.triggers.entries()) this.createTrigger(trigger, nr)
    for (const table of this.tables) this.attempts.push(...attemptsOn(table.name), ...(table.beneath ? attemptsOn(beneath(table)) : []))
  }

  get sql() {
    return this.statements.map((statement) => statement + ';').join('\n')
  }

  get asserted() {
    return this.tables.filter(({ protect }) => protect)
  }

  get excluded() {
    const names = this.tables.filter(({ protect }) => !protect).map(({ name }) => name.slice(2))
    const those = this.tables.filter(({ beneath, protect }) => beneath === 'child' || (beneath && !protect))
    return [...names, ...those.map((table) => beneath(table).slice(2))]
  }

  // The tables that need their levels of some sessions only.
  get forSome() {
    return this.tables.filter(({ protect }) => protect === 'for some')
  }

  // The findings that are accepted: that they are for some.
  get accepted() {
    const names = this.forSome.flatMap((table) => (table.beneath === 'partition' ? [table.name, beneath(table)] : [table.name]))
    return this.accepts ? names.map((name) => `0027_applies_to_some_${name.replace('.', '_')}_s.applies()`) : []
  }

  run(...statements) {
    this.statements.push(...statements)
  }

  watch() {
    const unprotected = this.tables.filter(({ protect }) => !protect)
    const names = unprotected.flatMap((table) => (table.beneath ? [table.name, beneath(table)] : [table.name]))
    this.run(`select auth.protect_schema('s', excluding => '{${names.map((name) => name.slice(2))}}')`)
  }

  createTable(table) {
    const { name, owner } = table
    const columns = table.beneath === 'partition' ? 'id int, n int unique' : 'id int primary key, n int unique'
    this.run(`create table ${name} (${columns}, label text default 'x')${table.beneath === 'partition' ? ' partition by range (n)' : ''}`)
    if (table.beneath === 'partition') this.run(`create table ${beneath(table)} partition of ${name} default`)
    if (table.beneath === 'child') this.run(`create table ${beneath(table)} () inherits (${name})`)
    if (owner !== 'postgres') this.run(`alter table ${name} owner to ${owner}`)
  }

  grantMembership({ role, to, option }) {
    const written = option === 'admin' ? ' with admin option' : option && available.membershipOptions ? ` with ${option}` : ''
    if (role !== to && !(role === 'trial_owner' && to === 'trial_group')) this.run(`grant ${role} to ${to}${written}`)
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

  protect(table) {
    const { name, protect, grants, to, forced, grantsBeneath } = table
    if (to && grants.length > 0) this.run(`grant ${grants.join(', ')} on ${name} to ${to}`)
    if (table.beneath && grantsBeneath.length > 0) this.run(`grant ${grantsBeneath.join(', ')} on ${beneath(table)} to trial_user`)
    if (!protect) return
    this.run(`create policy everybody on ${name} using (true)`)
    if (protect === 'for some') this.createApplies()
    const options = { aal2: '', 'without guard': ', guard => false', 'for some': ", applies_when => 's.applies()'" }[protect]
    // The schema's protection is that of aal2.
    if (!this.watched) this.run(`select auth.protect_table('${name}'${options})`)
    else if (options) this.run(`select auth.protect_table('${name}'${options}, lower => true)`)
    if (forced) this.run(`alter table ${name} force row level security`)
  }

  // The sessions of which the claims say so are exempt.
  createApplies() {
    const statement =
      "create or replace function s.applies() returns boolean language sql stable return coalesce(auth.claims() ->> 'exempt', 'no') <> 'yes'"
    if (!this.statements.includes(statement)) this.run(statement)
  }

  // The statements of a body, and whether it returns rows.
  body(code) {
    const statements = code.does.map(({ verb, table, how, unnamed }) => {
      const it = this.tables[table]
      const name = how === 'beneath' && it.beneath ? beneath(it) : it.name
      if (verb === 'unnamed') return callUnnamed(this.unnamed ? unnamed : null, code.language)
      // TRUNCATE can't stand in a body that Postgres analyzes.
      const done = code.language === 'atomic' && verb === 'truncate' ? 'delete' : verb
      return written(code.stable ? 'select' : done, name, how, code.language)
    })
    if (code.becomes && !code.stable) statements.unshift(this.becoming(code))
    const called = code.calls !== null && this.functions[code.calls]
    if (called && !called.arguments) statements.push(code.language === 'plpgsql' ? `perform ${called.name}()` : `select ${called.name}()`)
    return statements
  }

  createFunction(code, nr) {
    const name = `${code.hidden ? 'hidden' : 's'}.f${nr}`
    const first = code.defaults && this.functions[0]
    const head = `create function ${name}(${first ? `argument text default ${first.name}()` : ''}) returns text ${options(code)}`
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
      this.run(`${head} language sql begin atomic ${[...this.body(code), last].join('; ')}; end`)
    }
    this.ownAndOpen(`function ${name}`, code)
    this.functions.push({ name })
    this.attempts.push(`select ${name}()`)
  }

  // A change of role or claims, which outlasts the function.
  becoming({ becomes, language }) {
    for (const { name } of this.tables) this.ownersGrant(name, 'trial_bypass')
    const head = language === 'plpgsql' ? 'perform' : 'select'
    const settings = { role: `'role', 'trial_bypass'`, level: `'request.jwt.claims', '{"aal":"aal2"}'` }
    return `${head} set_config(${settings[becomes]}, true)`
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
    if (['trial_bypass', 'trial_group'].includes(owner) && !this.statements.includes(statement)) this.run(statement)
  }

  createTrigger(draft, nr) {
    const { on, when, level, events, disabled, nothing, code } = draft
    const name = `s.trigger_function${nr}`
    const table = draft.beneath && this.tables[on].beneath ? beneath(this.tables[on]) : this.tables[on].name
    const deferred = draft.deferred && when === 'after' && level === 'row'
    const condition = draft.condition && this.functions[0] ? `when (${this.functions[0].name}() is not null)` : ''
    const result = nothing ? 'null' : 'coalesce(new, old)'
    const statements = this.body({ ...code, language: 'plpgsql' })
    this.run(
      `create function ${name}() returns trigger ${options({ ...code, stable: false })} language plpgsql as $f$ ${asked(code.asks, statements, `return ${result}`)} $f$`,
    )
    this.ownAndOpen(`function ${name}()`, { ...code, open: null })
    // Some fire before the guard.
    this.run(
      `create ${deferred ? 'constraint ' : ''}trigger ${nr ? 'a' : 'x'}${nr} ${when} ${events.join(' or ')} on ${table} ${deferred ? 'deferrable initially deferred ' : ''}for each ${level} ${condition} execute function ${name}()`,
    )
    if (disabled) this.run(`alter table ${table} disable trigger ${nr ? 'a' : 'x'}${nr}`)
  }

  createView({ of, overView, overFunction, kind, asks, owner, grants, to, instead }, nr) {
    const name = `s.v${nr}`
    const source = overView && nr > 0 ? `s.v${nr - 1}` : this.tables[of].name
    const filter = asks ? " where (select auth.has_aal('aal2'))" : ''
    const shown = overFunction && this.functions[0] ? `select 1 as id, 1 as n, ${this.functions[0].name}() as label` : null
    const query = shown ?? `select id, n, label from ${source}${filter}`
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

  createRule({ on, event, verb, table, asks, instead }, nr) {
    const done = ['delete', 'update', 'insert'].includes(verb) ? verb : 'delete'
    const { name } = this.tables[table]
    const action = asks ? `delete from ${name} where auth.has_aal('aal2') or true` : written(done, name, 'named', 'sql')
    if (on !== table) this.run(`create rule r${nr} as on ${event} to ${this.tables[on].name} do ${instead ? 'instead' : 'also'} ${action}`)
  }

  // A function that an expression of a table calls. Of these, an index alone calls it at once.
  createExpression({ on, place, code: draft }) {
    const code = place === 'index' ? { ...draft, asks: null, stable: true } : draft
    const name = `${code.hidden ? 'hidden' : 's'}.by_expression`
    const { name: table } = this.tables[on]
    const of = place === 'default' ? '' : 'int'
    const body = asked(code.asks, this.body({ ...code, language: 'plpgsql' }), 'return 1')
    const marked = place === 'index' ? 'immutable' : ''
    this.run(`create function ${name}(${of}) returns int ${options({ ...code, stable: false })} ${marked} language plpgsql as $f$ ${body} $f$`)
    this.ownAndOpen(`function ${name}(${of})`, code)
    if (place === 'default') this.run(`alter table ${table} add column d int`, `alter table ${table} alter column d set default ${name}()`)
    if (place === 'check') this.run(`alter table ${table} add check (${name}(n) = 1) not valid`)
    if (place === 'index') this.run(`create index on ${table} (${name}(n))`)
    if (place === 'domain') {
      this.run('create domain s.counted as int', `alter table ${table} add column d s.counted`)
      this.run(`alter table ${table} alter column d set default 1`, `alter domain s.counted add check (${name}(value) = 1) not valid`)
    }
    if (place === 'default') this.attempts.push(`select ${name}()`)
  }

  // An operator, a cast and a domain that call a function where a body doesn't name it.
  createUnnamed(code) {
    const statements = this.body({ ...code, language: 'plpgsql', does: code.does.filter(({ verb }) => verb !== 'unnamed') })
    const place = code.hidden ? 'hidden' : 's'
    const made = (name, arguments_, returns, result) => {
      this.run(
        `create function ${place}.${name}(${arguments_}) returns ${returns} ${options({ ...code, stable: false })} language plpgsql as $f$ ${asked(code.asks, statements, `return ${result}`)} $f$`,
      )
      this.ownAndOpen(`function ${place}.${name}(${arguments_})`, code)
    }
    this.run("create type s.kind as enum ('a')")
    made('by_operator', 'int, int', 'int', '1')
    this.run(`create operator s.### (leftarg = int, rightarg = int, function = ${place}.by_operator)`)
    made('by_cast', 's.kind', 'int', '1')
    this.run(`create cast (s.kind as int) with function ${place}.by_cast(s.kind)`)
    made('by_domain', 'int', 'boolean', 'true')
    this.run(`create domain s.checked as int check (${place}.by_domain(value))`)
    this.unnamed = true
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

const beneath = ({ name, beneath }) => `${name}_${beneath}`

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
    upsert: `insert into ${table} (id, n) values (1, 1) on conflict (n) do update set label = 'conflict'`,
  }[verb]
  if (how === 'with database') return statement.replaceAll(`${table} `, `postgres.${table} `).replace(new RegExp(`${table}$`), `postgres.${table}`)
  if (language !== 'plpgsql' || verb === 'select' || how === 'named' || how === 'beneath') return statement
  const [schema, name] = table.split('.')
  if (how === 'executed') return `execute $x$${statement}$x$`
  if (how === 'in a block') return `do $d$ begin execute replace($x$${statement}$x$, '${table}', '${schema}.' || '${name}'); end $d$`
  return `execute replace($x$${statement}$x$, '${table}', '${schema}.' || '${name}')`
}

// A call that no name shows.
function callUnnamed(unnamed, language) {
  const call = { operator: '1 operator(s.###) 1', cast: "'a'::s.kind::int", domain: '1::s.checked' }[unnamed] ?? '1'
  return `${language === 'plpgsql' ? 'perform' : 'select'} ${call}`
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
