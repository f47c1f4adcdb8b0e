// Random expressions that call our functions, and the sub-selects in them. A call is written between marks, so that each variant of a
// query can write it in its own way: see `written`.

export const users = { enrolled: '11111111-1111-4111-8111-111111111111', factorless: '22222222-2222-4222-8222-222222222222' }

export const types = { int: 'integer', text: 'text', bool: 'boolean', uuid: 'uuid', time: 'timestamptz', json: 'jsonb' }
export const columns = [
  ['id', 'int'],
  ['owner', 'text'],
  ['level', 'text'],
  ['n', 'int'],
  ['flag', 'bool'],
  ['uid', 'uuid'],
  ['at', 'time'],
]

// Ours bare, the same C functions without support, and ours in a sub-select by hand.
export const variants = {
  bare: { schema: 'bare', before: 'auth.', after: '' },
  plain: { schema: 'plain', before: 'without_support.', after: '' },
  wrapped: { schema: 'wrapped', before: '(select auth.', after: ')' },
}

// Between ⟦ and ⟧ stands a call; between ⟪ and ⟫ one where no sub-select may stand.
export function written(text, { before, after }) {
  const bare = before.replace('(select ', '')
  return text.replaceAll('⟦', before).replaceAll('⟧', after).replaceAll('⟪', bare).replaceAll('⟫', '')
}

const constants = {
  int: ['1', '0', '2', '3', 'null::integer'],
  text: ["'x'", `'${users.enrolled}'`, `'${users.factorless}'`, "'aal1'", "'aal2'", 'null::text'],
  bool: ['true', 'false', 'null::boolean'],
  uuid: [`'${users.enrolled}'::uuid`, `'${users.factorless}'::uuid`, 'null::uuid'],
  time: ["'2026-01-01'::timestamptz", "'2040-01-01'::timestamptz", 'null::timestamptz'],
  json: [`'{"n": 1}'::jsonb`, 'null::jsonb'],
}

// What an expression may mention: its own query's columns, those of the queries around it, the tables and views that sub-selects read.
// `plain` columns are no expressions, so that sub-selects may mention them, too.
export const scopeOf = ({ own = [], outer = [], reads = [], ctes = [], depth = 2, lowest = 0 }) => ({ own, outer, reads, ctes, depth, lowest })
export const deeper = (scope) => ({ ...scope, depth: scope.depth - 1 })
export const within = (scope) => ({ ...scope, own: [], outer: [...scope.own.filter(({ plain }) => plain), ...scope.outer], depth: scope.depth - 1 })

export class ExpressionWriter {
  features = new Set()
  aliases = 0

  // parameters: whether $1 (a level) and $2 (a number) may be used.
  // readingFunctions: whether functions that read tables may be called.
  constructor(choices, { major, parameters = false, readingFunctions = true }) {
    Object.assign(this, { choices, major, parameters, readingFunctions })
  }

  note(feature) {
    this.features.add(feature)
  }

  alias() {
    this.aliases++
    return `x${this.aliases}`
  }

  type() {
    return this.choices.weighted([5, 'text'], [5, 'int'], [6, 'bool'], [1, 'uuid'], [1, 'time'], [1, 'json'])
  }

  column(type, scope) {
    const fits = (columns) => columns.filter((column) => column.type === type)
    const own = fits(scope.own)
    const outer = fits(scope.outer)
    if (outer.length > 0 && (own.length === 0 || this.choices.percent(30))) {
      this.note('correlated')
      return this.choices.of(outer).sql
    }
    return own.length > 0 ? this.choices.of(own).sql : undefined
  }

  constant(type) {
    if (this.parameters && (type === 'int' || type === 'text') && this.choices.percent(25)) return type === 'int' ? '$2' : '$1'
    return this.choices.of(constants[type])
  }

  leaf(type, scope) {
    const kind = this.choices.weighted([4, 'call'], [2, 'constant'], [4, 'column'])
    const column = kind === 'column' ? this.column(type, scope) : undefined
    if (column) return column
    if (kind === 'constant') return this.constant(type)
    return this.call(type, scope)
  }

  expression(type, scope) {
    if (scope.depth <= 0 || !this.choices.percent(55)) return this.leaf(type, scope)
    if (type === 'bool') return this.condition(scope)
    const inner = deeper(scope)
    const kind = this.choices.weighted([2, 'coalesce'], [3, 'own'], [3, 'case'], [3, 'scalar'], [1, 'nullif'])
    const some = () => this.expression(type, inner)
    if (kind === 'case') return this.caseOf(type, inner)
    if (kind === 'coalesce') return `coalesce(${some()}, ${some()})`
    if (kind === 'nullif') return `nullif(${some()}, ${some()})`
    if (kind === 'scalar') return this.scalar(type, scope)
    return this.ownOf(type, inner)
  }

