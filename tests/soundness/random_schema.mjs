// Random schemas, plausible ones mostly: tables with grants, row security, policies, guards, partitions and inheritance.
// A schema knows its SQL, and of each table what a trial needs: its columns and the rows that fill it.

import fc from 'fast-check'
import { condition, document, maxAge, oneOf, quoted, rarely, simple, text, under } from './random_condition.mjs'
import { gate, makeGates, policyCondition } from './random_gate.mjs'

// Made once: see matrix_trial.sql.
export const roles = ['trial_user', 'trial_anon', 'trial_member', 'trial_owner', 'trial_group', 'trial_bypass']
export const users = {
  enrolled: '11111111-1111-4111-8111-111111111111',
  factorless: '22222222-2222-4222-8222-222222222222',
  unknown: '33333333-3333-4333-8333-333333333333',
}

// What a cluster has: Laboratory says so. Without postgres_fdw no partition is foreign.
export const available = { foreign: false }

const kinds = {
  flag: { type: 'boolean', values: ['true', 'false', 'null'] },
  owner: { type: 'text', values: [quoted(users.enrolled), quoted(users.factorless), 'null'] },
  level: { type: 'text', values: ["'aal2'", "'aal1'", "'aal3'", 'null'] },
  n: { type: 'integer', values: ['1', '5', 'null'] },
  label: { type: 'text', values: ["'x'", "'y'", 'null'] },
}

const some = (values, maxLength, minLength = 0) => fc.uniqueArray(fc.constantFrom(...values), { minLength, maxLength })
const privileges = ['select', 'insert', 'update', 'delete']

const grantee = oneOf(
  [4, 'trial_user'],
  [5, 'public'],
  [2, 'trial_group'],
  [2, 'trial_anon'],
  [1, 'trial_member'],
  [1, 'trial_bypass'],
  [1, 'trial_owner'],
)

const grant = fc.record({
  what: oneOf([4, privileges], [3, some([...privileges, 'truncate'], 3, 1)], [1, ['all']], [2, ['truncate']]),
  columns: oneOf([4, null], [1, some([0, 1, 2, 3], 2, 1)]),
  to: grantee,
})

const policyRoles = oneOf(
  [6, ['public']],
  [3, ['trial_user']],
  [1, ['trial_user', 'trial_anon']],
  [1, ['trial_group']],
  [1, ['trial_anon']],
  [1, ['trial_owner', 'trial_member']],
)

const policy = fc.record({
  restrictive: rarely(40),
  command: oneOf([6, 'all'], [4, 'select'], [2, 'insert'], [2, 'update'], [2, 'delete']),
  to: policyRoles,
  using: policyCondition,
  check: policyCondition,
  // Which of the two are written down, where the command takes both.
  parts: oneOf([4, ['using']], [3, ['using', 'check']], [1, ['check']]),
})

// What lets somebody in at all: most tables have one.
const opening = fc.record({
  restrictive: fc.constant(false),
  command: oneOf([5, 'all'], [1, 'select']),
  to: policyRoles,
  using: simple,
  check: simple,
  parts: oneOf([3, ['using']], [1, ['using', 'check']]),
})

const guardedLevel = oneOf([4, 'aal2'], [2, 'aal1'], [2, 'enrolled'], [1, 'aal3'])
const inSeconds = { '15 minutes': '900 seconds', '1 hour': '3600 seconds', '5 minutes': '300 seconds' }
const guardArgument = fc.tuple(guardedLevel, maxAge).map(([level, age]) => (age ? `${level},max_age=${inSeconds[age]}` : level))

const guard = fc.record({
  events: oneOf([3, ['insert', 'update', 'delete', 'truncate']], [2, some(['insert', 'update', 'delete', 'truncate'], 3, 1)]),
  // Reads that it refuses.
  select: oneOf([5, null], [1, guardArgument]),
  insert: guardArgument,
  update: guardArgument,
  delete: guardArgument,
  // Updates of one column only.
  ofColumn: rarely(10),
  // What the trigger isn't told.
  untold: oneOf([20, null], [1, 'insert'], [1, 'delete'], [1, 'truncate']),
  state: oneOf([8, null], [1, 'disable'], [1, 'enable always'], [1, 'enable replica']),
  when: oneOf([9, null], [1, "auth.aal() is distinct from 'aal3'"]),
})

