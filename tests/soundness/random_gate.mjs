// Random gates as people write them into functions: bodies in PL/pgSQL and SQL that answer whether a session is let in, or raise. Most are
// usual; some are traps: a comparison with NULL, a swallowed raise, a gate in a comment, a shadowed variable, an exit out of a block.
//
// A statement is a function from a scope to text, as a condition is. Beside what a condition's scope holds, this one holds
//   variables  { name, kind }
//   returns    what the body returns: boolean, void, or text
//   does       statements of a remote procedure that touch its tables
//   loops      whether `continue` ends

import fc from 'fast-check'
import { condition, oneOf, rarely, written } from './random_condition.mjs'

const nth = fc.nat(5)
const levelText = oneOf([20, "'aal2'"], [6, "'aal1'"], [3, "'aal3'"], [1, "'AAL2'"], [1, "''"], [1, 'null'])
const level = oneOf([10, "'aal2'"], [3, "'aal1'"], [1, "'aal3'"], [1, "'aal2', '15 minutes'"])

// A template about the nth variable of a kind; where there is none, another.
function variable(kind, template, instead) {
  return nth.map((n) => ({ variables }) => {
    const its = variables.filter((one) => one.kind === kind)
    return its.length === 0 ? instead : template.replaceAll('<it>', its[n % its.length].name)
  })
}

// A call of a gate or a helper made before.
function call(list, instead) {
  return nth.map((n) => (scope) => (scope[list].length === 0 ? instead : scope[list][n % scope[list].length]))
}

// The session's level, as a body reads it.
const read = oneOf(
  [8, written("(auth.jwt() ->> 'aal')")],
  [10, variable('text', '<it>', "(auth.jwt() ->> 'aal')")],
  [3, written('auth.aal()')],
  [2, variable('jsonb', "(<it> ->> 'aal')", "(auth.claims() ->> 'aal')")],
  [2, written("coalesce(auth.jwt() ->> 'aal', <level>)", { level: levelText })],
  [1, written("(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'aal')")],
  [1, written("(select auth.jwt() ->> 'aal')")],
)

const factors = "from auth.mfa_factors f where f.user_id = auth.uid() and f.status = 'verified'"

// What lets a session in.
const good = oneOf(
  [10, written('auth.has_aal(<level>)', { level })],
  [14, written('<read> = <level>', { read, level: levelText })],
  [3, variable('boolean', '<it>', "auth.has_aal('aal2')")],
  [
    12,
    written(
      `
    4 <read> in (<level>, 'aal3')
    3 coalesce(<read> = <level>, false)
    3 coalesce(<read>, '') = <level>
    3 <read> is not distinct from <level>
    3 (<read> = <level>) is true
    2 <read> is not null and <read> <> 'aal1'
    2 <read> >= <level>
    2 <read> is null or <read> = <level>
    2 not (<read> is distinct from <level>)
    2 auth.uid() is not null and <read> = <level>
    2 auth.uid() is null or <read> = <level>
    2 <read> = any (array[<level>, 'aal3'])
    2 auth.has_enrolled_aal()
    2 array[<read>] <@ array['aal2', 'aal3']
    1 not (<read> <> <level>)
    1 <read> <> 'aal1'
    1 coalesce(<read> <> 'aal1', true)
    1 coalesce(<read> = <level>, true)
    1 auth.jwt() @> '{"aal":"aal2"}'
    1 (auth.jwt() ->> 'is_anonymous')::boolean is not true and auth.has_aal('aal1')
    1 auth.role() = 'trial_user' and <read> = <level>`,
      { read, level: levelText },
    ),
  ],
  [3, call('gates', "auth.has_aal('aal2')")],
  [
    3,
    written(`
    2 (not exists (select 1 ${factors}) or auth.has_aal('aal2'))
    1 (exists (select 1 ${factors}) and auth.has_aal('aal2'))
    1 ((select count(*) ${factors}) = 0 or auth.jwt() ->> 'aal' = 'aal2')
    1 array[auth.jwt() ->> 'aal'] <@ (select case when count(*) > 0 then array['aal2'] else array['aal1', 'aal2'] end ${factors})`),
  ],
  [
    2,
    written(`
    3 true
    2 false
    2 null
    1 auth.uid() is not null
    1 auth.role() = 'trial_user'
    1 current_user = 'trial_user'`),
  ],
  [1, variable('integer', '<it> > 0', "auth.has_aal('aal2')")],
)