  caseOf(type, scope) {
    this.note('case')
    if (this.choices.percent(30)) {
      const of = this.expression('text', scope)
      return `case ${of} when ${this.expression('text', scope)} then ${this.expression(type, scope)} else ${this.expression(type, scope)} end`
    }
    const last = this.choices.percent(70) ? ` else ${this.expression(type, scope)}` : ''
    return `case when ${this.condition(scope)} then ${this.expression(type, scope)}${last} end`
  }

  ownOf(type, scope) {
    const expression = (type) => this.expression(type, scope)
    switch (type) {
      case 'int':
        return this.choices.weighted(
          [1, () => `length(${expression('text')})`],
          [1, () => `(${expression('int')} + ${expression('int')})`],
          [1, () => `(${expression('bool')})::int`],
          [this.readingFunctions ? 1 : 0, () => this.counted(expression('text'))],
        )()
      case 'text':
        return this.choices.weighted(
          [2, () => `lower(${expression('text')})`],
          [1, () => `left(${expression('text')} || ${expression('text')}, 40)`],
          [2, () => this.inlined(`level_or(${expression('text')})`)],
          [1, () => this.inlined(`twice(${expression('text')})`)],
          [1, () => `(${expression('json')} ->> 'sub')`],
          [1, () => `(${expression(this.choices.of(['int', 'uuid', 'bool']))})::text`],
        )()
      case 'uuid':
        return this.call('uuid', scope)
      case 'time':
        return `(${expression('time')} + interval '1 day')`
      case 'json':
        return this.choices.weighted(
          [1, () => `jsonb_build_object('a', ${expression('text')}, 'b', ${expression('int')})`],
          [1, () => `to_jsonb((${expression('text')})::text)`],
        )()
    }
  }

  inlined(call) {
    this.note('SQL function, inlined')
    return call
  }

  counted(argument) {
    this.note('SQL function with a sub-select')
    return `counted(${argument})`
  }

  condition(scope) {
    if (scope.depth <= 0) return this.leaf('bool', scope)
    const inner = deeper(scope)
    const expression = (type) => this.expression(type, inner)
    const bool = () => expression('bool')
    const kind = this.choices.weighted(
      [1, 'leaf'],
      [4, 'compare'],
      [4, 'and'],
      [4, 'or'],
      [3, 'not'],
      [5, 'exists'],
      [4, 'in'],
      [3, 'any'],
      [2, 'all'],
      [1, 'is'],
      [1, 'distinct'],
      [2, 'case'],
      [2, 'list'],
      [2, 'function'],
      [1, 'scalar'],
      [1, 'row'],
      [1, 'array'],
      [1, 'hidden'],
    )
    switch (kind) {
      case 'compare': {
        const type = this.choices.weighted([4, 'text'], [3, 'int'], [1, 'uuid'], [1, 'time'], [1, 'bool'])
        return `(${expression(type)} ${this.choices.of(['=', '<>', '<', '>='])} ${expression(type)})`
      }
      case 'and':
        return `(${bool()} and ${bool()})`
      case 'or':
        this.note('or')
        return `(${bool()} or ${bool()})`
      case 'not':
        this.note('not')
        return `(not ${bool()})`
      case 'exists':
        this.note('exists')
        return this.negated(`exists (${this.subSelect([], scope)})`)
      case 'in': {
        const type = this.choices.weighted([3, 'text'], [3, 'int'], [1, 'uuid'], [1, 'bool'])
        const negation = this.choices.percent(40) ? 'not ' : ''
        this.note(negation ? 'not in' : 'in')
        return `(${expression(type)} ${negation}in (${this.subSelect([type], scope)}))`
      }
      case 'row': {
        const pair = [this.choices.of(['text', 'int']), this.choices.of(['int', 'text'])]
        this.note('in, of rows')
        return `((${pair.map(expression).join(', ')}) ${this.choices.of(['in', 'not in'])} (${this.subSelect(pair, scope)}))`
      }
      case 'any':
      case 'all': {
        const type = this.choices.of(['int', 'text'])
        this.note(kind)
        return `(${expression(type)} ${this.choices.of(['=', '<>', '>', '<='])} ${kind} (${this.subSelect([type], scope)}))`
      }
      case 'array': {
        this.note('array')
        const array = this.choices.percent(50) ? `array[${expression('text')}, ${expression('text')}]` : `array(${this.subSelect(['text'], scope)})`
        return `(${expression('text')} ${this.choices.of(['= any', '<> all'])} (${array}))`
      }
      case 'is':
        return `(${bool()} is ${this.choices.of(['true', 'not true', 'null', 'not null', 'unknown'])})`
      case 'distinct': {
        const type = this.type()
        return `(${expression(type)} is ${this.choices.of(['', 'not '])}distinct from ${expression(type)})`
      }
      case 'case':
        return this.caseOf('bool', inner)
      case 'list':
        return `(${expression('text')} ${this.choices.of(['', 'not '])}in (${expression('text')}, ${expression('text')}, 'x'))`
      case 'function':
        return this.choices.weighted(
          [3, () => this.inlined(`is_me(${expression('text')})`)],
          [2, () => this.plpgsql(`pl_is_me(${expression('text')})`)],
          [1, () => this.inlined(`conjoined(${bool()}, ${bool()})`)],
          [this.readingFunctions ? 1 : 0, () => this.plpgsql(`(pl_counted(${expression('text')}) > 0)`)],
        )()
      case 'scalar':
        return this.scalar('bool', scope)
      // Nothing that the planner sees through.
      case 'hidden':
        return `coalesce(${bool()}, ${bool()}, false)`
      default:
        return this.leaf('bool', scope)
    }
  }