const protectedLevel = oneOf([4, 'aal2'], [3, 'aal1'], [2, 'enrolled'], [1, 'none'], [1, 'aal3'])
const agedLevel = fc.tuple(protectedLevel, maxAge).map(([level, age]) => (age && level !== 'none' ? `${level} within ${age}` : level))
const protection = fc.record({
  read: agedLevel,
  write: agedLevel,
  on_insert: oneOf([3, null], [1, agedLevel]),
  on_update: oneOf([3, null], [1, agedLevel]),
  on_delete: oneOf([3, null], [1, agedLevel]),
  max_age: maxAge,
  roles: policyRoles,
  owner: rarely(30),
  sensitive: rarely(20),
  guard: oneOf([4, true], [1, false]),
  forSome: rarely(40),
  live: rarely(25),
  refuseReads: rarely(40),
})

// A schema that is protected: before its tables are made, or between two of them. The others are new tables then.
const schemaProtection = fc.record({
  after: fc.nat(1),
  newTables: oneOf([4, 'protect'], [1, 'warn']),
  protection: protection.map((protection) => ({ ...protection, sensitive: false })),
})

const security = oneOf([9, 'on'], [2, 'forced'], [2, 'off'])

const child = fc.record({
  security: oneOf([2, 'off'], [2, 'on']),
  grants: fc.array(grant, { maxLength: 2 }),
  policies: fc.array(oneOf([1, opening], [1, policy]), { maxLength: 2 }),
  guard: oneOf([6, null], [1, guard]),
})

const table = fc.record({
  kinds: some(Object.keys(kinds), 4),
  odd: rarely(8),
  dropped: rarely(10),
  generated: rarely(10),
  owner: oneOf([7, 'postgres'], [2, 'trial_owner'], [1, 'trial_user'], [1, 'trial_group']),
  security,
  usualGrant: oneOf([1, null], [6, 'public'], [3, 'trial_user'], [1, 'trial_group']),
  grants: fc.array(grant, { maxLength: 3 }),
  revoked: oneOf([12, null], [1, 'trial_owner'], [1, 'trial_user']),
  opening: oneOf([1, null], [4, opening]),
  policies: fc.array(policy, { maxLength: 4 }),
  // As protect_table would call them: then a guard asks whom they bind.
  namedAsOurs: rarely(5),
  guard: oneOf([7, null], [1, guard]),
  protection: oneOf([7, null], [1, protection]),
  family: oneOf([12, null], [1, 'partitions'], [1, 'children']),
  children: fc.tuple(child, child),
  chained: rarely(30),
  // The second child lies elsewhere: see trial.elsewhere.
  foreign: rarely(40),
})

const userFunction = fc.record({
  style: oneOf([6, 'text'], [3, 'return'], [3, 'atomic'], [3, 'plpgsql'], [1, 'where'], [1, 'second']),
  returns: oneOf([5, 'boolean'], [2, 'text'], [1, 'jsonb']),
  argument: oneOf([4, 'none'], [1, 'level'], [1, 'flag']),
  byDefault: rarely(20),
  volatility: oneOf([8, 'stable'], [2, 'volatile'], [1, 'immutable']),
  definer: rarely(25),
  strict: rarely(10),
  closed: rarely(4),
  setting: oneOf([12, null], [2, "search_path = ''"], [1, `"request.jwt.claims" = '{"aal":"aal3"}'`], [1, `"request.jwt.claims" = ''`]),
  // Reads only tables after this one, and is called only from those up to it: else they'd call each other forever.
  after: fc.nat(2),
  condition,
  text,
  document,
  where: condition,
})

const memberships = [
  ['trial_user', 'trial_member'],
  ['trial_group', 'trial_user'],
  ['trial_group', 'trial_anon'],
  ['trial_group', 'trial_member'],
  ['trial_owner', 'trial_member'],
  ['trial_owner', 'trial_user'],
  ['trial_group', 'trial_owner'],
  ['trial_bypass', 'trial_member'],
  ['postgres', 'trial_member'],
  ['pg_read_all_data', 'trial_member'],
  ['pg_write_all_data', 'trial_anon'],
  ['pg_write_all_data', 'trial_member'],
]

// Where somebody has put another in the place of Supabase's auth.jwt().
const ownJwt = oneOf(
  [1, `select '{"aal":"aal2"}'::jsonb`],
  [1, `select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{"aal":"aal2"}')::jsonb`],
)
const maybeTable = (percent) => oneOf([100 - percent, null], [percent, table])

