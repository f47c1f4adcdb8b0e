// Random conditions, as people write them into policies: boolean trees over pg_aal's functions, the idioms that were there
// before it, columns, functions of their own and sub-selects.
//
// A condition is a function from a scope to SQL, so that it fits whatever table, column or function is there. A scope holds
//   columns    of the rows at hand: { name, kind }
//   outer      the scope around a sub-select
//   reads      tables that a sub-select may read: { name, columns, reads }
//   recursive  the same, but for loops: Postgres notices them in policies
//   functions  that may be called: { name, returns, argument }

import fc from 'fast-check'

// One of several, by weight. Failures shrink towards the first, so that's the simplest.
export function oneOf(...choices) {
  const arbitrary = (what) => (typeof what?.generate === 'function' ? what : fc.constant(what))
  return fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, what]) => ({ weight, arbitrary: arbitrary(what) })))
}

export const rarely = (percent) => oneOf([100 - percent, false], [percent, true])

export const quoted = (text) => (text === null ? 'null' : `'${text.replaceAll("'", "''")}'`)

const level = oneOf([8, "'aal2'"], [6, "'aal1'"], [2, "'aal3'"])
// What people compare a level with: typing errors and JSON's quotes among it.
const levelText = oneOf([20, level], [1, "'AAL2'"], [1, `'"aal2"'`], [1, "''"], [1, 'null'])
const levelTexts = fc.array(levelText, { minLength: 1, maxLength: 3 }).map((texts) => texts.join(', '))
const nth = fc.nat(5)

export const maxAge = oneOf([6, null], [3, '15 minutes'], [1, '1 hour'], [1, '5 minutes'])
const ageArgument = maxAge.map((age) => age && quoted(age))

// Bare, or evaluated once per statement as Supabase's documents advise.
const wrapped = (arbitrary) => fc.tuple(arbitrary, oneOf([1, false], [1, true])).map(([write, wrap]) => wrap ? (scope) => `(select ${write(scope)})` : write)

const constant = (sql) => () => sql
const always = (arbitrary) => arbitrary.map(constant)

// The nth column of a kind; where there is none, what else would do.
function column(kind, write = (name) => name, instead = constant('true')) {
  return nth.map((n) => (scope) => {
    const columns = scope.columns.filter((column) => column.kind === kind)
    if (columns.length === 0) return instead(scope)
    const chosen = columns[n % columns.length]
    chosen.mentioned = true
    return write(chosen.name)
  })
}

const ours = wrapped(oneOf(
  [10, fc.tuple(level, ageArgument).map(([level, age]) => constant(`auth.has_aal(${level}${age ? ', ' + age : ''})`))],
  [2, column('level', (name) => `auth.has_aal(${name})`, constant("auth.has_aal('aal1')"))],
  [4, ageArgument.map((age) => constant(`auth.has_enrolled_aal(${age ?? ''})`))],
  [2, fc.tuple(level, ageArgument).map(([level, age]) => constant(`auth.require_aal(${level}${age ? ', ' + age : ''})`))],
  [1, ageArgument.map((age) => constant(`auth.require_enrolled_aal(${age ?? ''})`))],
  [1, always(oneOf([3, "auth.authenticated_at('aal2') > now() - interval '15 minutes'"], [1, "auth.authenticated_at() is not null"]))],
))

const claim = wrapped(always(oneOf(
  [6, 'auth.aal()'],
  [8, "(auth.jwt() ->> 'aal')"],
  [3, "(auth.claims() ->> 'aal')"],
  [2, "(auth.jwt() -> 'aal')::text"],
  [2, "(current_setting('request.jwt.claims', true)::json ->> 'aal')"],
  [1, "(current_setting('request.jwt.claims', true)::jsonb ->> 'aal')"],
  [2, "(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'aal')"],
  [1, "(auth.jwt() #>> '{aal}')"],
  [1, "(current_setting('request.jwt.claims', true)::json #>> '{aal}')"],
  [3, 'auth.enrolled_aal()'],
)))

const idiom = always(oneOf(
  [2, "auth.jwt() is null"],
  [2, "auth.jwt() is not null"],
  [2, "auth.uid() is not null"],
  [1, "auth.subject() is not null"],
  [2, `auth.jwt() @> '{"aal":"aal2"}'`],
  [1, `auth.claims() @> '{"aal":"aal1"}'`],
  [2, "auth.jwt() ? 'aal'"],
  [1, "not auth.jwt() ? 'aal'"],
  [1, `(auth.jwt() -> 'aal') = '"aal2"'`],
  [1, "current_setting('request.jwt.claims', true) is null"],
  [1, "coalesce(current_setting('request.jwt.claims', true), '') = ''"],
  [1, "auth.role() = 'trial_user'"],
  [1, "auth.jwt() ->> 'role' <> 'trial_user'"],
  [1, "current_user = 'trial_user'"],
  // What Supabase documents for those who have a factor: closed to all but those who may read the factors.
  [1, "exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified')"],
))

