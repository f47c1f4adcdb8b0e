// Random conditions, as people write them into policies: boolean trees over pg_aal's functions, the idioms that were there
// before it, columns, functions of their own and sub-selects. Most are usual; some are there because a proof could misread them.
//
// A condition is a function from a scope to SQL, so that it fits whatever table, column or function is there. A scope holds
//   columns    of the rows at hand: { name, kind }; what is used is marked as mentioned
//   outer      the scope around a sub-select
//   reads      the tables that a sub-select may read: { name, columns, reads }
//   recursive  tables of which reading one may end in a loop
//   functions  that may be called: { name, returns, argument }

import fc from 'fast-check'

// One of several, by weight. Failures shrink towards the first, so that's the simplest.
export function oneOf(...choices) {
  const arbitrary = (what) => (typeof what?.generate === 'function' ? what : fc.constant(what))
  return fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, what]) => ({ weight, arbitrary: arbitrary(what) })))
}

export const rarely = (percent) => oneOf([100 - percent, false], [percent, true])

export const quoted = (text) => `'${text.replaceAll("'", "''")}'`

// Lines with a weight before each.
const weighted = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().match(/^(\d+) (.*)$/))
    .map(([, weight, line]) => [Number(weight), line])

// A template's <names> are replaced by parts, which are written for the scope.
const placeholder = /<([a-z]+)>/g
function filled(template, parts, scope) {
  return template.replace(placeholder, (_, name) => (typeof parts[name] === 'function' ? parts[name](scope) : parts[name]))
}

// What a template needs of these parts.
function needed(template, parts) {
  const names = [...template.matchAll(placeholder)].map(([, name]) => name)
  return Object.fromEntries(Object.entries(parts).filter(([name]) => names.includes(name)))
}

// SQL of one template, or of one of several lines.
export function written(templates, parts = {}) {
  const one = (template) => fc.record(needed(template, parts)).map((parts) => (scope) => filled(template, parts, scope))
  return templates.includes('\n') ? oneOf(...weighted(templates).map(([weight, line]) => [weight, one(line)])) : one(templates)
}

const nth = fc.nat(5)
const level = oneOf([8, "'aal2'"], [6, "'aal1'"], [2, "'aal3'"])
// What people compare a level with: typing errors and JSON's quotes among it.
const levelText = oneOf([20, level], [1, "'AAL2'"], [1, `'"aal2"'`], [1, "''"], [1, 'null'])
const levelTexts = fc.array(levelText, { minLength: 1, maxLength: 3 }).map((texts) => texts.join(', '))

export const maxAge = oneOf([6, null], [3, '15 minutes'], [1, '1 hour'], [1, '5 minutes'])
const ageArgument = maxAge.map((age) => (age ? quoted(age) : 'null'))
const levelArguments = fc.tuple(level, maxAge).map(([level, age]) => (age ? `${level}, ${quoted(age)}` : level))

// Bare, or evaluated once per statement as Supabase's documents advise.
const wrapped = (sql) => oneOf([1, sql], [1, written('(select <sql>)', { sql })])

// A template about the nth column of a kind; where there is none, another.
function column(kind, template, instead) {
  return nth.map((n) => (scope) => {
    const columns = scope.columns.filter((column) => column.kind === kind)
    if (columns.length === 0) return instead
    const chosen = columns[n % columns.length]
    chosen.mentioned = true
    return filled(template, { it: chosen.name })
  })
}

// Columns by another name.
export function under(alias, columns) {
  return columns.map((column) => ({
    kind: column.kind,
    name: `${alias}.${column.name}`,
    set mentioned(is) {
      column.mentioned = is
    },
  }))
}

const ours = wrapped(
  oneOf(
    [10, written('auth.has_aal(<arguments>)', { arguments: levelArguments })],
    [2, column('level', 'auth.has_aal(<it>)', "auth.has_aal('aal1')")],
    [4, written('auth.has_enrolled_aal(<age>)', { age: ageArgument })],
    [2, written('auth.require_aal(<arguments>)', { arguments: levelArguments })],
    [1, written('auth.require_enrolled_aal(<age>)', { age: ageArgument })],
    [1, written("auth.authenticated_at('aal2') > now() - interval '15 minutes'")],
    [3, written('auth.session_is_live()')],
    [1, written('auth.require_live_session()')],
  ),
)