const draft = fc.record({
  tables: fc
    .tuple(maybeTable(90), maybeTable(50), maybeTable(35))
    .map((tables) => tables.filter(Boolean))
    .filter((tables) => tables.length > 0),
  functions: fc.array(userFunction, { maxLength: 3 }),
  gates: fc.array(gate, { maxLength: 2 }),
  memberships: some(memberships, 2),
  noinherit: oneOf([6, null], [1, 'trial_member'], [1, 'trial_user']),
  usage: oneOf([9, ['public']], [1, ['trial_user']], [1, ['trial_group', 'trial_owner']]),
  schemaOwner: oneOf([15, null], [1, 'trial_owner'], [1, 'trial_group']),
  jwt: oneOf([15, null], [1, ownJwt]),
  protected: oneOf([9, null], [1, schemaProtection]),
  tried: some(roles, 4, 2),
  // What the function of applies_when says: of each session the same.
  applies: fc.record({
    body: fc.constantFrom('true', 'null::boolean', 'false'),
    style: fc.constantFrom('text', 'return', 'atomic', 'plpgsql'),
    definer: rarely(25),
  }),
  // Which settings hold the claims.
  held: oneOf([5, 'plural'], [2, 'singular'], [1, 'both']),
})

export const schema = draft.map((draft) => new Schema(draft))

class Schema {
  constructor(draft) {
    // Postgres' own, too, where somebody can be one of them.
    this.roles = [...new Set([...draft.tried, ...draft.memberships.map(([role]) => role).filter((role) => role.startsWith('pg_'))])]
    this.held = draft.held
    this.statements = []
    this.tables = []
    if (draft.noinherit) this.run(`alter role ${draft.noinherit} noinherit`)
    for (const [role, member] of draft.memberships) this.run(`grant ${role} to ${member}`)
    this.run('create schema s')
    this.run(`grant usage on schema s to ${draft.usage.join(', ')}`)
    if (draft.schemaOwner) this.run(`alter schema s owner to ${draft.schemaOwner}`)
    if (draft.jwt) this.run(`create or replace function auth.jwt() returns jsonb language sql stable as $f$ ${draft.jwt} $f$`)
    const roots = draft.tables.map((table, nr) => new Table(table, `t${nr + 1}`))
    roots.forEach((root, nr) => Object.assign(root, { reads: roots.slice(nr + 1) }))
    // Any policy may call it.
    const applies = { name: exempting, after: roots.length, returns: 'boolean', argument: 'none' }
    this.run(functionText(exempting, { ...stable, ...draft.applies }, draft.applies.body))
    if (draft.protected) for (const root of roots) root.prepareForProtectedSchema()
    for (const [nr, root] of roots.entries()) {
      if (draft.protected?.after === nr) this.protect(draft.protected, roots)
      this.create(root)
    }
    this.exempts = draft.applies.body === 'false'
    const functions = [applies, ...this.createFunctions(draft.functions, roots)]
    const { made, gates } = makeGates(draft.gates)
    this.run(...made)
    roots.forEach((root, nr) =>
      this.secure(root, { reads: root.reads, recursive: roots, functions: functions.filter((one) => one.after >= nr), gates }),
    )
    this.rows = roots.map((root) => root.fill(this))
    this.roots = roots
  }

  run(...statements) {
    for (const statement of statements) this.statements.push(statement + ';')
  }

  // Ready for psql.
  get sql() {
    return this.statements.join('\n')
  }

  // What decides about a table: its policies and triggers, and all functions, if it calls any.
  decides({ name }) {
    const isIts = (statement) =>
      (/^(create (policy|trigger)|select auth)/.test(statement) && statement.includes(name)) || statement.includes('protect_schema')
    const its = this.statements.filter(isIts)
    const functions = this.statements.filter((statement) => statement.startsWith('create function'))
    return [...its, ...(its.some((statement) => /s\.(f|gate)\d/.test(statement)) ? functions : [])].join('\n')
  }

