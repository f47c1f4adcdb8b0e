// Random queries: select statements of every shape, and statements that change rows.

import { columns, deeper, ExpressionWriter, scopeOf, types, within } from './random_expression.mjs'

const aggregates = {
  int: ['count(*)::integer', 'count(?bool)::integer', 'sum(?int)::integer', 'max(?int)', 'count(distinct ?text)::integer'],
  text: ['max(?text)', 'min(?text)', "string_agg(left(?text, 3), ',' order by left(?again, 3))"],
  bool: ['bool_or(?bool)', 'bool_and(?bool)', 'every(?bool)'],
  time: ['max(?time)'],
  json: ['jsonb_agg((?text)::text order by (?again)::text)', 'to_jsonb(array_agg(?int order by ?again))'],
}

export class QueryWriter extends ExpressionWriter {
  constructor(choices, world, options) {
    super(choices, options)
    this.world = world
    this.wrappable = true
  }

  // A statement: its text, whether its rows come in an order, and the table that it changes, if any.
  statement(lowest) {
    const scope = scopeOf({ reads: this.world.relations, depth: 3, lowest })
    const kind = this.choices.weighted([14, 'select'], [1, 'locking'], [2, 'update'], [2, 'delete'], [2, 'insert'], [2, 'merge'])
    const ctes = []
    const withs = kind === 'merge' ? '' : this.withClause(scope, ctes)
    const inner = { ...scope, ctes }
    if (kind === 'select') {
      const { text, ordered } = this.select(this.someTypes(), inner, { top: true })
      return { text: withs + text, ordered, reads: true, changes: this.changesInCte }
    }
    if (kind === 'locking') {
      const { text, locks } = this.locking(inner)
      return { text: withs + text, ordered: true, reads: true, locks, changes: this.changesInCte }
    }
    const table = this.choices.of(this.world.targets)
    this.note(kind)
    return {
      text: withs + this[kind](table, inner),
      ordered: false,
      reads: false,
      locks: kind === 'insert' ? undefined : table.base,
      changes: [table.base, this.changesInCte].flat().filter(Boolean),
    }
  }

  someTypes() {
    return Array.from({ length: 1 + this.choices.below(3) }, () => this.type())
  }

  withClause(scope, ctes) {
    let recursive = false
    const texts = []
    while (texts.length < 2 && this.choices.percent(18)) {
      const name = `cte${texts.length + 1}`
      const kind = this.choices.weighted([3, ''], [2, 'materialized'], [2, 'not materialized'], [3, 'recursive'], [2, 'changing'])
      const types = this.someTypes()
      const names = types.map((_, nr) => `c${nr + 1}`)
      const columns = types.map((type, nr) => ({ name: names[nr], type }))
      const inner = { ...scope, ctes: [...ctes], depth: 2 }
      if (kind === 'recursive') {
        recursive = true
        this.note('CTE, recursive')
        texts.push(`${name}(turn, ${names.join(', ')}) as (${this.recursion(name, types, inner)})`)
        ctes.push({ name, columns: [{ name: 'turn', type: 'int' }, ...columns] })
      } else if (kind === 'changing') {
        this.note('CTE, data-modifying')
        const { text, columns } = this.changingCte(inner)
        texts.push(`${name} as (${text})`)
        ctes.push({ name, columns })
      } else {
        this.note(`CTE${kind && ', '}${kind}`)
        const { text } = this.select(types, inner)
        texts.push(`${name}(${names.join(', ')}) as ${kind} (${text})`)
        ctes.push({ name, columns })
      }
    }
    return texts.length > 0 ? `with ${recursive ? 'recursive ' : ''}${texts.join(', ')}\n` : ''
  }

  recursion(name, types, scope) {
    const alias = this.alias()
    const own = types.map((type, nr) => ({ sql: `${alias}.c${nr + 1}`, type, plain: true }))
    const turn = { sql: `${alias}.turn`, type: 'int', plain: true }
    const { sql: first, columns } = this.from(scope, { single: true })
    const inner = deeper({ ...scope, own: columns })
    const all = this.choices.percent(60) ? 'all ' : ''
    const start = `select 0, ${types.map((type) => this.typed(type, inner)).join(', ')} from ${first}${this.where(inner)}`
    const step = deeper({ ...scope, own: [turn, ...own] })
    const joined = this.choices.percent(30) ? ` join b xb on xb.id = ${turn.sql}` : ''
    return `${start} union ${all}select ${turn.sql} + 1, ${types.map((type) => this.typed(type, step)).join(', ')} from ${name} ${alias}${joined} where ${turn.sql} < 2 and ${this.expression('bool', step)}`
  }