// Within another's text.
export const levelTest = good.map((good) => (scope) => `(${good(scope)})`)

// What turns one away.
const bad = oneOf(
  [10, written('not auth.has_aal(<level>)', { level })],
  [8, written('not (<good>)', { good })],
  [
    20,
    written(
      `
    6 <read> is distinct from <level>
    6 <read> <> <level>
    3 <read> is null or <read> <> <level>
    3 coalesce(<read>, '') <> <level>
    3 coalesce(<read>, <level>) <> <level>
    2 <read> is not null and <read> <> <level>
    2 <read> not in (<level>, 'aal3')
    2 not coalesce(<read> = <level>, false)
    2 not coalesce(<read> = <level>, true)
    2 (<read> = <level>) is not true
    2 auth.uid() is null or <read> <> <level>
    2 auth.uid() is null or <read> is distinct from <level>
    2 <read> = 'aal1'
    1 <read> < <level>
    1 <read> is null
    1 not found
    1 <read> <> all (array[<level>, 'aal3'])
    1 exists (select 1 ${factors}) and <read> = 'aal1'
    1 auth.jwt() is null or not auth.jwt() @> '{"aal":"aal2"}'`,
      { read, level: levelText },
    ),
  ],
  [2, variable('boolean', 'not <it>', "not auth.has_aal('aal2')")],
  [2, variable('boolean', '<it> is not true', "not auth.has_aal('aal2')")],
  [1, variable('integer', '<it> = 0', 'auth.uid() is null')],
)

const anything = oneOf(
  [10, good],
  [10, bad],
  [2, written('(<a>) and (<b>)', { a: good, b: bad })],
  [2, written('(<a>) or (<b>)', { a: good, b: bad })],
  [1, written("/* auth.has_aal('aal2') and */ <a>", { a: good })],
  [1, bad.map((bad) => (scope) => `${bad(scope)} -- and auth.has_aal('aal2')\n`)],
  [2, condition],
)

const raise = oneOf(
  [10, "raise exception 'no';"],
  [2, "raise exception using errcode = '42501', message = 'insufficient_aal';"],
  [2, 'raise insufficient_privilege;'],
  [1, "raise sqlstate '42501' using message = 'no';"],
  [1, "raise exception '% is too low', auth.aal();"],
  [1, "raise warning 'too low';"],
  [1, "raise notice 'too low';"],
  [1, "raise debug 'perform auth.require_aal(''aal2'');';"],
)

// What a body says to those whom it turns away.
const refused =
  (good) =>
  ({ returns }) =>
    ({ boolean: `return ${good};`, void: 'return;', text: "return 'refused';", trigger: 'return null;' })[returns]
const refuse = oneOf([12, refused('false')], [1, refused('null')], [1, refused('true')])

const giveUp = oneOf([10, raise], [6, refuse])

// One of many forms of the gate that a body has before it does something.
const opening = oneOf(
  [12, written('if <bad> then <out> end if;', { bad, out: giveUp })],
  [6, written('perform auth.require_aal(<level>);', { level })],
  [3, call('raisers', "perform auth.require_aal('aal2');")],
  [2, written('if <bad> then <out> elsif <other> then <out> end if;', { bad, other: bad, out: giveUp })],
  [2, written('if <good> then null; else <out> end if;', { good, out: giveUp })],
  [1, written('case when <good> then null; else <out> end case;', { good, out: giveUp })],
  [1, written('case <read> when <level> then null; else <out> end case;', { read, level: levelText, out: giveUp })],
  // Without ELSE it raises.
  [1, written('case when <good> then null; end case;', { good })],
  [1, written("assert <good>, 'no';", { good })],
)