  // The languages of the gates that a table's policies ask.
  gatesOf({ name }) {
    const policies = this.statements.filter((statement) => statement.startsWith('create policy') && statement.includes(` on ${name} `)).join()
    const asked = this.statements.filter((statement) => policies.includes(statement.match(/^create function (s\.gate\d+\()/)?.[1]))
    return new Set(asked.map((statement) => (statement.includes('language plpgsql') ? 'plpgsql' : 'sql')))
  }

  protect({ newTables, protection }, roots) {
    this.isProtected = true
    this.run(schemaProtectionText(protection, roots, newTables))
  }

  create(table) {
    const { draft, name, partitioned } = table
    this.run(`create table ${name} (${table.definition})${partitioned ? ` partition by list (${table.key.name})` : ''}`)
    if (draft.dropped) this.run(`alter table ${name} drop column gone`)
    for (const { name, parent, bounds, divided, foreign } of table.children) {
      const elsewhere = "server elsewhere options (schema_name 'trial', table_name 'elsewhere')"
      if (foreign)
        this.run(
          `create foreign table ${name} ${partitioned ? `partition of ${parent.name} ${bounds}` : `() inherits (${parent.name})`} ${elsewhere}`,
        )
      else this.run(`create table ${name} ${partitioned ? `partition of ${parent.name} ${bounds}${divided}` : `() inherits (${parent.name})`}`)
    }
    if (draft.owner !== 'postgres')
      for (const { name, foreign } of [table, ...table.children]) this.run(`alter ${foreign ? 'foreign ' : ''}table ${name} owner to ${draft.owner}`)
    this.tables.push(table, ...table.children)
  }

  createFunctions(drafts, roots) {
    const made = []
    for (const [nr, draft] of drafts.entries()) {
      const after = draft.after % roots.length
      const name = `s.f${nr + 1}`
      const columns = draft.argument === 'none' ? [] : [{ name: 'wanted', kind: draft.argument }]
      const functions = made.filter((one) => one.after >= after)
      const scope = { columns, reads: roots.slice(after + 1), functions }
      const body = { boolean: draft.condition, text: draft.text, jsonb: draft.document }[draft.returns](scope)
      this.run(functionText(name, draft, body, draft.where(scope)))
      if (draft.closed) this.run(`revoke execute on function ${name} from public`)
      made.push({ name, after, returns: draft.returns, argument: draft.byDefault ? 'none' : draft.argument })
    }
    return made
  }

  secure(table, scope) {
    const { draft } = table
    this.grants(table, draft)
    if (draft.revoked) this.run(`revoke insert, select on ${table.name} from ${draft.revoked}`)
    this.policies(table, [draft.opening ?? [], draft.policies].flat(), scope)
    if (draft.protection) this.run(protectionText(table, draft.protection, this.isProtected))
    for (const child of table.children) {
      this.grants(child, child.draft)
      if (!child.foreign) this.policies(child, child.draft.policies, scope)
    }
  }

  grants(table, { usualGrant, grants }) {
    if (usualGrant) this.run(`grant select, insert, update, delete on ${table.name} to ${usualGrant}`)
    for (const { what, columns, to } of grants) {
      const names = columns && [...new Set(columns.map((nr) => table.columns[nr % table.columns.length].name))].join(', ')
      // A privilege that goes by columns, or not.
      const written = what.map((privilege) => (names && !['delete', 'truncate'].includes(privilege) ? `${privilege} (${names})` : privilege))
      this.run(`grant ${written.join(', ')} on ${table.name} to ${to}`)
    }
  }

  policies(table, drafts, scope) {
    const { security, guard } = table.draft
    if (security !== 'off') this.run(`alter table ${table.name} enable row level security`)
    if (security === 'forced') this.run(`alter table ${table.name} force row level security`)
    const columns = under(table.alias, table.columns)
    const taken = new Set()
    for (const [nr, draft] of drafts.entries()) {
      const ours = table.draft.namedAsOurs && !table.draft.protection && ourNames[draft.command]
      const name = ours && !taken.has(ours) ? ours : `p${nr + 1}`
      taken.add(name)
      this.run(policyText(name, table, draft, { ...scope, columns }))
    }
    if (guard) this.guard(table, guard)
  }

  guard(table, { events, ofColumn, untold, state, when, ...levels }) {
    const told = [...(levels.select ? ['select'] : []), ...events.filter((event) => event !== untold)]
    const written = told.map((event) => quoted(`${event}=${levels[event] ?? levels.delete}`))
    const condition = when ? `\n  when (${when})` : ''
    const last = table.columns.findLast(({ settable }) => settable).name
    const fired = events.map((event) => (event === 'update' && ofColumn ? `update of ${last}` : event)).join(' or ')
    this.run(
      `create trigger guard before ${fired} on ${table.name}\n  for each statement${condition} execute function auth.aal_guard(${written.join(', ')})`,
    )
    if (state) this.run(`alter table ${table.name} ${state} trigger guard`)
  }
}

class Table {
  constructor(draft, name) {
    this.draft = draft
    this.alias = draft.odd ? `"The ""${name}"""` : name
    this.name = `s.${this.alias}`
    this.partitioned = draft.family === 'partitions'
    const odd = (name) => (draft.odd ? `"the ""${name}"""` : name)
    // Partitioned tables are divided by flag.
    const chosen = new Set([...draft.kinds, ...(this.partitioned ? ['flag'] : [])])
    this.columns = [{ kind: 'id', name: odd('id'), type: 'integer', settable: true }]
    for (const kind of Object.keys(kinds)) if (chosen.has(kind)) this.columns.push({ kind, name: odd(kind), ...kinds[kind], settable: true })
    this.key = this.columns.find(({ kind }) => kind === 'flag')
    const n = this.columns.find(({ kind }) => kind === 'n')
    const twice = { kind: 'n', name: 'twice', type: `integer generated always as (${n?.name} * 2) stored`, settable: false, of: n }
    if (draft.generated && n) this.columns.push(twice)
    this.children = []
    if (draft.family) draft.children.forEach((child, nr) => this.children.push(this.child(child, nr)))
  }