  plpgsql(call) {
    this.note('PL/pgSQL function')
    return call
  }

  negated(condition) {
    return this.choices.percent(30) ? `(not ${condition})` : condition
  }

  // One of our functions.
  call(type, scope) {
    if (type === 'int') return this.choices.percent(50) ? `(${this.call('json', scope)} ->> 'n')::integer` : `length(${this.call('text', scope)})`
    const name = this.functionFor(type, scope)
    this.note(name)
    switch (name) {
      case 'has_aal':
        return this.choices.percent(20) ? `⟦has_aal(${this.level(scope)}, ${this.maxAge(scope)})⟧` : `⟦has_aal(${this.level(scope)})⟧`
      case 'require_aal':
        return `⟦require_aal('aal1')⟧`
      case 'has_enrolled_aal':
        return `⟦has_enrolled_aal(${this.choices.percent(30) ? this.maxAge(scope) : ''})⟧`
      case 'authenticated_at':
        return `⟦authenticated_at(${this.choices.percent(50) ? this.level(scope) : ''})⟧`
      default:
        return `⟦${name}()⟧`
    }
  }

  functionFor(type, scope) {
    switch (type) {
      case 'bool':
        // At no session of the query may it raise: in which order conditions are evaluated is the planner's affair.
        return this.choices.weighted(
          [12, 'has_aal'],
          [2, 'has_enrolled_aal'],
          [1, 'session_is_live'],
          ...(scope.lowest > 0 ? [[3, 'require_aal']] : []),
        )
      case 'text':
        return this.choices.weighted([6, 'subject'], [6, 'aal'], [1, 'enrolled_aal'])
      case 'uuid':
        return 'subject_uuid'
      case 'time':
        return 'authenticated_at'
      case 'json':
        return this.choices.weighted([3, 'claims'], [1, 'aal_status'])
    }
  }

  level(scope) {
    const kind = this.choices.weighted(
      [10, 'constant'],
      [1, 'lower'],
      [1, 'nested'],
      [2, 'column'],
      [1, 'case'],
      [this.parameters ? 4 : 0, 'parameter'],
    )
    const constant = () => this.choices.of(["'aal2'", "'aal1'", "'aal3'"])
    if (kind === 'lower') return `lower('AAL' || ${this.choices.of(["'1'", "'2'"])})`
    if (kind === 'parameter') return '$1'
    if (kind === 'nested') {
      this.note('of another call')
      return `coalesce(⟦aal()⟧, 'aal1')`
    }
    if (kind === 'case' && scope.depth > 0)
      return `case when ${this.leaf('bool', { ...deeper(scope), own: scope.own.filter(({ plain }) => plain) })} then 'aal1' else ${constant()} end`
    const levels = [...scope.own, ...scope.outer].filter(({ plain, isLevel }) => plain && isLevel)
    if (kind === 'column' && levels.length > 0) {
      this.note('of a column')
      return `coalesce(${this.choices.of(levels).sql}, ${constant()})`
    }
    return constant()
  }

  maxAge() {
    return this.choices.of(["interval '6 hours'", "interval '10 days'", 'null', "interval '1 day' * 5"])
  }
}