const assignment = oneOf(
  [3, written('<it> := <read>;', { it: variable('text', '<it>', 'shown'), read })],
  [3, written('<it> := <good>;', { it: variable('boolean', '<it>', 'decided'), good })],
  [1, written('<it> = <bad>;', { it: variable('boolean', '<it>', 'decided'), bad })],
  [2, written('select <good> into <it>;', { it: variable('boolean', '<it>', 'decided'), good })],
  [2, written('select <read> into <it>;', { it: variable('text', '<it>', 'shown'), read })],
  [1, written('select into strict <it> <read>;', { it: variable('text', '<it>', 'shown'), read })],
  [
    1,
    written('select <read>, <good> into <it>, <ok>;', {
      it: variable('text', '<it>', 'shown'),
      ok: variable('boolean', '<it>', 'decided'),
      read,
      good,
    }),
  ],
  [1, written('select <good> into <it> where <bad>;', { it: variable('boolean', '<it>', 'decided'), good, bad })],
  [1, written(`select true into <it> ${factors};`, { it: variable('boolean', '<it>', 'decided') })],
  [2, written(`select count(*) into <it> ${factors};`, { it: variable('integer', '<it>', 'counted') })],
  [1, written('<it> := <a>;', { it: variable('integer', '<it>', 'counted'), a: oneOf([1, '0'], [1, '1'], [1, `(select count(*) ${factors})`]) })],
  [1, written('<it> := auth.jwt();', { it: variable('jsonb', '<it>', 'document') })],
  [1, written('get diagnostics <it> = row_count;', { it: variable('integer', '<it>', 'counted') })],
)

// What only looks like a gate.
const decoy = oneOf(
  [2, "-- perform auth.require_aal('aal2');\n"],
  [2, "/* if not auth.has_aal('aal2') then raise exception 'no'; end if; */"],
  [1, "/* /* nested */ perform auth.require_aal('aal2'); */"],
  [1, "raise notice 'perform auth.require_aal(''aal2'')';"],
  [1, "perform $a$ ; perform auth.require_aal('aal2'); $a$;"],
  [1, "perform auth.has_aal('aal2');"],
  [1, "perform 1 where auth.has_aal('aal2');"],
  [1, "perform auth.require_aal('aal2') where false;"],
  [1, 'null;'],
)

const dynamic = oneOf(
  [2, "execute 'select auth.require_aal(''aal2'')';"],
  [1, written("execute 'select auth.has_aal(''aal2'')' into <it>;", { it: variable('boolean', '<it>', 'decided') })],
  [1, written("execute format('select %L', auth.aal()) into <it>;", { it: variable('text', '<it>', 'shown') })],
)

const does = nth.map((n) => (scope) => (scope.does.length === 0 ? 'null;' : scope.does[n % scope.does.length]))

const answers = good.map(
  (good) => (scope) => ({ boolean: `return ${good(scope)};`, void: 'return;', text: 'return shown;', trigger: 'return new;' })[scope.returns],
)
const answer = oneOf([6, answers], [1, refuse])

const kindsOfError = oneOf(
  [6, 'others'],
  [2, 'raise_exception'],
  [2, 'insufficient_privilege'],
  [1, "sqlstate '42501'"],
  [1, 'no_data_found'],
  [1, 'case_not_found or assert_failure'],
)

