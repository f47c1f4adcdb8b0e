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

// A JSON document that is the claims, or looks as if.
export const document = always(oneOf(
  [10, 'auth.jwt()'],
  [3, 'auth.claims()'],
  [2, "current_setting('request.jwt.claims', true)::jsonb"],
  [2, "nullif(current_setting('request.jwt.claims', true), '')::jsonb"],
  [1, "current_setting('request.jwt.claims')::jsonb"],
  [1, "current_setting('request.jwt.claim', true)::jsonb"],
  [1, `coalesce(auth.jwt(), '{"aal":"aal2"}')`],
  [1, "nullif(auth.jwt(), '{}')"],
  [1, "(auth.jwt() - 'aal')"],
  [1, `(auth.jwt() || '{"aal":"aal2"}')`],
  [1, `('{"aal":"aal2"}' || auth.jwt())`],
  [1, `jsonb_set(auth.jwt(), '{aal}', '"aal2"')`],
  [1, "(auth.jwt() -> 'app_metadata')"],
  [1, 'to_jsonb(auth.jwt())'],
  [1, `case when auth.jwt() is null then '{"aal":"aal1"}' else auth.jwt() end`],
  [1, 'trial.jwt()'],
))

const readings = [
  [6, (document) => `(${document}) ->> 'aal'`],
  [2, (document) => `(${document}) #>> '{aal}'`],
  [1, (document) => `jsonb_extract_path_text(${document}, 'aal')`],
  [1, (document) => `((${document}) -> 'aal') #>> '{}'`],
  [1, (document) => `((${document}) -> 'aal')::text`],
  [1, (document) => `(${document})['aal']::text`],
  [1, (document) => `(${document}) ->> 'role'`],
  [1, (document) => `(${document}) ->> 'AAL'`],
]
const readDocument = fc.tuple(document, oneOf(...readings)).map(([document, read]) => (scope) => `(${read(document(scope))})`)

const claim = wrapped(oneOf(
  [30, always(oneOf(
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
    [1, "(auth.aal_status() ->> 'currentLevel')"],
    [1, "(auth.aal_status() ->> 'nextLevel')"],
  ))],
  [4, readDocument],
))

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
  [1, "exists (select 1 from auth.amr() where level = 'aal2')"],
  [1, `auth.jwt() -> 'amr' @> '[{"method":"totp"}]'`],
  [1, "exists (select 1 from jsonb_array_elements(auth.jwt() -> 'amr') a where a ->> 'method' = 'totp')"],
  [1, "auth.jwt() -> 'amr' -> 0 ->> 'method' = 'totp'"],
  // What Supabase documents for those who have a factor: closed to all but those who may read the factors.
  [1, "exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified')"],
))

// What few people write, and a proof must not misread.
const oddities = oneOf(
  [6, fc.tuple(document, oneOf(
    [2, (document) => `(${document}) @> '{"aal":"aal2"}'`],
    [1, (document) => `'{"aal":"aal1"}' <@ (${document})`],
    [1, (document) => `'{"aal":"aal2","role":"trial_user"}' <@ (${document})`],
    [1, (document) => `(${document}) @> '{}'`],
    [2, (document) => `(${document}) ? 'aal'`],
    [1, (document) => `(${document}) ?| array['aal', 'x']`],
    [1, (document) => `(${document}) ?& array['aal', 'sub']`],
    [2, (document) => `(${document}) is null`],
    [1, (document) => `(${document}) = '{}'`],
    [1, (document) => `((${document}) -> 'aal') is null`],
    [1, (document) => `(${document}) -> 'aal' in ('"aal2"', '"aal3"')`],
    [1, (document) => `jsonb_typeof((${document}) -> 'aal') = 'string'`],
    [1, (document) => `(${document}) @@ '$.aal == "aal2"'`],
    [1, (document) => `(${document}) @? '$.aal ? (@ <> "aal1")'`],
  )).map(([document, write]) => (scope) => write(document(scope)))],
  [1, column('level', (name) => `auth.has_aal(coalesce(${name}, 'aal1'))`, constant("auth.has_aal(level => 'aal2', max_age => null)"))],
  [1, column('flag', (name) => `auth.has_aal('aal2', case when ${name} then interval '5 minutes' else interval '1 hour' end)`, constant("auth.has_aal('aal2', make_interval(mins => 15))"))],
  [1, column('flag', (name) => `auth.has_aal(case when ${name} then 'aal1' else 'aal2' end)`, constant("auth.has_aal(lower('AAL2'))"))],
  [1, column('n', (name) => `(auth.has_aal('aal2', make_interval(mins => ${name})))`, constant("auth.has_aal('aal1', '15 minutes'::interval * 4)"))],
  [3, always(oneOf(
    [1, "trial.has_aal('aal3')"],
    [1, 'random() < 0.5'],
    [1, '(random() < 0.5 and not random() < 0.5)'],
    [1, "current_user in ('trial_user', 'trial_owner')"],
    [1, "session_user = 'postgres'"],
    [1, "current_setting('role') = 'trial_user'"],
    [1, "pg_has_role('trial_group', 'usage')"],
    [1, "auth.authenticated_at('aal1') is null"],
    [1, "extract(epoch from now() - auth.authenticated_at('aal2')) < 900"],
    [1, "coalesce(auth.authenticated_at('aal2'), '-infinity') < now()"],
    [1, "coalesce(auth.authenticated_at('aal1'), 'infinity') > now()"],
    [1, "auth.subject_uuid() = '22222222-2222-4222-8222-222222222222'"],
    [1, "auth.aal_status() ->> 'action' is null"],
    [1, "auth.aal_status() -> 'currentLevel' = auth.aal_status() -> 'nextLevel'"],
  ))],
)

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
  return { table, from: ` from ${table.name} ${alias}`, scope: { ...scope, columns, outer: scope, reads: table.reads, depth: (scope.depth ?? 0) + 1 } }
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

