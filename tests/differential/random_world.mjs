// A random world for random queries: three tables of the same columns under row security, views and functions over them. It is made
// three times, in a schema for each variant, with its calls written as the variant writes them.

import { columns, ExpressionWriter, scopeOf, users } from './random_expression.mjs'
import { QueryWriter } from './random_query.mjs'

const names = ['a', 'b', 'c']
const list = columns.map(([name]) => name).join(', ')

const owners = [`'${users.enrolled}'`, `'${users.factorless}'`, "'x'", 'null']
const values = {
  owner: owners,
  level: ["'aal1'", "'aal2'", "'aal3'", 'null'],
  n: ['1', '2', '3', 'null'],
  flag: ['true', 'false', 'null'],
  uid: [`'${users.enrolled}'`, `'${users.factorless}'`, 'null'],
  at: ["'2026-01-01'", "'2040-01-01'", 'null'],
}

// How a table is divided, and the bounds of its partitions. All partitioned tables of a world are divided alike, so that they can be
// joined partition by partition.
const divisions = {
  'range (id)': ['for values from (minvalue) to (4)', 'for values from (4) to (maxvalue)'],
  'hash (id)': ['for values with (modulus 2, remainder 0)', 'for values with (modulus 2, remainder 1)'],
  'list (n)': ['for values in (1)', 'default'],
  'list (owner)': [`for values in ('${users.enrolled}')`, 'default'],
  'list (flag)': ['for values in (true)', 'default'],
}

export class World {
  statements = []
  features = new Set()
  // Whether all its conditions may be written with their calls in sub-selects.
  wrappable = true
  viewKinds = {}

  constructor(choices, { major }) {
    this.choices = choices
    this.major = major
    this.division = choices.of(Object.keys(divisions))
    this.tables = names.map((name, nr) => this.table(name, nr))
    this.functions()
    this.targets = this.tables.map(({ name, unique }) => ({ name, base: name, unique }))
    this.relations = [...names]
    for (const name of ['va', 'vb', 'vc']) this.view(name)
    for (const { name } of this.tables) this.policies(name)
    this.run('grant all on all tables in schema :schema to authenticated')
    if (choices.percent(60)) this.run(`analyze ${names.join(', ')}`)
  }

  run(statement) {
    this.statements.push(statement)
  }

  table(name, nr) {
    const { choices } = this
    const kind = choices.weighted([5, 'plain'], [4, 'partitioned'], [1, 'inherited'])
    const unique = kind === 'plain' || (kind === 'partitioned' && this.division.endsWith('(id)'))
    const owner = choices.percent(30) ? ' default ⟪subject()⟫' : ''
    const checked = choices.percent(15) ? `, check (⟪has_aal('aal1')⟫ or id > 0)` : ''
    const definition = `(id int${unique ? ' primary key' : ''}, owner text${owner}, level text, n int, flag boolean, uid uuid, at timestamptz${checked})`
    this.run(`create table ${name} ${definition}${kind === 'partitioned' ? ` partition by ${this.division}` : ''}`)
    const children = kind === 'plain' ? [] : [`${name}_1`, `${name}_2`]
    for (const [nr, child] of children.entries()) {
      if (kind === 'partitioned') this.run(`create table ${child} partition of ${name} ${divisions[this.division][nr]}`)
      else this.run(`create table ${child} () inherits (${name})`)
    }
    if (kind !== 'plain') this.features.add(kind)
    for (const column of choices.some(['owner', 'n', 'uid', 'level'], 25)) this.run(`create index on ${name} (${column})`)
    this.fill(kind === 'inherited' ? [name, ...children] : [name], nr)
    return { name, unique, kind }
  }

  fill(tables, nr) {
    const count = this.choices.weighted([3, 5], [3, 9], [2, 2], [1, 0], [1, 40])
    const rows = Array.from({ length: count }, (_, row) => [row + 1 + nr, ...Object.values(values).map((list) => this.choices.of(list))])
    tables.forEach((table, part) => {
      const its = rows.filter((_, row) => row % tables.length === part)
      if (its.length > 0) this.run(`insert into ${table} (${list}) values ${its.map((row) => `(${row.join(', ')})`).join(', ')}`)
    })
  }

  // A condition of a policy, a view or a function's body. It reads tables only of those that follow: else policies would read each other forever.
  condition(own, reads, { readingFunctions = false } = {}) {
    const writer = new QueryWriter(this.choices, this, { major: this.major, readingFunctions })
    writer.aliases = 500 + this.statements.length * 20
    const text = writer.condition(scopeOf({ own, reads, depth: 2 }))
    this.wrappable &&= writer.wrappable
    return { text, features: writer.features }
  }