// A JSON document that is the claims, or looks as if.
export const document = written(`
  10 auth.jwt()
  3 auth.claims()
  2 current_setting('request.jwt.claims', true)::jsonb
  2 nullif(current_setting('request.jwt.claims', true), '')::jsonb
  1 current_setting('request.jwt.claims')::jsonb
  1 current_setting('request.jwt.claim', true)::jsonb
  1 coalesce(auth.jwt(), '{"aal":"aal2"}')
  1 nullif(auth.jwt(), '{}')
  1 (auth.jwt() - 'aal')
  1 (auth.jwt() || '{"aal":"aal2"}')
  1 ('{"aal":"aal2"}' || auth.jwt())
  1 jsonb_set(auth.jwt(), '{aal}', '"aal2"')
  1 (auth.jwt() -> 'app_metadata')
  1 to_jsonb(auth.jwt())
  1 case when auth.jwt() is null then '{"aal":"aal1"}' else auth.jwt() end
  1 trial.jwt()`)

const readDocument = written(
  `
  6 ((<document>) ->> 'aal')
  2 ((<document>) #>> '{aal}')
  1 jsonb_extract_path_text(<document>, 'aal')
  1 (((<document>) -> 'aal') #>> '{}')
  1 ((<document>) -> 'aal')::text
  1 (<document>)['aal']::text
  1 ((<document>) ->> 'role')
  1 ((<document>) ->> 'AAL')`,
  { document },
)

const usualClaim = written(`
  6 auth.aal()
  8 (auth.jwt() ->> 'aal')
  3 (auth.claims() ->> 'aal')
  2 (auth.jwt() -> 'aal')::text
  2 (current_setting('request.jwt.claims', true)::json ->> 'aal')
  1 (current_setting('request.jwt.claims', true)::jsonb ->> 'aal')
  2 (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'aal')
  1 (auth.jwt() #>> '{aal}')
  1 (current_setting('request.jwt.claims', true)::json #>> '{aal}')
  3 auth.enrolled_aal()
  1 (auth.aal_status() ->> 'currentLevel')
  1 (auth.aal_status() ->> 'nextLevel')`)

const claim = wrapped(oneOf([8, usualClaim], [1, readDocument]))

// The last is what Supabase documents for those who have a factor: closed to all but those who may read the factors.
const idiom = written(`
  2 auth.jwt() is null
  2 auth.jwt() is not null
  2 auth.uid() is not null
  1 auth.subject() is not null
  2 auth.jwt() @> '{"aal":"aal2"}'
  1 auth.claims() @> '{"aal":"aal1"}'
  2 auth.jwt() ? 'aal'
  1 not auth.jwt() ? 'aal'
  1 (auth.jwt() -> 'aal') = '"aal2"'
  1 current_setting('request.jwt.claims', true) is null
  1 coalesce(current_setting('request.jwt.claims', true), '') = ''
  1 auth.role() = 'trial_user'
  1 auth.jwt() ->> 'role' <> 'trial_user'
  1 current_user = 'trial_user'
  1 exists (select 1 from auth.amr() where level = 'aal2')
  2 (auth.jwt() ->> 'is_anonymous')::boolean is false
  1 (auth.jwt() -> 'is_anonymous')::boolean is not true
  1 auth.jwt() @> '{"is_anonymous":false}'
  1 auth.jwt() -> 'amr' @> '[{"method":"totp"}]'
  1 auth.jwt() -> 'amr' -> 0 ->> 'method' = 'totp'
  1 exists (select 1 from jsonb_array_elements(auth.jwt() -> 'amr') a where a ->> 'method' = 'totp')
  1 auth.uid() is null
  1 auth.jwt() ->> 'sub' is null
  1 (auth.jwt() ->> 'is_anonymous')::boolean
  1 (select count(*) from auth.mfa_factors where user_id = auth.uid() and status::text = 'verified') = 0
  2 array[(select auth.jwt() ->> 'aal')] <@ (select case when count(id) > 0 then array['aal2'] else array['aal1', 'aal2'] end from auth.mfa_factors where auth.uid() = user_id and status = 'verified')
  1 exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified')`)