// Sub-selects that need a table, and those that don't.
const tableless = ({ from, where }) => `exists (select 1${from} where ${where})`
const ofTable = (write) => (parts) => (parts.from ? write(parts) : tableless(parts))
const forms = [
  [8, tableless],
  [3, ({ from, where }) => `not exists (select 1${from} where ${where})`],
  [4, ({ from, where, text, outerText }) => `${outerText} in (select ${text}${from} where ${where})`],
  [2, ({ from, where, text, outerText }) => `${outerText} not in (select ${text}${from} where ${where})`],
  [4, ({ from, where, other }) => `(select ${other}${from} where ${where} limit 1)`],
  [2, ({ from, where, other }) => `(select ${other}${from} where ${where})`],
  [2, ({ from, where, text, level }) => `(select ${text}${from} where ${where} limit 1) = ${level}`],
  [4, ({ from, where }) => `(select count(*)${from} where ${where}) > 0`],
  [2, ({ from, where }) => `(select count(*) = 0${from} where ${where})`],
  [4, ({ from, where }) => `array[(select auth.jwt() ->> 'aal')] <@ (select case when count(*) > 0 then array['aal2'] else array['aal1', 'aal2'] end${from} where ${where})`],
  [2, ({ from, where }) => `auth.aal() = (select case when count(*) > 0 then 'aal2' else 'aal1' end${from} where ${where})`],
  [1, ({ from, where, text, outerText }) => `${outerText} = all (select ${text}${from} where ${where})`],
  [1, ({ from, where, text, outerText }) => `${outerText} > any (select ${text}${from} where ${where})`],
  [1, ({ from, where, text, outerText, other }) => `(${outerText}, true) in (select ${text}, ${other}${from} where ${where})`],
  [1, ({ from, where, text, level }) => `array(select ${text}${from} where ${where}) @> array[${level}]`],
  [1, ({ from, where, text, level }) => `array[${level}] <@ array(select ${text}${from} where ${where})`],
  [1, ({ from, where }) => `exists (select 1${from} where ${where} limit 0)`],
  [1, ({ from, where }) => `exists (select 1${from} where ${where} offset 1)`],
  [1, ({ from, where }) => `exists (select count(*)${from} where ${where})`],
  [1, ({ from, where }) => `exists (select 1${from} where ${where} having count(*) = 0)`],
  [1, ({ from, where }) => `exists (with found as materialized (select 1${from} where ${where}) select 1 from found)`],
  [1, ({ from, where, other }) => `exists (select 1${from} where ${where} union all select 1${from} where ${other})`],
  [1, ({ from, where, other }) => `exists (select 1${from} where ${where} except select 1${from} where ${other})`],
  [1, ({ from, where, other }) => `exists (select 1${from} where ${where} intersect select 1${from} where ${other})`],
  [1, ({ from, where, other }) => `(select ${other}${from} where ${where} union all select false limit 1)`],
  [1, ({ from, where }) => `(exists (select 1${from} where ${where}) and exists (select 1${from} where not (${where})))`],
  // Without a table, an aggregate would be that of the rows around.
  [1, ofTable(({ from, where }) => `(select bool_or(${where})${from})`)],
  [1, ofTable(({ from, where }) => `(select coalesce(bool_and(${where}), false)${from})`)],
  [1, ofTable(({ from, where }) => `(select bool_or(${where}) and bool_or(not (${where}))${from})`)],
  [1, ofTable(({ from, where }) => `(select count(*) filter (where ${where})${from}) = 0`)],
  [1, ofTable(({ from, where, text, level }) => `(select max(${text})${from} where ${where}) = ${level}`)],
  [1, ofTable(({ from, where, text, level }) => `(select array_agg(${text})${from} where ${where}) @> array[${level}]`)],
  [1, ofTable(({ from, where }) => `(select sum(1)${from} where ${where}) is null`)],
  [1, ofTable(({ from, where, other }) => `exists (select 1 from (select ${other} as fits${from} where ${where}) found where fits)`)],
  [1, ofTable(({ from, where, other }) => `exists (select 1${from}, lateral (select ${other} as fits) found where ${where} and fits)`)],
  [1, ofTable(({ from, where, text, level }) => `exists (select 1 from (select ${text} as a${from} where ${where} limit 1) found where a = ${level})`)],
  [1, ofTable(({ from, where, other, id, again }) => `exists (select 1${from} left join ${again} p on ${other} where p.${id} is null and ${where})`)],
  [1, ofTable(({ from, where, other, again }) => `exists (select 1${from} full join ${again} p on true where (${other}) is not true or ${where})`)],
  [1, ofTable(({ from, where, other }) => `exists (select 1${from} group by ${where} having bool_or(${other}))`)],
]