  changingCte(scope) {
    const table = this.choices.of(this.world.targets.filter(({ base }) => base === 'c'))
    this.changesInCte = ['c']
    const kind = this.choices.of(['update', 'delete', 'insert'])
    return { text: this[kind](table, scope, { returning: '*' }), columns: columns.map(([name, type]) => ({ name, type })) }
  }

  typed(type, scope) {
    return `(${this.expression(type, scope)})::${types[type]}`
  }

  // A query for a sub-select that may mention what stands around it.
  subSelect(wanted, scope) {
    const inner = within(scope)
    if (wanted.length === 0 && this.choices.percent(60)) {
      const { sql, columns } = this.from(inner)
      const scope = { ...inner, own: columns }
      const limit = this.choices.percent(15) ? ` limit ${this.count(within(scope))}` : ''
      const list = this.choices.percent(30) ? this.expression(this.type(), scope) : ''
      return `select ${list} from ${sql}${this.where(scope, { needed: true })}${limit}`
    }
    return this.select(wanted.length > 0 ? wanted : ['int'], inner).text
  }

  // A sub-select of one row and column.
  scalar(type, scope) {
    this.note('scalar sub-select')
    const inner = within(scope)
    if (this.choices.percent(20)) return this.rowless(type, inner)
    const { sql, columns } = this.from(inner)
    const own = { ...inner, own: columns }
    if (aggregates[type] && this.choices.percent(60)) return `(select ${this.aggregate(type, own)} from ${sql}${this.where(own)})`
    return `(select ${this.typed(type, own)} from ${sql}${this.where(own)} order by 1 limit 1)`
  }

  // A sub-select that reads no table, so that Postgres pulls it up or plans it once.
  rowless(type, scope) {
    this.note('sub-select without from')
    const inner = { ...scope, own: [], outer: this.choices.percent(50) ? [] : scope.outer }
    const value = this.typed(type, inner)
    return this.choices.percent(30) ? `(values (${value}))` : `(select ${value}${this.where({ ...inner, depth: Math.min(inner.depth, 1) })})`
  }

  where(scope, { needed = false } = {}) {
    if (!needed && this.choices.percent(30)) return ''
    if (this.choices.percent(45)) return ` where ${this.conjunction(scope)}`
    return ` where ${this.condition(scope.depth > 0 ? scope : { ...scope, depth: 1 })}`
  }

  // As most people write conditions: columns compared with columns, also of the queries around, and with calls.
  conjunction(scope) {
    const terms = Array.from({ length: 1 + this.choices.below(3) }, () => {
      const type = this.choices.of(['text', 'int'])
      const [own, outer] = [scope.own, scope.outer].map((columns) => columns.filter((column) => column.type === type))
      const kind = this.choices.weighted([4, 'outer'], [4, 'call'], [3, 'flag'], [1, 'own'])
      if (kind === 'outer' && own.length > 0 && outer.length > 0)
        return this.noted('correlated', `${this.choices.of(own).sql} = ${this.choices.of(outer).sql}`)
      if (kind === 'call' && own.length > 0) return `${this.choices.of(own).sql} = ${this.call(type, scope)}`
      return kind === 'own' && own.length > 0 ? `${this.choices.of(own).sql} = ${this.constant(type)}` : this.call('bool', scope)
    })
    return terms.join(' and ')
  }

  // How many rows: an expression that mentions no column of the query itself.
  count(scope) {
    this.note('limit')
    const some = this.choices.of(['2', '1', '4', '0'])
    if (this.choices.percent(40)) {
      this.note('limit by a call')
      return `case when ${this.expression('bool', { ...scope, own: [], outer: [], depth: Math.min(scope.depth, 1) })} then ${some} else 3 end`
    }
    return some
  }