const oddDocument = written(
  `
  2 (<document>) @> '{"aal":"aal2"}'
  1 '{"aal":"aal1"}' <@ (<document>)
  1 '{"aal":"aal2","role":"trial_user"}' <@ (<document>)
  1 (<document>) @> '{}'
  2 (<document>) ? 'aal'
  1 (<document>) ?| array['aal', 'x']
  1 (<document>) ?& array['aal', 'sub']
  2 (<document>) is null
  1 (<document>) = '{}'
  1 ((<document>) -> 'aal') is null
  1 (<document>) -> 'aal' in ('"aal2"', '"aal3"')
  1 jsonb_typeof((<document>) -> 'aal') = 'string'
  1 (<document>) @@ '$.aal == "aal2"'
  1 (<document>) @? '$.aal ? (@ <> "aal1")'
  1 (<document>) @? '$.aal == "aal2"'
  1 (<document>) @@ '!($.aal == "aal1")'
  1 (<document>) @@ '$.aal != "aal1" && $.role == "trial_user"'
  1 (<document>) @? '$.amr[*] ? (@.method == "totp")'
  1 jsonb_path_exists(<document>, '$ ? (@.aal == "aal2" || @.aal == "aal3")')
  1 jsonb_path_match(<document>, 'exists($.aal ? (@ == "aal2"))')
  1 jsonb_path_query_first(<document>, '$.aal') #>> '{}' = 'aal2'
  1 (<document>) @> jsonb_build_object('aal', 'aal2')
  1 jsonb_typeof(<document>) = 'object'
  1 coalesce(jsonb_typeof((<document>) -> 'aal'), 'null') <> 'null'`,
  { document },
)

const oddities = oneOf(
  [6, oddDocument],
  [1, column('level', "auth.has_aal(coalesce(<it>, 'aal1'))", "auth.has_aal(level => 'aal2', max_age => null)")],
  [
    1,
    column(
      'flag',
      "auth.has_aal('aal2', case when <it> then interval '5 minutes' else interval '1 hour' end)",
      "auth.has_aal('aal2', interval '15' minute)",
    ),
  ],
  [1, column('flag', "auth.has_aal(case when <it> then 'aal1' else 'aal2' end)", "auth.has_aal(lower('AAL2'))")],
  [1, column('n', "auth.has_aal('aal2', make_interval(mins => <it>))", "auth.has_aal('aal1', '15 minutes'::interval * 4)")],
  [
    3,
    written(`
    1 trial.has_aal('aal3')
    1 random() < 0.5
    1 (random() < 0.5 and not random() < 0.5)
    1 current_user in ('trial_user', 'trial_owner')
    1 session_user = 'postgres'
    1 current_setting('role') = 'trial_user'
    1 pg_has_role('trial_group', 'usage')
    1 auth.authenticated_at() is not null
    1 auth.authenticated_at('aal1') is null
    1 extract(epoch from now() - auth.authenticated_at('aal2')) < 900
    1 coalesce(auth.authenticated_at('aal2'), '-infinity') < now()
    1 coalesce(auth.authenticated_at('aal1'), 'infinity') > now()
    1 auth.subject_uuid() = '22222222-2222-4222-8222-222222222222'
    1 auth.aal_status() ->> 'action' is null
    1 auth.aal_status() -> 'currentLevel' = auth.aal_status() -> 'nextLevel'`),
  ],
)

const data = oneOf(
  [
    6,
    written(`
    3 true
    1 false
    1 null::boolean`),
  ],
  [4, column('owner', '<it> = auth.uid()::text', 'true')],
  [1, column('owner', '<it> = (select auth.subject())', 'true')],
  [3, column('flag', '<it>', 'true')],
  [2, written('<column> = <level>', { column: column('level', '<it>', 'null'), level: levelText })],
  [2, column('n', '<it> > 3', 'true')],
  [1, column('n', '<it> in (1, 2)', 'true')],
  [2, column('label', "<it> = 'x'", 'true')],
  [1, column('label', '<it> is null', 'true')],
)

// A call of a function of the user's: the nth of those that return this type.
function call(returns, tie, instead) {
  return fc.record({ n: nth, level: tie('text'), flag: tie('condition') }).map(({ n, ...values }) => (scope) => {
    const functions = scope.functions.filter((one) => one.returns === returns)
    if (functions.length === 0) return instead
    const { name, argument } = functions[n % functions.length]
    return `${name}(${argument === 'none' ? '' : values[argument](scope)})`
  })
}

