// The questions of the comparison, and the SQL that asks both editions.

// Each as an expression that gives a text, with SCHEMA for the edition's. `booleans`: every one of its letters is an answer, and f is less.
export const questions = [
  ...[
    ['aal1', null],
    ['aal2', null],
    ['aal3', null],
    ['aal1', '15 minutes'],
    ['aal2', '15 minutes'],
    ['aal3', '15 minutes'],
    ['aal2', '0'],
  ].map(([level, age]) => ({
    name: `has_aal(${level}, ${age})`,
    booleans: true,
    sql: `SCHEMA.has_aal('${level}', ${age ? `'${age}'` : 'null'})::text`,
  })),
  { name: 'require_aal(aal2, 15 minutes)', booleans: true, sql: `SCHEMA.require_aal('aal2', '15 minutes')::text` },
  // A text of a megabyte is asked no more than those.
  { name: 'has_enrolled_aal()', booleans: true, sql: 'SCHEMA.has_enrolled_aal()::text' },
  { name: 'has_enrolled_aal(15 minutes)', booleans: true, sql: `SCHEMA.has_enrolled_aal('15 minutes')::text` },
  { name: 'session_is_live()', booleans: true, sql: 'SCHEMA.session_is_live()::text' },
  { name: 'aal()', sql: 'SCHEMA.aal()' },
  { name: 'subject()', sql: 'SCHEMA.subject()' },
  { name: 'subject_uuid()', sql: 'SCHEMA.subject_uuid()::text' },
  { name: 'claims()', sql: 'SCHEMA.claims()::text' },
  { name: 'amr()', sql: `(select string_agg(concat_ws(' ', method, authenticated_at, level), ', ') from SCHEMA.amr())` },
  {
    name: 'authenticated_at()',
    sql: `concat_ws(' ', SCHEMA.authenticated_at('aal1'), SCHEMA.authenticated_at('aal2'), SCHEMA.authenticated_at('aal3'))`,
  },
  { name: 'enrolled_aal()', sql: 'SCHEMA.enrolled_aal()' },
  { name: 'aal_status()', sql: 'SCHEMA.aal_status()::text' },
  { name: 'require_aal(aal1)', booleans: true, sql: `SCHEMA.require_aal('aal1')::text` },
  { name: 'require_aal(aal3)', booleans: true, sql: `SCHEMA.require_aal('aal3')::text` },
  { name: 'require_aal(aal1, 1.5 s)', booleans: true, sql: `SCHEMA.require_aal('aal1', '1.5 s')::text` },
  { name: 'require_enrolled_aal()', booleans: true, sql: 'SCHEMA.require_enrolled_aal()::text' },
  { name: 'require_enrolled_aal(1 day)', booleans: true, sql: `SCHEMA.require_enrolled_aal('1 day')::text` },
  { name: 'require_live_session()', booleans: true, sql: 'SCHEMA.require_live_session()::text' },
]

// has_aal and require_aal.
const ofAllTexts = 8

const asked = ({ sql }, schema) => `
  begin
    answer := ${sql.replaceAll('SCHEMA', schema)};
    answers := answers || coalesce(answer, '(null)');
  exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
    answers := answers || concat_ws(chr(10), 'ERROR', state, message, 'DETAIL ' || detail, 'HINT ' || hint);
  end;`

const answersOf = (schema) => `
create function compared.answers_of_${schema}(asks_few boolean) returns text[] language plpgsql stable as $$
declare
  answers text[] := '{}';
  answer text;
  state text;
  message text;
  detail text;
  hint text;
begin${questions
  .slice(0, ofAllTexts)
  .map((question) => asked(question, schema))
  .join('')}
  if asks_few then
    return answers;
  end if;${questions
    .slice(ofAllTexts)
    .map((question) => asked(question, schema))
    .join('')}
  return answers;
end
$$;`

// compared.differences(texts, every): for each text of claims, each question that the editions answer differently. One text of so many
// is asked all questions, the others the first eight.
export const setUp = `
create schema compared;
${answersOf('auth')}
${answersOf('aal')}
create function compared.differences(texts text[], every int) returns table (nr int, question int, native text, portable text)
language plpgsql as $$
declare
  of_native text[];
  of_portable text[];
  asks_few boolean;
begin
  for place in 1 .. array_length(texts, 1) loop
    perform set_config('request.jwt.claims', coalesce(texts[place], ''), false);
    asks_few := length(texts[place]) > 100000 or place % every <> 0;
    of_native := compared.answers_of_auth(asks_few);
    of_portable := compared.answers_of_aal(asks_few);
    for at in 1 .. array_length(of_native, 1) loop
      if of_native[at] is distinct from of_portable[at] then
        nr := place - 1;
        question := at - 1;
        native := of_native[at];
        portable := of_portable[at];
        return next;
      end if;
    end loop;
  end loop;
end
$$;`