const ownRow = column('owner', (name) => `${name} = auth.uid()::text`)
const data = oneOf(
  [6, always(oneOf([3, 'true'], [1, 'false'], [1, 'null::boolean']))],
  [4, ownRow],
  [1, column('owner', (name) => `${name} = (select auth.subject())`)],
  [3, column('flag')],
  [2, fc.tuple(levelText, column('level', undefined, constant('null'))).map(([text, column]) => (scope) => `${column(scope)} = ${text}`)],
  [2, column('n', (name) => `${name} > 3`)],
  [1, column('n', (name) => `${name} in (1, 2)`)],
  [2, column('label', (name) => `${name} = 'x'`)],
  [1, column('label', (name) => `${name} is null`)],
)

// A call of a function of the user's: the nth of those that return this type.
const call = (returns, tie, instead) => fc.record({ n: nth, level: tie('text'), flag: tie('condition') }).map(({ n, level, flag }) => (scope) => {
  const functions = scope.functions.filter((one) => one.returns === returns)
  if (functions.length === 0) return instead
  const { name, argument } = functions[n % functions.length]
  const written = { none: constant(''), level, flag }[argument]
  return `${name}(${written(scope)})`
})

// A sub-select's table and the scope of its rows. Deep inside there may be none left.
function inner(scope, n, loops) {
  const tables = loops ? scope.recursive : scope.reads
  if (!tables?.length) return { from: '', scope }
  const table = tables[n % tables.length]
  const alias = `o${(scope.depth ?? 0) + 1}`
  const columns = table.columns.map((column) => ({ kind: column.kind, name: `${alias}.${column.name}`, set mentioned(is) { column.mentioned = is } }))
  return { from: ` from ${table.name} ${alias}`, scope: { ...scope, columns, outer: scope, reads: table.reads, depth: (scope.depth ?? 0) + 1 } }
}

// What ties a sub-select's rows to those around it.
const correlation = fc.tuple(oneOf([2, null], [1, 'owner'], [1, 'id'], [1, 'level'], [1, 'mine']), nth).map(([kind, n]) => (scope) => {
  const of = ({ columns }) => columns.filter((column) => column.kind === kind)
  if (kind === 'mine') return scope.columns.filter((column) => column.kind === 'owner').map((column) => ((column.mentioned = true), `${column.name} = auth.uid()::text and `))[0] ?? ''
  if (kind === null || !scope.outer) return ''
  const [inside, outside] = [of(scope), of(scope.outer)]
  if (inside.length === 0 || outside.length === 0) return ''
  const [one, other] = [inside[n % inside.length], outside[n % outside.length]]
  one.mentioned = other.mentioned = true
  return `${one.name} = ${other.name} and `
})

const subselect = (tie) => fc.record({
  n: nth, loops: rarely(2), correlation, where: tie('condition'), other: tie('condition'), text: tie('text'), level: levelText,
  form: oneOf(
    [4, ({ from, where }) => `exists (select 1${from} where ${where})`],
    [1, ({ from, where }) => `not exists (select 1${from} where ${where})`],
    [2, ({ from, where, text, outerText }) => `${outerText} in (select ${text}${from} where ${where})`],
    [1, ({ from, where, text, outerText }) => `${outerText} not in (select ${text}${from} where ${where})`],
    [2, ({ from, where, other }) => `(select ${other}${from} where ${where} limit 1)`],
    [1, ({ from, where, other }) => `(select ${other}${from} where ${where})`],
    [1, ({ from, where, text, level }) => `(select ${text}${from} where ${where} limit 1) = ${level}`],
    [2, ({ from, where }) => `(select count(*)${from} where ${where}) > 0`],
    [1, ({ from, where }) => `(select count(*) = 0${from} where ${where})`],
    // Without a table, an aggregate would be that of the rows around.
    [1, ({ from, where }) => from ? `(select bool_or(${where})${from})` : `(select ${where})`],
    [1, ({ from, where }) => from ? `(select coalesce(bool_and(${where}), false)${from})` : `(select ${where})`],
    [2, ({ from, where }) => `array[(select auth.jwt() ->> 'aal')] <@ (select case when count(*) > 0 then array['aal2'] else array['aal1', 'aal2'] end${from} where ${where})`],
    [1, ({ from, where }) => `auth.aal() = (select case when count(*) > 0 then 'aal2' else 'aal1' end${from} where ${where})`],
  ),
}).map(({ n, loops, correlation, where, other, text, level, form }) => (scope) => {
  const { from, scope: within } = inner(scope, n, loops)
  return form({
    from, level, outerText: text(scope), text: text(within), other: other(within),
    where: from ? correlation(within) + where(within) : where(within),
  })
})