  columnsOf(alias) {
    return columns.map(([name, type]) => ({ sql: `${alias}.${name}`, type, plain: true, isLevel: name === 'level' }))
  }

  functions() {
    const { choices } = this
    const safe = () => (choices.percent(70) ? ' parallel safe' : '')
    const noSelect = new ExpressionWriter(choices, { major: this.major })
    const mine = noSelect.leaf('bool', scopeOf({ own: this.columnsOf('b') }))
    const counted = noSelect.leaf('bool', scopeOf({ own: this.columnsOf('c') }))
    const extra = choices.percent(50) ? ` and ⟦has_aal('aal1')⟧` : ''
    this.run(`create function is_me(text) returns boolean language sql stable${safe()} as $f$ select $1 = ⟦subject()⟧${extra} $f$`)
    this.run(`create function level_or(text) returns text language sql stable${safe()} as $f$ select coalesce(⟦aal()⟧, $1) $f$`)
    this.run(`create function twice(text) returns text language sql immutable${safe()} as $f$ select left($1 || $1, 40) $f$`)
    this.run(`create function conjoined(boolean, boolean) returns boolean language sql immutable${safe()} return $1 and $2`)
    this.run(`create function pl_is_me(text) returns boolean language plpgsql stable${safe()} as $f$ begin return $1 = ⟦subject()⟧${extra}; end $f$`)
    this.run(
      `create function counted(text) returns int language sql stable${safe()} as $f$ select count(*)::int from c where owner = $1 or ${counted} $f$`,
    )
    this.run(
      `create function pl_counted(text) returns int language plpgsql stable${safe()} as $f$ begin return (select count(*)::int from c where owner = $1 and ${counted}); end $f$`,
    )
    this.run(`create function rows_of(text) returns setof b language sql stable${safe()} as $f$ select * from b where owner = $1 $f$`)
    this.run(`create function my_rows() returns setof b language sql stable${safe()} as $f$ select * from b where owner = ⟦subject()⟧ or ${mine} $f$`)
    this.run(
      `create function pl_rows(text) returns setof b language plpgsql stable${safe()} as $f$ begin return query select * from b where owner = $1 or ${mine}; end $f$`,
    )
  }

  view(name) {
    const { choices } = this
    const kind = choices.weighted([3, ''], [3, 'security_barrier'], [3, 'security_invoker'])
    const base = choices.of(names)
    const { text } = this.condition(
      this.columnsOf(base),
      names.filter((other) => other !== base),
      { readingFunctions: true },
    )
    const union = choices.percent(15) ? `\n  union all select ${list} from ${choices.of(names)}` : ''
    this.viewKinds[name] = kind ? `view, ${kind}` : 'view'
    this.run(`create view ${name}${kind ? ` with (${kind})` : ''} as select ${list} from ${base} where ${text}${union}`)
    this.relations.push(name)
    if (!union) this.targets.push({ name, base, unique: false, isView: true })
  }

  // Statements that read it below the level are refused, and all alike.
  refuseReads(name) {
    const read = this.choices.weighted([3, 'aal1'], [1, 'aal2'], [1, 'enrolled'])
    this.run(`select auth.protect_table('${name}', read => '${read}', write => '${read}', refuse_reads => true)`)
    this.features.add('refused reads')
  }

  policies(name) {
    const { choices } = this
    if (!choices.percent(85)) return
    this.run(`alter table ${name} enable row level security`)
    const after = names.slice(names.indexOf(name) + 1)
    const count = 1 + choices.below(3)
    for (let nr = 0; nr < count; nr++) {
      const kind = nr > 0 && choices.percent(50) ? 'restrictive' : 'permissive'
      const command = choices.weighted([5, 'all'], [2, 'select'], [1, 'update'], [1, 'delete'], [1, 'insert'])
      const { text, features } = this.condition(this.columnsOf(name), after)
      for (const feature of features) this.features.add(`policy: ${feature}`)
      const opens = choices.percent(40) ? `n is not null or ${text}` : text
      const check = choices.percent(25) ? ' with check (true)' : ''
      const using = command === 'insert' ? ` with check (${opens})` : ` using (${opens})${command === 'all' || command === 'update' ? check : ''}`
      this.run(`create policy p${nr + 1} on ${name} as ${kind} for ${command} to authenticated${using}`)
      this.features.add(`policy, ${kind}`)
    }
    // Functions read b and c. Whether they run depends on the plan, and their own statements are refused only then.
    if (choices.percent(15) && name === 'a') this.refuseReads(name)
  }
}