// A sub-select's table and the scope of its rows. Deep inside there may be none left.
function inner(scope, n, loops) {
  const tables = loops ? scope.recursive : scope.reads
  if (!tables?.length) return { from: '', scope }
  const table = tables[n % tables.length]
  const depth = (scope.depth ?? 0) + 1
  const columns = under(`o${depth}`, table.columns)
  const within = { ...scope, columns, outer: scope, reads: table.reads, depth }
  return { from: ` from ${table.name} o${depth}`, again: table.name, id: table.columns[0].name, scope: within }
}

// What ties a sub-select's rows to those around it, or to the user.
const sameColumn = fc.tuple(fc.constantFrom('owner', 'id', 'level'), nth).map(([kind, n]) => (scope) => {
  const [inside, outside] = [scope, scope.outer].map(({ columns }) => columns.filter((column) => column.kind === kind))
  if (inside.length === 0 || outside.length === 0) return ''
  const pair = [inside[n % inside.length], outside[n % outside.length]]
  for (const column of pair) column.mentioned = true
  return `${pair[0].name} = ${pair[1].name} and `
})
const correlation = oneOf([2, written('')], [1, column('owner', '<it> = auth.uid()::text and ', '')], [3, sameColumn])

const simplest = 'exists (select 1<from> where <where>)'
const forms = `
  8 ${simplest}
  3 not exists (select 1<from> where <where>)
  4 <outer> in (select <text><from> where <where>)
  2 <outer> not in (select <text><from> where <where>)
  4 (select <other><from> where <where> limit 1)
  2 (select <other><from> where <where>)
  2 (select <text><from> where <where> limit 1) = <level>
  4 (select count(*)<from> where <where>) > 0
  2 (select count(*) = 0<from> where <where>)
  4 array[(select auth.jwt() ->> 'aal')] <@ (select case when count(*) > 0 then array['aal2'] else array['aal1', 'aal2'] end<from> where <where>)
  2 auth.aal() = (select case when count(*) > 0 then 'aal2' else 'aal1' end<from> where <where>)
  1 <outer> = all (select <text><from> where <where>)
  1 <outer> > any (select <text><from> where <where>)
  1 (<outer>, true) in (select <text>, <other><from> where <where>)
  1 array(select (<text>)::text<from> where <where>) @> array[<level>]
  1 array[<level>] <@ array(select (<text>)::text<from> where <where>)
  1 exists (select 1<from> where <where> limit 0)
  1 exists (select 1<from> where <where> offset 1)
  1 exists (select count(*)<from> where <where>)
  1 exists (select 1<from> where <where> having count(*) = 0)
  1 exists (with found as materialized (select 1<from> where <where>) select 1 from found)
  1 exists (select 1<from> where <where> union all select 1<from> where <other>)
  1 exists (select 1<from> where <where> except select 1<from> where <other>)
  1 exists (select 1<from> where <where> intersect select 1<from> where <other>)
  1 (select <other><from> where <where> union all select false limit 1)
  1 (exists (select 1<from> where <where>) and exists (select 1<from> where not (<where>)))`

// Without a table, an aggregate would be that of the rows around.
const formsOfTables = `
  1 (select bool_or(<where>)<from>)
  1 (select coalesce(bool_and(<where>), false)<from>)
  1 (select bool_or(<where>) and bool_or(not (<where>))<from>)
  1 (select count(*) filter (where <where>)<from>) = 0
  1 (select max((<text>)::text)<from> where <where>) = <level>
  1 (select array_agg((<text>)::text)<from> where <where>) @> array[<level>]
  1 (select sum(1)<from> where <where>) is null
  1 exists (select 1 from (select <other> as fits<from> where <where>) found where fits)
  1 exists (select 1<from>, lateral (select <other> as fits) found where <where> and fits)
  1 exists (select 1 from (select <text> as a<from> where <where> limit 1) found where a = <level>)
  1 exists (select 1<from> left join <again> p on <other> where p.<id> is null and <where>)
  1 exists (select 1<from> full join <again> p on true where (<other>) is not true or <where>)
  1 exists (select 1<from> group by (<where>) is true having bool_or(<other>))`