// Names that could be taken for something else.
const textName = oneOf([12, 'reached'], [1, '"if"'], [1, 'aal'], [1, '"Level"'], [1, 'status'])
const declaration = oneOf(
  [
    4,
    fc
      .tuple(textName, oneOf([6, "auth.jwt() ->> 'aal'"], [2, null], [1, "'aal2'"], [1, 'auth.aal()']))
      .map(([name, value]) => declared(name, 'text', 'text', value)),
  ],
  [1, declared('reached', 'text', 'text not null', "coalesce(auth.jwt() ->> 'aal', 'aal1')")],
  [
    1,
    fc
      .constantFrom('varchar', 'varchar(4)', 'pg_catalog.varchar(5)', 'character varying (9)')
      .map((type) => declared('reached', 'text', type, "auth.jwt() ->> 'aal'")),
  ],
  // A level is too long for it.
  [1, declared('reached', 'text', 'varchar(3)', "coalesce(auth.jwt() ->> 'aal', 'aal')")],
  [1, declared('reached', 'text', 'text not null', "auth.jwt() ->> 'aal'")],
  [
    3,
    fc
      .constantFrom(null, 'false', 'true', "auth.has_aal('aal2')", "auth.jwt() ->> 'aal' = 'aal2'")
      .map((value) => declared('decided', 'boolean', 'boolean', value)),
  ],
  [1, fc.constantFrom(null, '0').map((value) => declared('counted', 'integer', 'int', value))],
  [1, declared('document', 'jsonb', 'jsonb', 'auth.jwt()')],
)

function declared(name, kind, type, value) {
  return { name, kind, text: `${name} ${type}${value === null ? '' : ` := ${value}`};` }
}

const usual = [
  declared('reached', 'text', 'text', "auth.jwt() ->> 'aal'"),
  declared('decided', 'boolean', 'boolean', "auth.has_aal('aal2')"),
  declared('counted', 'integer', 'int', null),
  declared('document', 'jsonb', 'jsonb', 'auth.jwt()'),
]

// Declarations and the scope behind them: of each name one, and some of each kind.
function declare(chosen, scope, all) {
  const own = new Map(chosen.map((one) => [one.name, one]))
  const missing = all ? usual.filter(({ name }) => !own.has(name)) : []
  const made = [...own.values(), ...missing]
  const variables = [...scope.variables.filter(({ name }) => !own.has(name)), ...made]
  return { text: made.map(({ text }) => text).join(' '), scope: { ...scope, variables } }
}

const declarations = fc.array(declaration, { maxLength: 2 })

const { statements } = fc.letrec((tie) => ({
  statements: fc.array(tie('statement'), { minLength: 1, maxLength: 2 }).map((list) => (scope) => list.map((one) => one(scope)).join(' ')),
  statement: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { weight: 10, arbitrary: fc.constant(() => 'null;') },
    { weight: 20, arbitrary: opening },
    { weight: 12, arbitrary: assignment },
    { weight: 6, arbitrary: decoy.map(constantly) },
    { weight: 6, arbitrary: does },
    { weight: 3, arbitrary: answer },
    { weight: 1, arbitrary: dynamic.map(constantly) },
    { weight: 10, arbitrary: nested(tie) },
  ),
}))

function constantly(what) {
  return typeof what === 'function' ? what : () => what
}

function nested(tie) {
  const parts = { test: anything, good, bad, a: tie('statements'), b: tie('statements'), kinds: kindsOfError }
  const labelled = fc.record({ ...parts, on: fc.boolean(), inner: fc.boolean() }).map(({ test, a, b, on, inner }) => (scope) => {
    const leave = `exit out${on ? ` when ${test(scope)}` : ''};`
    const left = inner ? `if ${test(scope)} then ${leave} end if;` : leave
    return `<<out>> begin ${a(scope)} ${left} ${b(scope)} end out;`
  })
  const shadowed = fc.record({ chosen: declarations, a: parts.a }).map(({ chosen, a }) => (scope) => {
    const { text, scope: within } = declare(chosen, scope, false)
    return `declare ${text} begin ${a(within)} end;`
  })
  const loop = (head, last, loops) =>
    fc.record({ ...parts, goesOn: rarely(30) }).map(({ test, a, goesOn }) => (scope) => {
      const next = goesOn ? `${loops ? 'continue' : 'exit'} when ${test(scope)};` : ''
      return `${head.replace('<test>', test(scope))} loop ${next} ${a({ ...scope, loops })} ${last} end loop;`
    })
  const overRows = loop('for r in select 1', '', true).map((looped) => (scope) => `declare r record; begin ${looped(scope)} end;`)
  return oneOf(
    [4, written('if <test> then <a> end if;', parts)],
    [4, written('if <test> then <a> else <b> end if;', parts)],
    [2, written('if <bad> then <a> elsif <good> then <b> else <a> end if;', parts)],
    [1, written('case when <test> then <a> else <b> end case;', parts)],
    [2, written('begin <a> end;', parts)],
    [3, written('begin <a> exception when <kinds> then <b> end;', parts)],
    [1, written('begin <a> exception when <kinds> then null; end;', parts)],
    [2, labelled],
    [2, shadowed],
    [1, loop('for i in 1..2', '', true)],
    [1, loop('for i in 1..0', '', true)],
    [1, loop('while <test>', 'exit;', false)],
    [1, overRows],
  )
}