  // The second child may be one of the first.
  child(draft, nr) {
    const {
      partitioned,
      columns,
      key,
      draft: { odd, chained },
    } = this
    const alias = odd ? this.alias.replace('The', `Child ${nr} of the`) : `${this.alias}_${nr + 1}`
    const bounds = nr === 0 && !chained ? 'for values in (true)' : 'default'
    const divided = chained && nr === 0 && key ? ` partition by list (${key.name})` : ''
    const parent = chained && nr === 1 ? this.children[0] : this
    const foreign = available.foreign && this.draft.foreign && nr === 1 && !odd && columns.every(({ settable }) => settable)
    return { draft, alias, name: `s.${alias}`, columns, partitioned, key, bounds, divided, parent, foreign }
  }

  // Foreign tables can't be protected, and our names may be taken there.
  prepareForProtectedSchema() {
    this.draft = { ...this.draft, namedAsOurs: false }
    for (const child of this.children) child.foreign = false
  }

  get definition() {
    const gone = this.draft.dropped ? ['gone text'] : []
    return [...gone, ...this.columns.map(({ name, type }) => `${name} ${type}`)].join(', ')
  }

  // Rows that differ in whatever a condition mentions; with numbers, so that one can be picked out.
  fill(schema) {
    for (const { mentioned, of } of this.columns) if (mentioned && of) of.mentioned = true
    if (this.partitioned) this.key.mentioned = true
    const columns = this.columns.filter(({ mentioned, settable, kind }) => mentioned && settable && kind !== 'id')
    const [id] = this.columns
    const names = [id, ...columns].map(({ name }) => name).join(', ')
    const rows = combinations(
      columns.map(({ values }) => values),
      32,
    )
    let last = 0
    const written = () => rows.map((row) => `(${[++last, ...row].join(', ')})`).join(', ')
    // A partitioned table hands its rows on; one that others inherit from doesn't.
    const tables = this.draft.family === 'children' ? [this, ...this.children] : [this]
    for (const { name } of tables) schema.run(`insert into ${name} (${names}) values ${written()}`)
    return last
  }
}

// All combinations of one value of each list, or as many of them as are wanted, spread evenly.
export function combinations(lists, limit) {
  const total = lists.reduce((product, list) => product * list.length, 1)
  return Array.from({ length: Math.min(total, limit) }, (_, nr) => {
    let rest = (nr * (total > limit ? stepThrough(total) : 1)) % total
    return lists.map((list) => {
      const value = list[rest % list.length]
      rest = Math.floor(rest / list.length)
      return value
    })
  })
}

// A step with which one goes through so many, round and round, and meets each once.
export function stepThrough(count) {
  let step = Math.max(1, Math.round(count * 0.618))
  while (divisor(step, count) > 1) step++
  return step
}

const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b))

// The function of applies_when.
const exempting = 's.f0'
const stable = { returns: 'boolean', argument: 'none', volatility: 'stable' }