function subselect(tie) {
  const parts = { where: tie('condition'), other: tie('condition'), text: tie('text'), outer: tie('text'), level }
  const one = (template, instead) => {
    const drawn = fc.record({ n: nth, loops: rarely(2), correlation, ...needed(template, parts) })
    return drawn.map(({ n, loops, correlation, outer, ...parts }) => (scope) => {
      const { from, again, id, scope: within } = inner(scope, n, loops)
      const where = (from ? correlation(within) : '') + parts.where(within)
      return filled(from ? template : instead, { ...parts, from, again, id, where, outer: () => outer(scope) }, within)
    })
  }
  return oneOf(
    ...weighted(forms).map(([weight, template]) => [weight, one(template, template)]),
    ...weighted(formsOfTables).map(([weight, template]) => [weight, one(template, simplest)]),
  )
}

// The same text, or another.
const changes = `
  1 lower(<text>)
  1 (<text>)::varchar
  1 (<text>)::varchar(3)
  1 (<text>)::name::text
  1 (<text>)::char(10)::text
  1 (<text>) collate "C"
  1 upper(<text>)
  1 trim(<text>)
  1 left(<text>, 3)
  1 concat(<text>, '')
  1 replace(<text>, '1', '2')
  1 greatest(<text>, 'aal2')
  1 least(<text>, 'aal2')
  1 ((<text>) || '')
  1 (<text>)::trial.level::text
  1 btrim(<text>, '1')
  1 ltrim(<text>, 'la')
  1 right(<text>, 1)
  1 left(<text>, -1)
  1 substr(<text>, 0, 5)
  1 (<text>)::varchar(4)::text
  1 (<text>)::char(4)::text
  1 lpad(<text>, 4)
  1 md5(<text>)`

// A text is mostly the session's level.
const texts = (tie) =>
  oneOf(
    [10, claim],
    [2, column('level', '<it>', 'auth.aal()')],
    [2, written('coalesce(<text>, <level>)', { text: claim, level: levelText })],
    [1, written('nullif(<text>, <level>)', { text: claim, level: levelText })],
    [2, written(changes, { text: claim })],
    [1, written('<level>::text', { level })],
    [1, call('text', tie, 'auth.aal()')],
    [1, written('case when <when> then <level> else <other> end', { when: tie('condition'), level: levelText, other: levelText })],
  )

const comparison = (tie) =>
  written(
    `
  40 (<text>) = <level>
  8 (<text>) <> <level>
  8 (<text>) is distinct from <level>
  8 (<text>) is not distinct from <level>
  4 (<text>) >= <level>
  4 (<text>) like <level>
  4 (<text>) not like <level>
  5 <level> = (<text>)
  10 (<text>) = (<other>)
  10 (<text>) in (<levels>)
  5 (<text>) not in (<levels>)
  10 (<text>) = any (array[<levels>])
  5 (<text>) <> all (array[<levels>])
  10 array[<text>]::text[] <@ array[<levels>]::text[]
  5 array[<levels>]::text[] @> array[<text>]::text[]
  5 array[<text>]::text[] && array[<levels>]::text[]
  2 (<text>) is null
  3 (<text>) is not null
  1 (<text>) between 'aal1' and 'aal2'
  1 (<text>) ~ 'aal[23]'
  1 (<text>) like 'aal%'
  1 (<text>) ilike 'AAL2'
  1 (<text>) in (values ('aal2'), (<level>))
  1 (<text>) = any (select unnest(array[<level>]))
  1 <level> = any (array(select <text>))
  1 ((<text>), 1) = (<level>, 1)
  1 ((<text>), 1) >= (<level>, 1)
  1 (<text>)::auth.aal_level = 'aal2'
  1 (<text>)::auth.aal_level >= 'aal2'
  1 (<text>)::bpchar = 'aal2 '
  1 (<text>) operator(trial.=) <level>
  1 texteq(<text>, <level>)
  1 right(<text>, 1)::int >= 2
  1 length(<text>) = 4
  1 array_position(array[<level>, 'aal3'], <text>) is not null
  1 (<text>) = all (array[<level>])
  1 (<text>) <> any (array[<level>, 'aal1'])
  1 (<text>) collate trial.any_case = 'AAL2'
  1 ((<text>) = any ('{aal1,NULL}') and (<text>) <> <level>)
  1 row(<text>) is not null
  1 array[<text>]::text[] = array[<level>]
  1 array[<text>]::text[] = '{{aal1}}'
  1 array[<text>]::text[] <> '[0:0]={aal1}'
  1 exists (select 1 from unnest(array['aal1', <level>]) l(a) where a = (<text>))
  1 to_jsonb(<text>) = to_jsonb(<level>::text)
  1 (<text>) !~ '^aal[23]$'
  1 (<text>) ~ '^(aal1|aal3)?$'
  1 (<text>) ~* 'AAL2'
  1 (<text>) similar to 'aal(2|3)'
  1 (<text>) not similar to 'a%2'
  1 (<text>) not like '_a%2'
  1 (<text>) not ilike 'AAL_'
  1 (<text>) not between 'aal2' and 'aal3'
  1 starts_with(<text>, <level>)
  1 strpos(<text>, '2') > 0
  1 position('2' in <text>) <> 4
  1 (<text>)::char(4) = <level>
  1 (<text>)::varchar(3) = 'aal'
  1 (<text>)::name = <level>
  1 coalesce(nullif(right(<text>, 1), ''), '9') ~ '[2-9]'
  1 array_position(array[<levels>], <text>) = 1
  1 (<text>) = any (string_to_array('aal2,aal3', ','))
  1 (<text>) <> all (string_to_array('aal1,', ','))
  1 least(<text>, <other>) = <level>
  1 greatest(<text>, <level>) <> <other>
  1 (<text>)::auth.aal_level < 'aal3'
  1 md5(<text>) = md5(<level>)
  1 concat(<text>, <other>) like 'aal2%'`,
    { text: tie('text'), other: tie('text'), level: levelText, levels: levelTexts },
  )