// A text is mostly the session's level.
const texts = (tie) => fc.oneof({ maxDepth: 2, withCrossShrink: true },
  { weight: 10, arbitrary: claim },
  { weight: 2, arbitrary: column('level', undefined, constant('auth.aal()')) },
  { weight: 2, arbitrary: fc.tuple(claim, levelText).map(([text, other]) => (scope) => `coalesce(${text(scope)}, ${other})`) },
  { weight: 1, arbitrary: fc.tuple(claim, levelText).map(([text, other]) => (scope) => `nullif(${text(scope)}, ${other})`) },
  { weight: 1, arbitrary: claim.map((text) => (scope) => `lower(${text(scope)})`) },
  { weight: 1, arbitrary: always(level) },
  { weight: 1, arbitrary: call('text', tie, 'auth.aal()') },
  { weight: 1, arbitrary: fc.tuple(tie('condition'), levelText, levelText).map(([when, one, other]) => (scope) => `case when ${when(scope)} then ${one} else ${other} end`) },
)

const comparison = (tie) => {
  const text = tie('text')
  const operator = oneOf([10, '='], [2, '<>'], [2, 'is distinct from'], [2, 'is not distinct from'], [1, '>='], [1, 'like'], [1, 'not like'])
  const written = (parts, write) => fc.tuple(text, parts).map(([text, parts]) => (scope) => write(`(${text(scope)})`, parts, scope))
  return oneOf(
    [8, written(fc.tuple(operator, levelText), (text, [operator, level]) => `${text} ${operator} ${level}`)],
    [1, written(level, (text, level) => `${level} = ${text}`)],
    [2, written(text, (text, other, scope) => `${text} = (${other(scope)})`)],
    [2, written(levelTexts, (text, levels) => `${text} in (${levels})`)],
    [1, written(levelTexts, (text, levels) => `${text} not in (${levels})`)],
    [2, written(levelTexts, (text, levels) => `${text} = any (array[${levels}])`)],
    [1, written(levelTexts, (text, levels) => `${text} <> all (array[${levels}])`)],
    [2, written(levelTexts, (text, levels) => `array[${text}]::text[] <@ array[${levels}]::text[]`)],
    [1, written(levelTexts, (text, levels) => `array[${levels}]::text[] @> array[${text}]::text[]`)],
    [1, written(levelTexts, (text, levels) => `array[${text}]::text[] && array[${levels}]::text[]`)],
    [1, written(oneOf([1, 'is null'], [2, 'is not null']), (text, test) => `${text} ${test}`)],
  )
}

const test = oneOf(
  [2, 'is true'], [2, 'is not true'], [1, 'is false'], [2, 'is not false'],
  [1, 'is null'], [1, 'is not null'], [1, 'is unknown'], [1, 'is not unknown'],
)

const trees = (tie) => {
  const one = tie('condition')
  const some = fc.array(one, { minLength: 2, maxLength: 3 })
  const joined = (word) => some.map((parts) => (scope) => `(${parts.map((part) => part(scope)).join(word)})`)
  const written = (parts, write) => parts.map((parts) => (scope) => write(...parts.map((part) => typeof part === 'function' ? part(scope) : part)))
  return oneOf(
    [8, joined(' and ')],
    [8, joined(' or ')],
    [4, written(fc.tuple(one), (one) => `(not ${one})`)],
    [3, written(fc.tuple(one, one, one), (when, then, other) => `(case when ${when} then ${then} else ${other} end)`)],
    [1, written(fc.tuple(one, one, one, one), (a, b, c, d) => `(case when ${a} then ${b} when ${c} then ${d} end)`)],
    [2, written(fc.tuple(tie('text'), level, one, levelText, one, one), (text, a, b, c, d, e) => `(case ${text} when ${a} then ${b} when ${c} then ${d} else ${e} end)`)],
    [1, written(fc.tuple(one, one, one), (a, b, c) => `(case ${a} when true then ${b} else ${c} end)`)],
    [2, written(fc.tuple(one, one), (a, b) => `coalesce(${a}, ${b})`)],
    [1, written(fc.tuple(one, one), (a, b) => `nullif(${a}, ${b})`)],
    [3, written(fc.tuple(one, test), (one, test) => `((${one}) ${test})`)],
    [1, written(fc.tuple(one, one, rarely(50)), (a, b, not) => `((${a}) is ${not ? 'not ' : ''}distinct from (${b}))`)],
    [1, written(fc.tuple(one, one, rarely(50)), (a, b, not) => `((${a}) ${not ? '<>' : '='} (${b}))`)],
    [1, written(fc.tuple(one), (one) => `(${one}) in (true, null)`)],
    [5, subselect(tie)],
  )
}

export const { condition, text, simple } = fc.letrec((tie) => ({
  simple: oneOf(
    [7, data],
    [12, ours],
    [6, comparison(tie)],
    [2, idiom],
    [2, call('boolean', tie, "auth.has_aal('aal2')")],
  ),
  text: texts(tie),
  condition: fc.oneof({ maxDepth: 3, withCrossShrink: true },
    { weight: 5, arbitrary: tie('simple') },
    { weight: 3, arbitrary: trees(tie) }),
}))