const ourNames = { all: 'aal_owner', select: 'aal_read', insert: 'aal_insert', update: 'aal_update', delete: 'aal_delete' }

function policyText(name, table, { restrictive, command, to, using, check, parts }, scope) {
  const takes = { select: ['using'], delete: ['using'], insert: ['check'], update: parts, all: parts }[command]
  let text = `create policy ${name} on ${table.name} as ${restrictive ? 'restrictive' : 'permissive'} for ${command} to ${to.join(', ')}`
  if (takes.includes('using')) text += `\n  using (${using(scope)})`
  if (takes.includes('check')) text += `\n  with check (${check(scope)})`
  return text
}

const argumentTypes = { none: '', level: 'wanted text', flag: 'wanted boolean' }
const argumentDefaults = { none: '', level: " default 'aal2'", flag: ' default true' }

function functionText(name, { style, returns, argument, byDefault, volatility, definer, strict, setting }, body, where) {
  const options = [volatility, definer && 'security definer', strict && 'strict', setting && `set ${setting}`].filter(Boolean)
  const taken = argumentTypes[argument] + (byDefault ? argumentDefaults[argument] : '')
  const head = `create function ${name}(${taken}) returns ${returns} language ${style === 'plpgsql' ? style : 'sql'} ${options.join(' ')}`
  const write = {
    text: `as $f$ select ${body} $f$`,
    return: `return ${body}`,
    atomic: `begin atomic select ${body}; end`,
    plpgsql: `as $f$ begin return ${body}; end $f$`,
    // Without a row it returns null.
    where: `as $f$ select ${body} where ${where} $f$`,
    second: `as $f$ select ${where}; select ${body} $f$`,
  }
  return `${head}\n  ${write[style]}`
}

// What a level requires, so that two can be compared. `age`: where its text says none.
function strength(text, age) {
  const [level, ownAge] = text.split(' within ')
  const within = level === 'none' ? null : (ownAge ?? age)
  return { rank: ['none', 'aal1', 'enrolled', 'aal2', 'aal3'].indexOf(level), seconds: within ? parseInt(inSeconds[within], 10) : Infinity }
}

// Whether the first requires no more than the second in anything.
const isAtMost = (low, high) => low.rank <= high.rank && low.seconds >= high.seconds

// Only what protect_table accepts. In a protected schema the table may be protected already.
function protectionText(table, protection, lower) {
  const columns = table.columns.filter(({ kind }) => kind !== 'id')
  const options = { ...optionsOf(columns, protection), ...(lower ? { lower: 'true' } : {}) }
  return `select auth.protect_table(${quoted(table.name)}, ${writtenOptions(options)})`
}

function schemaProtectionText(protection, roots, newTables) {
  const owners = roots.flatMap(({ columns }) => columns.filter(({ kind, name }) => kind === 'owner' && name === 'owner'))
  const options = { ...optionsOf(owners, protection), new_tables: newTables }
  return `select auth.protect_schema('s', ${writtenOptions(options)})`
}

function optionsOf(columns, { owner: byOwner, sensitive, guard, roles, forSome, live, refuseReads, ...levels }) {
  const options = { ...levels, roles: `{${roles.join(',')}}` }
  const owners = columns.filter(({ kind }) => kind === 'owner')
  if (sensitive && columns.length > 0) {
    Object.assign(options, { on_update: null, sensitive_columns: `{${JSON.stringify(unquoted(columns[0].name))}}` })
    if (options.read === 'none') options.read = 'aal1'
    if (options.write === 'none') options.write = 'aal2'
  } else if (!guard) options.guard = 'false'
  if (options.read === 'none' && options.write === 'none') options.read = 'aal1'
  for (const command of ['on_update', 'on_delete']) {
    const [level, read] = [strength(options[command] ?? options.write, options.max_age), strength(options.read, null)]
    if (level.rank > 0 && isAtMost(level, read)) options[command] = options.read
  }
  if (byOwner && owners.length > 0) {
    options.owner_column = unquoted(owners[0].name)
    for (const owner of owners) owner.mentioned = true
  }
  if (forSome) options.applies_when = `${exempting}()`
  if (live) options.live = 'true'
  if (refuseReads && options.guard !== 'false' && options.read !== 'none') options.refuse_reads = 'true'
  return options
}

const writtenOptions = (options) =>
  Object.entries(options)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} => ${quoted(value)}`)
    .join(', ')

const unquoted = (name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name)