  // A query with columns of these types.
  select(wanted, scope, { top = false } = {}) {
    const kind = this.choices.weighted(
      [8, 'plain'],
      [5, 'grouped'],
      [3, 'windowed'],
      [2, 'distinct'],
      [2, 'distinctOn'],
      [scope.depth > 0 ? 3 : 0, 'setOperation'],
      [1, 'values'],
    )
    let { text, orders } = this[kind](wanted, scope)
    const ordinals = wanted.map((_, nr) => nr + 1)
    let ordered = orders !== undefined
    if (ordered || this.choices.percent(top ? 40 : 15)) {
      ordered = true
      const sorted = ordinals.map((nr) => `${nr}${this.choices.percent(15) ? ' desc' : ''}`)
      text += ` order by ${[...(orders ?? []), ...sorted].join(', ')}`
      if (this.choices.percent(35)) text += ` limit ${this.count(within(scope))}`
      if (this.choices.percent(10)) text += ` offset ${this.count(within(scope))}`
    }
    return { text, ordered }
  }

  plain(wanted, scope) {
    if (this.choices.percent(6)) return { text: `select ${wanted.map((type) => this.typed(type, scope)).join(', ')}${this.where(scope)}` }
    const { sql, columns } = this.from(scope)
    const inner = { ...scope, own: columns }
    const list = wanted.map((type) => this.typed(type, inner))
    const orders = this.choices.percent(12)
      ? [this.noted('order by', this.expression(this.choices.of(['text', 'bool', 'int']), deeper(inner)))]
      : undefined
    // A number would be a column's place, a constant is refused.
    const sortable = orders?.every((order) => /[a-z(⟦]/.test(order) && !/^('|null|true|false|\$)/.test(order))
    return { text: `select ${list.join(', ')} from ${sql}${this.where(inner)}`, orders: sortable ? orders : undefined }
  }

  noted(feature, text) {
    this.note(feature)
    return text
  }

  distinct(wanted, scope) {
    this.note('distinct')
    const { text } = this.plain(wanted, scope)
    return { text: text.replace('select ', 'select distinct ').replace(/^(select distinct )distinct /, '$1'), plain: true }
  }

  distinctOn(wanted, scope) {
    this.note('distinct on')
    const { sql, columns } = this.from(scope)
    const inner = { ...scope, own: columns }
    const keys = [this.keyed('text', inner), ...(this.choices.percent(30) ? [this.keyed('int', inner)] : [])]
    const list = wanted.map((type) => this.typed(type, inner))
    return { text: `select distinct on (${keys.join(', ')}) ${list.join(', ')} from ${sql}${this.where(inner)}`, orders: keys }
  }

  // An expression to group or order by: neither a constant nor a number, which mean something else there.
  keyed(type, scope) {
    const expression = this.expression(type, deeper(scope))
    return /^\s*(\d|'|null|true|false|\$)/.test(expression) ? this.call(type, scope) : expression
  }

  grouped(wanted, scope) {
    const { sql, columns } = this.from(scope)
    const inner = { ...scope, own: columns, depth: Math.min(scope.depth, 2) }
    const keys = Array.from({ length: this.choices.below(4) }, () => this.key(inner))
    const way = keys.length > 0 ? this.choices.weighted([4, 'plain'], [2, 'rollup'], [2, 'cube'], [2, 'grouping sets']) : 'none'
    this.note('aggregate')
    if (way !== 'plain' && way !== 'none') {
      this.note('grouping sets')
      // Before Postgres 18, it doesn't recognize a grouped sub-select within a larger expression.
      if (this.major < 18) this.wrappable = false
    }
    const list = keys.map(({ sql }) => sql)
    const group = {
      none: '',
      plain: ` group by ${list.join(', ')}`,
      rollup: ` group by rollup (${list.join(', ')})`,
      cube: ` group by cube (${list.slice(0, 2).join(', ')})${list[2] ? `, ${list[2]}` : ''}`,
      'grouping sets': ` group by grouping sets ((${list.join(', ')}), (${list.slice(1).join(', ')}), ())`,
    }[way]
    const over = { ...scope, own: keys, inner, depth: Math.min(scope.depth, 2) }
    const having = this.choices.percent(25) ? ` having ${this.noted('having', this.ofGroup('bool', over))}` : ''
    return {
      text: `select ${wanted.map((type) => `(${this.ofGroup(type, over)})::${types[type]}`).join(', ')} from ${sql}${this.where(inner)}${group}${having}`,
    }
  }

  key(scope) {
    const type = this.choices.weighted([4, 'text'], [3, 'bool'], [2, 'int'], [1, 'uuid'])
    const column = this.choices.percent(60) ? this.column(type, { ...scope, outer: [] }) : undefined
    if (column) return { sql: column, type, plain: true }
    this.note('group by an expression')
    const sql = this.keyed(type, { ...scope, depth: Math.min(scope.depth, 1) })
    return { sql, type, plain: /^x\d+\.\w+$/.test(sql) }
  }

  ofGroup(type, over) {
    const kind = this.choices.weighted([4, 'key'], [4, 'aggregate'], [3, 'expression'])
    if (kind === 'aggregate' && aggregates[type]) return this.aggregate(type, over.inner)
    if (kind === 'key') {
      const column = this.column(type, { ...over, outer: [] })
      if (column) return this.choices.percent(30) ? `coalesce(${column}, ${this.constant(type)})` : column
    }
    return this.expression(type, { ...over, depth: Math.min(over.depth, 1) })
  }

  // Its argument mentions only columns of its own query: else it would be another query's aggregate.
  aggregate(type, scope) {
    const own = { ...scope, outer: [], depth: Math.min(scope.depth, 1) }
    const argument = (type) => (own.own.length > 0 ? this.expression(type, own) : this.leaf(type, own))
    let last
    const text = this.choices.of(aggregates[type]).replace(/\?(\w+)/g, (_, name) => (name === 'again' ? last : (last = argument(name))))
    if (!this.choices.percent(25) || own.own.length === 0) return text
    this.note('filter')
    // The cast stands behind all of it.
    const [, call, cast = ''] = /^(.*?)(::integer)?$/s.exec(text)
    return call.startsWith('to_jsonb') ? text : `${call} filter (where ${argument('bool')})${cast}`
  }

  windowed(wanted, scope) {
    this.note('window')
    const { sql, columns } = this.from(scope)
    const inner = { ...scope, own: columns }
    const small = { ...inner, depth: Math.min(inner.depth, 1) }
    const list = wanted.map((type) =>
      (type === 'int' || type === 'text' || type === 'bool') && this.choices.percent(60) ? this.over(type, small) : this.typed(type, inner),
    )
    return { text: `select ${list.join(', ')} from ${sql}${this.where(inner)}` }
  }

  // Rows that the order doesn't tell apart must not be told apart by the answer.
  over(type, scope) {
    const order = this.keyed(this.choices.of(['int', 'text']), scope)
    const partition = this.choices.percent(50) ? `partition by ${this.keyed(this.choices.of(['text', 'bool']), scope)} ` : ''
    const frame = this.choices.percent(25)
      ? ` groups between ${this.noted('window frame by a call', `case when ${this.leaf('bool', { ...scope, own: [], outer: [] })} then 1 else 0 end`)} preceding and current row`
      : ''
    const filter = this.choices.percent(20) ? ` filter (where ${this.expression('bool', scope)})` : ''
    const over = ` over (${partition}order by ${order}${frame})`
    if (type === 'int')
      return `(${this.choices.of([`rank()`, `dense_rank()`, `count(*)${filter}`, `sum(${this.expression('int', scope)})${filter}`])}${over})::integer`
    if (type === 'bool') return `bool_or(${this.expression('bool', scope)})${filter}${over}`
    return `first_value(${order}::text)${over.replace(frame, '')}`
  }

  setOperation(wanted, scope) {
    const operation = this.choices.weighted([5, 'union all'], [2, 'union'], [1, 'intersect'], [1, 'except'], [1, 'intersect all'], [1, 'except all'])
    this.note(operation)
    const branch = () => `(${this.select(wanted, deeper(scope)).text})`
    const more = this.choices.percent(15) ? ` ${operation} ${branch()}` : ''
    return { text: `${branch()} ${operation} ${branch()}${more}` }
  }

  values(wanted, scope) {
    this.note('values')
    const row = () => `(${wanted.map((type) => this.typed(type, { ...scope, own: [] })).join(', ')})`
    return { text: `values ${row()}, ${row()}` }
  }

  locking(scope) {
    this.note('for update')
    const { alias, columns } = this.table(this.choices.of(this.world.tables).name)
    const inner = { ...scope, own: columns }
    const strength = this.choices.of(['update', 'share', 'no key update', 'key share'])
    const limit = this.choices.percent(30) ? ` limit ${this.count(within(scope))}` : ''
    const text = `select ${alias}.id, ${this.typed(this.type(), inner)} from ${alias.of} ${alias}${this.where(inner)} order by 1, 2${limit} for ${strength} of ${alias}`
    return { text, locks: alias.of }
  }

  // FROM, with all that may be mentioned of it.
  from(scope, { single = false } = {}) {
    let { sql, columns } = this.fromItem(scope)
    while (!single && columns.length < 30 && this.choices.percent(38)) {
      const kind = this.choices.weighted([4, 'join'], [4, 'left join'], [2, 'right join'], [2, 'full join'], [3, 'cross join'])
      const lateral = kind !== 'right join' && kind !== 'full join'
      this.note(kind)
      const next = this.fromItem(scope, lateral ? columns : [])
      const all = [...columns, ...next.columns]
      const on = kind === 'cross join' ? '' : ` on ${this.joinCondition(kind, columns, next.columns, { ...scope, own: all })}`
      sql = `${sql} ${kind} ${next.sql}${on}`
      columns = all
    }
    return { sql, columns }
  }

  joinCondition(kind, left, right, scope) {
    const type = this.choices.of(['int', 'text'])
    const [one, other] = [left, right].map((columns) => columns.filter((column) => column.type === type))
    const small = { ...scope, depth: Math.min(scope.depth, 1) }
    if (one.length > 0 && other.length > 0 && (kind === 'full join' || this.choices.percent(80))) {
      const equal = `${this.choices.of(one).sql} = ${this.choices.of(other).sql}`
      return this.choices.percent(50) ? this.noted('call in a join', `${equal} and ${this.expression('bool', small)}`) : equal
    }
    return kind === 'full join' ? 'true' : this.expression('bool', small)
  }

  fromItem(scope, lateral = []) {
    const deep = scope.depth > 0
    const kind = this.choices.weighted(
      [scope.reads.length > 0 ? 10 : 0, 'relation'],
      [deep ? 3 : 0, 'select'],
      [1, 'values'],
      [4, 'function'],
      [scope.ctes.length > 0 ? 12 : 0, 'cte'],
      [scope.reads.length > 0 ? 1 : 0, 'sample'],
    )
    const alias = this.alias()
    if (kind === 'relation') return this.relation(scope, alias)
    if (kind === 'cte') {
      const { name, columns } = this.choices.of(scope.ctes)
      return { sql: `${name} ${alias}`, columns: columns.map(({ name, type }) => ({ sql: `${alias}.${name}`, type, plain: true })) }
    }
    const isLateral = lateral.length > 0 && this.choices.percent(50)
    if (isLateral) this.note('lateral')
    const inner = { ...deeper(scope), own: [], outer: [...(isLateral ? lateral.filter(({ plain }) => plain) : []), ...scope.outer] }
    const before = isLateral ? 'lateral ' : ''
    if (kind === 'sample') {
      this.note('tablesample')
      const table = this.choices.of(this.world.tables).name
      if (!scope.reads.includes(table)) return this.relation(scope, alias)
      return {
        sql: `${table} ${alias} tablesample system (case when ${this.leaf('bool', { ...inner, outer: [] })} then 100 else 0 end)`,
        columns: this.columnsOf(alias),
      }
    }
    if (kind === 'function') return this.tableFunction(inner, alias, before)
    const wanted = this.someTypes()
    const { text } = kind === 'values' ? this.values(wanted, inner) : this.select(wanted, inner)
    this.note('sub-select in from')
    const names = wanted.map((_, nr) => `c${nr + 1}`)
    return {
      sql: `${before}(${text}) ${alias}(${names.join(', ')})`,
      columns: wanted.map((type, nr) => ({ sql: `${alias}.${names[nr]}`, type, plain: true })),
    }
  }

  relation(scope, alias) {
    const name = this.choices.of(scope.reads)
    if (name.startsWith('v')) this.note(this.world.viewKinds[name])
    return { sql: `${name} ${alias}`, columns: this.columnsOf(alias) }
  }

  columnsOf(alias) {
    return columns.map(([name, type]) => ({ sql: `${alias}.${name}`, type, plain: true, isLevel: name === 'level' }))
  }

  table(name) {
    const alias = Object.assign(new String(this.alias()), { of: name })
    return { alias, columns: this.columnsOf(alias) }
  }

  tableFunction(scope, alias, before) {
    const argument = (type) => this.expression(type, { ...scope, depth: Math.min(scope.depth, 1) })
    const one = (type) => [{ sql: `${alias}.c1`, type, plain: true }]
    this.note('function in from')
    switch (
      this.choices.weighted(
        [2, 'unnest'],
        [2, 'series'],
        [1, 'each'],
        ...(this.readingFunctions
          ? [
              [3, 'rows_of'],
              [3, 'my_rows'],
              [1, 'pl_rows'],
            ]
          : []),
      )
    ) {
      case 'rows_of':
        this.note('set-returning function, inlined')
        return { sql: `${before}rows_of(${argument('text')}) ${alias}`, columns: this.columnsOf(alias) }
      case 'my_rows':
        this.note('set-returning function, inlined')
        return { sql: `my_rows() ${alias}`, columns: this.columnsOf(alias) }
      case 'pl_rows':
        return { sql: `${before}pl_rows(${argument('text')}) ${alias}`, columns: this.columnsOf(alias) }
      case 'unnest':
        return { sql: `${before}unnest(array[${argument('text')}, ${argument('text')}]) ${alias}(c1)`, columns: one('text') }
      case 'series':
        return { sql: `${before}generate_series(1, case when ${argument('bool')} then 2 else 1 end) ${alias}(c1)`, columns: one('int') }
      case 'each':
        return { sql: `${before}jsonb_object_keys(coalesce(${this.call('json', scope)}, '{}')) ${alias}(c1)`, columns: one('text') }
    }
  }

  returning(columns, scope, returning) {
    if (returning === '*') return ` returning ${columns.map(({ sql }) => sql).join(', ')}`
    if (!this.choices.percent(60)) return ''
    this.note('returning')
    return ` returning ${columns[0].sql}, ${this.someTypes()
      .map((type) => this.typed(type, { ...scope, own: columns }))
      .join(', ')}`
  }

  assignments(scope) {
    const all = columns.filter(([name]) => name !== 'id' && name !== 'uid')
    const chosen = this.choices.some(all, 35)
    return (chosen.length > 0 ? chosen : [['n', 'int']]).map(([name, type]) => `${name} = ${this.assigned(name, type, deeper(scope))}`).join(', ')
  }

  // What stands in a column `level` is a level, as what has_aal takes from there must be one.
  assigned(name, type, scope) {
    if (name !== 'level') return this.typed(type, scope)
    return this.choices.percent(50)
      ? this.call('text', scope).replace(/^⟦(subject|enrolled_aal)\(\)⟧$/, '⟦aal()⟧')
      : this.choices.of(["'aal1'", "'aal2'", 'null'])
  }

  update(table, scope, { returning } = {}) {
    const { alias, columns } = this.table(table.name)
    let [from, joined, more] = ['', '', []]
    if (this.choices.percent(35)) {
      const source = this.uniqueSource(scope)
      from = ` from ${source.sql}`
      joined = `${source.alias}.id = ${alias}.id and `
      more = source.columns
      this.note('update from')
    }
    const own = { ...scope, own: [...columns, ...more], depth: 2 }
    const where = joined || this.choices.percent(80) ? ` where ${joined}${this.expression('bool', own)}` : ''
    return `update ${table.name} ${alias} set ${this.assignments(own)}${from}${where}${this.returning(columns, own, returning)}`
  }

  delete(table, scope, { returning } = {}) {
    const { alias, columns } = this.table(table.name)
    const own = { ...scope, own: columns, depth: 2 }
    const using = this.choices.percent(35) ? this.from({ ...scope, depth: 1 }) : undefined
    const all = using ? { ...own, own: [...columns, ...using.columns] } : own
    return `delete from ${table.name} ${alias}${using ? ` using ${using.sql}` : ''}${this.where(all, { needed: Boolean(using) })}${this.returning(columns, own, returning)}`
  }

  // Rows of which no two have the same id.
  uniqueSource(scope) {
    const alias = this.alias()
    const inner = this.alias()
    const relation = this.choices.of(scope.reads)
    const own = { ...scope, own: this.columnsOf(inner), depth: 1 }
    const sql = `(select ${inner}.id, max(${inner}.n), min(${inner}.owner) from ${relation} ${inner}${this.where(own)} group by ${inner}.id) ${alias}(id, c1, c2)`
    return {
      alias,
      sql,
      columns: [
        { sql: `${alias}.id`, type: 'int', plain: true },
        { sql: `${alias}.c1`, type: 'int', plain: true },
        { sql: `${alias}.c2`, type: 'text', plain: true },
      ],
    }
  }

  insert(table, scope, { returning } = {}) {
    const target = this.table(table.name)
    const own = { ...scope, own: [], depth: 2 }
    const { alias } = target
    const into = `insert into ${table.name} as ${alias} (id, owner, level, n, flag)`
    const row = (id, scope) =>
      `${id}, ${this.typed('text', scope)}, ${this.assigned('level', 'text', scope)}, ${this.typed('int', scope)}, ${this.typed('bool', scope)}`
    let rows
    if (this.choices.percent(40)) {
      const source = this.uniqueSource(scope)
      const from = { ...own, own: source.columns }
      rows = `select ${row(`${source.alias}.id + ${this.choices.of(['100', '0'])}`, from)} from ${source.sql}${this.where(from)}`
    } else {
      const ids = this.choices.of([['101', '102'], ['1', '103'], ['104']])
      const values = () => (this.choices.percent(15) ? this.noted('default', 'default') : this.typed('text', own))
      rows = `values ${ids.map((id) => `(${id}, ${values()}, ${this.assigned('level', 'text', own)}, ${this.typed('int', own)}, ${this.typed('bool', own)})`).join(', ')}`
    }
    return `${into} ${rows}${this.onConflict(table, target, scope)}${this.returning(target.columns, own, returning)}`
  }

  onConflict(table, { alias, columns }, scope) {
    if (!table.unique || !this.choices.percent(50)) return ''
    this.note('on conflict')
    if (this.choices.percent(30)) return ' on conflict do nothing'
    const excluded = this.columnsOf('excluded')
    const own = { ...scope, own: [...columns, ...excluded], depth: 1 }
    const where = this.choices.percent(50) ? ` where ${this.expression('bool', own)}` : ''
    return ` on conflict (id) do update set ${this.assignments({ ...own, depth: 2 })}${where}`
  }

  merge(table, scope) {
    const base = table.isView && this.major < 17 ? table.base : table.name
    const { alias, columns } = this.table(base)
    const source = this.uniqueSource(scope)
    const both = { ...scope, own: [...columns, ...source.columns], depth: 2 }
    const only = { ...both, own: source.columns }
    const and = (scope, needed = false) => (needed || this.choices.percent(60) ? ` and ${this.expression('bool', scope)}` : '')
    const clauses = []
    const deletes = this.choices.percent(40)
    if (this.choices.percent(80))
      clauses.push(`when matched${and(both, deletes)} then ${this.choices.percent(70) ? `update set ${this.assignments(both)}` : 'do nothing'}`)
    if (deletes) clauses.push(`when matched${and(both)} then delete`)
    if (this.major >= 17 && this.choices.percent(30))
      clauses.push(
        `when not matched by source${and({ ...both, own: columns })} then ${this.choices.of(['delete', 'do nothing', 'update set n = 7'])}`,
      )
    if (clauses.length === 0 || this.choices.percent(50)) {
      clauses.push(
        `when not matched${and(only)} then insert (id, owner, level, n, flag) values (${source.alias}.id + 100, ${this.typed('text', only)}, ${this.assigned('level', 'text', only)}, ${this.typed('int', only)}, ${this.typed('bool', only)})`,
      )
    }
    const on = `${alias}.id = ${source.alias}.id${this.choices.percent(30) ? ` and ${this.expression('bool', { ...both, depth: 1 })}` : ''}`
    const returning = this.major >= 17 ? this.returning(columns, both) : ''
    return `merge into ${base} ${alias} using ${source.sql} on ${on} ${clauses.join(' ')}${returning}`
  }
}