// What `set search_path` a function has. Names within are written in full.
const searchPath = oneOf(
  [6, null],
  [6, "''"],
  [3, 'public'],
  [1, 'pg_catalog, public'],
  [1, 'public, pg_temp'],
  [1, 's, public'],
  [1, 'trial, public'],
  [1, 'trial, pg_catalog'],
)

const volatility = oneOf([6, 'stable'], [5, 'volatile'], [1, 'immutable'])

// A gate: a function that is asked, or that raises.
export const gate = fc.record({
  language: oneOf([6, 'plpgsql'], [2, 'sql'], [1, 'atomic']),
  raises: rarely(25),
  searchPath,
  definer: rarely(30),
  volatility,
  // Where several statements come first, or none.
  before: oneOf(
    [3, fc.constant(null)],
    [4, opening],
    [
      3,
      fc.tuple(assignment, opening).map(
        ([a, b]) =>
          (scope) =>
            `${a(scope)} ${b(scope)}`,
      ),
    ],
    [2, statements],
  ),
  declared: declarations,
  good: oneOf([6, good], [1, anything]),
  last: oneOf([8, 'return'], [2, 'branch'], [1, 'nothing']),
  // Statements of a body in SQL before its last.
  first: oneOf(
    [4, null],
    [1, "select auth.require_aal('aal2');"],
    [1, "select auth.has_aal('aal2');"],
    [1, "select auth.require_aal('aal1');"],
    [1, "-- select auth.require_aal('aal2');\n"],
  ),
})

const none = { columns: [], functions: [], does: [], gates: [], raisers: [], loops: false, variables: [] }

function head(name, returns, language, { searchPath, definer, volatility }, takes = '') {
  const options = [volatility, definer && 'security definer', searchPath && `set search_path = ${searchPath}`].filter(Boolean)
  return `create function ${name}(${takes}) returns ${returns} language ${language} ${options.join(' ')} as $gate$`
}

// The statements that make so many gates, and how they are called: those that answer, and statements of those that raise.
export function makeGates(drafts, schema = 's') {
  const [made, gates, raisers] = [[], [], []]
  for (const [nr, draft] of drafts.entries()) {
    const name = `${schema}.gate${nr + 1}`
    const { raises, language } = draft
    const scope = { ...none, gates, raisers, returns: raises ? 'void' : 'boolean' }
    made.push(language === 'plpgsql' ? plpgsqlGate(name, draft, scope) : sqlGate(name, draft, { ...scope, variables: [] }))
    // A function sees those that are made, not those to come.
    if (!raises) gates.push(`${name}()`)
    else if (language === 'plpgsql') raisers.push(`perform ${name}();`)
  }
  return { made, gates, raisers }
}

function plpgsqlGate(name, draft, scope) {
  const { text, scope: within } = declare(draft.declared, scope, true)
  const before = draft.before === null ? '' : draft.before(within)
  const answers = {
    return: (good) => `return ${good};`,
    branch: (good) => `if ${good} then return true; else return false; end if;`,
    nothing: (good) => `if ${good} then return true; end if;`,
  }
  const after = draft.raises ? '' : answers[draft.last](draft.good(within))
  return `${head(name, scope.returns, 'plpgsql', draft)} declare shown text; ${text} begin ${before} ${after} end $gate$`
}