const subselect = (tie) => fc.record({
  n: nth, loops: rarely(2), correlation, where: tie('condition'), other: tie('condition'), text: tie('text'), level, form: oneOf(...forms),
}).map(({ n, loops, correlation, where, other, text, level, form }) => (scope) => {
  const { from, table, scope: within } = inner(scope, n, loops)
  return form({
    from, level, outerText: text(scope), text: text(within), other: other(within), again: table?.name, id: table?.columns[0].name,
    where: from ? correlation(within) + where(within) : where(within),
  })
})

// The same text, or another.
const changes = [
  [1, (text) => `${text}::varchar`], [1, (text) => `${text}::varchar(3)`], [1, (text) => `${text}::name::text`], [1, (text) => `${text}::char(10)::text`],
  [1, (text) => `${text} collate "C"`], [1, (text) => `upper(${text})`], [1, (text) => `trim(${text})`], [1, (text) => `left(${text}, 3)`],
  [1, (text) => `concat(${text}, '')`], [1, (text) => `replace(${text}, '1', '2')`], [1, (text) => `greatest(${text}, 'aal2')`], [1, (text) => `least(${text}, 'aal2')`],
  [1, (text) => `(${text} || '')`], [1, (text) => `${text}::trial.level::text`],
]

// A text is mostly the session's level.
const texts = (tie) => fc.oneof({ maxDepth: 2, withCrossShrink: true },
  { weight: 10, arbitrary: claim },
  { weight: 2, arbitrary: column('level', undefined, constant('auth.aal()')) },
  { weight: 2, arbitrary: fc.tuple(claim, levelText).map(([text, other]) => (scope) => `coalesce(${text(scope)}, ${other})`) },
  { weight: 1, arbitrary: fc.tuple(claim, levelText).map(([text, other]) => (scope) => `nullif(${text(scope)}, ${other})`) },
  { weight: 1, arbitrary: claim.map((text) => (scope) => `lower(${text(scope)})`) },
  { weight: 1, arbitrary: fc.tuple(claim, oneOf(...changes)).map(([text, change]) => (scope) => change(`(${text(scope)})`)) },
  { weight: 1, arbitrary: always(level).map((text) => (scope) => `${text(scope)}::text`) },
  { weight: 1, arbitrary: call('text', tie, 'auth.aal()') },
  { weight: 1, arbitrary: fc.tuple(tie('condition'), levelText, levelText).map(([when, one, other]) => (scope) => `case when ${when(scope)} then ${one} else ${other} end`) },
)