const trees = (tie) =>
  written(
    `
  24 (<a> and <b>)
  8 (<a> and <b> and <c>)
  24 (<a> or <b>)
  8 (<a> or <b> or <c>)
  16 (not <a>)
  12 (case when <a> then <b> else <c> end)
  4 (case when <a> then <b> when <c> then <d> end)
  8 (case <text> when <level> then <a> when <other> then <b> else <c> end)
  4 (case <a> when true then <b> else <c> end)
  8 coalesce(<a>, <b>)
  4 nullif(<a>, <b>)
  3 ((<a>) is true)
  3 ((<a>) is not true)
  2 ((<a>) is false)
  3 ((<a>) is not false)
  2 ((<a>) is null)
  2 ((<a>) is not null)
  2 ((<a>) is unknown)
  2 ((<a>) is not unknown)
  2 ((<a>) is distinct from (<b>))
  2 ((<a>) is not distinct from (<b>))
  2 ((<a>) = (<b>))
  2 ((<a>) <> (<b>))
  1 ((<a>) in (true, null))
  1 ((<a>) in (false))
  1 ((<a>) = any (array[true]))
  1 (((<a>), (<b>)) = (true, true))
  1 ((<a>)::int = 1)
  1 ((<a>)::text = 'true')
  1 ((<a>) > (<b>))
  1 ((<a>) >= (<b>))
  1 greatest((<a>), (<b>))
  1 least((<a>), (<b>))
  1 (num_nulls((<a>), (<b>)) = 1)
  1 booleq((<a>), (<b>))
  1 ((<a>) = all (array[(<b>), true]))
  1 (array[(<a>), (<b>)] @> array[true])
  1 (array[(<a>), (<b>)] = array[true, false])
  1 ((<a>) is distinct from null)
  1 (case when (<a>) is null then (<b>) end is not true)
  1 (select (<a>) from (values (1)) v(x) where (<b>))`,
    {
      a: tie('condition'),
      b: tie('condition'),
      c: tie('condition'),
      d: tie('condition'),
      text: tie('text'),
      level,
      other: level,
    },
  )

export const { condition, text, simple } = fc.letrec((tie) => ({
  simple: oneOf([7, data], [12, ours], [6, comparison(tie)], [2, idiom], [2, oddities], [2, call('boolean', tie, "auth.has_aal('aal2')")]),
  text: texts(tie),
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 10, arbitrary: tie('simple') },
    { weight: 5, arbitrary: trees(tie) },
    { weight: 1, arbitrary: subselect(tie) },
  ),
}))