function sqlGate(name, draft, scope) {
  if (draft.raises) return `${head(name, 'boolean', 'sql', draft)} select auth.require_aal('aal2') $gate$`
  const answer = `select ${draft.good(scope)}`
  if (draft.language === 'sql') return `${head(name, 'boolean', 'sql', draft)} ${draft.first ?? ''} ${answer} $gate$`
  return `${head(name, 'boolean', 'sql', draft).replace('as $gate$', '')} begin atomic ${answer}; end`
}

// A condition of a policy that asks one of the schema's gates.
const gated = fc
  .record({ n: nth, wrapped: fc.boolean(), other: condition, how: oneOf([6, 'alone'], [2, 'and'], [1, 'or'], [1, 'not']) })
  .map(({ n, wrapped, other, how }) => (scope) => {
    if (!scope.gates?.length) return other(scope)
    const name = scope.gates[n % scope.gates.length]
    const call = wrapped ? `(select ${name})` : name
    return { alone: call, and: `(${call} and ${other(scope)})`, or: `(${call} or ${other(scope)})`, not: `(not ${call})` }[how]
  })

export const policyCondition = oneOf([5, condition], [2, gated])

// A remote procedure's body, around statements that touch tables.
export const procedure = fc.record({
  language: oneOf([4, 'plpgsql'], [1, 'sql']),
  searchPath,
  declared: declarations,
  before: oneOf(
    [1, fc.constant(null)],
    [8, opening],
    [
      4,
      fc.tuple(assignment, opening).map(
        ([a, b]) =>
          (scope) =>
            `${a(scope)} ${b(scope)}`,
      ),
    ],
    [6, statements],
  ),
  touch: oneOf(
    [8, does],
    [3, written('if <good> then <does> end if;', { good, does })],
    [2, written('if <bad> then null; else <does> end if;', { bad, does })],
    [2, written('begin <does> end;', { does })],
    [1, written('begin null; exception when others then <does> end;', { does })],
  ),
  behind: oneOf([6, fc.constant(null)], [1, statements], [1, opening]),
  takes: oneOf([8, null], [1, 'level'], [1, 'flag']),
  // In SQL.
  first: oneOf(
    [2, null],
    [4, written('select auth.require_aal(<level>);', { level })],
    [1, written('select <good>;', { good })],
    [1, call('sqlRaisers', "select auth.require_aal('aal2');")],
    [1, "-- select auth.require_aal('aal2');\n"],
  ),
  where: oneOf([3, null], [3, good]),
  unused: rarely(8),
  // What is selected. Beside an aggregate, a sub-select shows something where the filter is true for no row.
  shows: oneOf([8, 'label'], [1, 'max(label)'], [1, 'beside'], [1, 'distinct']),
  // What is inserted. An aggregate has a row where the filter is true for none.
  inserted: oneOf([6, '7'], [1, 'abs(7)'], [1, "length(current_setting('server_version'))"], [1, 'max(7)'], [1, 'pg_catalog."count"(*)']),
})

// What a procedure takes, with which arguments it is called, and what its body may ask.
const taken = {
  level: {
    takes: "wanted text default 'aal2'",
    calls: ['', "'aal1'", "'aal3'", "''"],
    variable: { name: 'wanted', kind: 'text' },
    gates: ['auth.has_aal(wanted)'],
  },
  flag: { takes: 'skip boolean default false', calls: ['', 'true', 'null'], variable: { name: 'skip', kind: 'boolean' }, gates: ['skip'] },
}

// A procedure: its statements, its calls, and whether it filters rows, so that a table is read and nothing is shown.
export function makeProcedure(name, draft, around) {
  return draft.language === 'sql' ? sqlProcedure(name, draft, around) : plpgsqlProcedure(name, draft, around)
}