// Other ways to compare.
const comparisons = [
  [1, (text) => `${text} between 'aal1' and 'aal2'`], [1, (text) => `${text} ~ 'aal[23]'`], [1, (text) => `${text} like 'aal%'`], [1, (text) => `${text} ilike 'AAL2'`],
  [1, (text, level) => `${text} in (values ('aal2'), (${level}))`], [1, (text, level) => `${text} = any (select unnest(array[${level}]))`],
  [1, (text, level) => `${level} = any (array(select ${text}))`], [1, (text, level) => `(${text}, 1) = (${level}, 1)`], [1, (text, level) => `(${text}, 1) >= (${level}, 1)`],
  [1, (text, level) => `${text}::auth.aal_level = ${level}`], [1, (text, level) => `${text}::auth.aal_level >= ${level}`], [1, (text) => `${text}::bpchar = 'aal2 '`],
  [1, (text, level) => `${text} operator(trial.=) ${level}`], [1, (text, level) => `texteq(${text}, ${level})`], [1, (text) => `right(${text}, 1)::int >= 2`], [1, (text) => `length(${text}) = 4`],
  [1, (text, level) => `array_position(array[${level}, 'aal3'], ${text}) is not null`], [1, (text, level) => `${text} = all (array[${level}])`], [1, (text, level) => `${text} <> any (array[${level}, 'aal1'])`],
  [1, (text) => `${text} collate trial.any_case = 'AAL2'`], [1, (text, level) => `${text} = any ('{aal1,NULL}') and ${text} <> ${level}`], [1, (text) => `row(${text}) is not null`],
  [1, (text, level) => `array[${text}] = array[${level}]`], [1, (text, level) => `exists (select 1 from unnest(array['aal1', ${level}]) l(a) where a = ${text})`], [1, (text, level) => `to_jsonb(${text}) = to_jsonb(${level}::text)`],
]

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
    [2, written(fc.tuple(oneOf(...comparisons), level), (text, [write, level]) => write(text, level))],
  )
}

const test = oneOf(
  [2, 'is true'], [2, 'is not true'], [1, 'is false'], [2, 'is not false'],
  [1, 'is null'], [1, 'is not null'], [1, 'is unknown'], [1, 'is not unknown'],
)

// Other ways to put conditions together.
const junctions = [
  [2, (a) => `(${a}) in (true, null)`], [1, (a) => `(${a}) in (false)`], [1, (a) => `(${a}) = any (array[true])`], [1, (a, b) => `((${a}), (${b})) = (true, true)`],
  [1, (a) => `(${a})::int = 1`], [1, (a) => `(${a})::text = 'true'`], [1, (a, b) => `(${a}) > (${b})`], [1, (a, b) => `(${a}) >= (${b})`], [1, (a, b) => `greatest((${a}), (${b}))`],
  [1, (a, b) => `least((${a}), (${b}))`], [1, (a, b) => `num_nulls((${a}), (${b})) = 1`], [1, (a, b) => `booleq((${a}), (${b}))`], [1, (a, b) => `(${a}) = all (array[(${b}), true])`],
  [1, (a, b) => `array[(${a}), (${b})] @> array[true]`], [1, (a, b) => `array[(${a}), (${b})] = array[true, false]`], [1, (a) => `((${a})) is distinct from null`],
  [1, (a, b) => `case when (${a}) is null then (${b}) end is not true`], [1, (a, b) => `(select (${a}) from (values (1)) v(x) where (${b}))`],
]

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
    [3, fc.tuple(one, one, oneOf(...junctions)).map(([a, b, write]) => (scope) => `(${write(a(scope), b(scope))})`)],
    [5, subselect(tie)],
  )
}

export const { condition, text, simple } = fc.letrec((tie) => ({
  simple: oneOf(
    [7, data],
    [12, ours],
    [6, comparison(tie)],
    [2, idiom],
    [2, oddities],
    [2, call('boolean', tie, "auth.has_aal('aal2')")],
  ),
  text: texts(tie),
  condition: fc.oneof({ maxDepth: 3, withCrossShrink: true },
    { weight: 5, arbitrary: tie('simple') },
    { weight: 3, arbitrary: trees(tie) }),
}))