function takenBy(draft) {
  const { takes, calls, variable: argument, gates } = taken[draft.takes] ?? { takes: '', calls: [''], gates: [] }
  return { takes, calls, gates, variables: argument ? [argument] : [] }
}

function sqlProcedure(name, draft, { gates, reads, writes, definer }) {
  const { takes, calls, gates: more, variables } = takenBy(draft)
  const scope = { ...none, gates: [...more, ...gates], sqlRaisers: gates.map((gate) => `select ${gate};`), returns: 'text', variables }
  const filter = draft.where ? draft.where(scope) : null
  const first = typeof draft.first === 'function' ? draft.first(scope) : (draft.first ?? '')
  const options = { searchPath: draft.searchPath, definer, volatility: null }
  const sql = `${head(name, 'text', 'sql', options, takes)} ${first} ${sqlTouches(reads, writes, filter, draft)} $gate$`
  return { name, calls: calls.map((argument) => `${name}(${argument})`), filters: filter !== null, statements: [sql] }
}

function plpgsqlProcedure(name, draft, { gates, raisers, reads, writes, calls: others, definer, triggerOn }) {
  const { takes, calls, gates: more, variables } = takenBy(triggerOn ? {} : draft)
  const does = [
    ...writes.map(({ table, command }) => `${write(table, command)};`),
    ...reads.map(({ table }) => `select string_agg(label, ',') into shown from ${table};`),
    ...(triggerOn ? [] : reads.map(({ table }) => `return (select string_agg(label, ',') from ${table});`)),
    ...writes.map(({ table, command }) => `execute $x$${write(table, command)}$x$;`),
    ...others.map((name) => `perform ${name}();`),
  ]
  const returns = triggerOn ? 'trigger' : 'text'
  const { text, scope } = declare(draft.declared, { ...none, gates: [...more, ...gates], raisers, does, returns, variables }, true)
  const part = (one) => (one === null ? '' : one(scope))
  const last = triggerOn ? 'return new' : 'return shown'
  const body = `declare shown text := 'done'; ${text} begin ${part(draft.before)} ${part(draft.touch)} ${part(draft.behind)} ${last}; end`
  const options = { searchPath: draft.searchPath, definer, volatility: null }
  const sql = `${head(name, returns, 'plpgsql', options, takes)} ${body} $gate$`
  const made = { name, filters: false }
  if (!triggerOn) return { ...made, statements: [sql], calls: calls.map((argument) => `${name}(${argument})`) }
  const fires = `create trigger fires after insert on ${triggerOn} for each row execute function ${name}()`
  return { ...made, statements: [sql, fires], calls: [`insert into ${triggerOn} values (1)`] }
}

function write(table, command, filter = null, inserted = '7') {
  const where = filter === null ? '' : ` where ${filter}`
  return {
    UPDATE: `update ${table} set label = label || '!'${where}`,
    DELETE: `delete from ${table}${where}`,
    INSERT: `insert into ${table} (id, label) select ${inserted}, 'new'${where}`,
  }[command]
}

function sqlTouches(reads, writes, filter, { unused, inserted, shows }) {
  // An expression that nothing refers to isn't evaluated.
  const head = unused ? "with asked as (select auth.require_aal('aal2')) " : ''
  const written = writes.map(({ table, command }) => `${head}${write(table, command, filter, inserted)};`)
  // Behind an aggregate that is inserted whatever the filter says, the gate of the whole is passed.
  const isOpen = filter === null || (written.length > 0 && /max|count/.test(inserted))
  const shown = reads.map(({ table }) => {
    const beside = `(select max(label) from ${table}) || count(*)`
    const others = { beside, distinct: `case when 1 is distinct from 2 then ${beside} end` }
    // Beside others, the gates of what is written before are passed, too.
    const columns = { 'max(label)': shows, ...(written.length === 0 && others) }[shows] ?? 'label'
    return `${head}select ${columns} from ${table}${isOpen ? '' : ` where ${filter}`}`
  })
  return [...written, shown[0] ?? "select 'done'"].join(' ')
}
