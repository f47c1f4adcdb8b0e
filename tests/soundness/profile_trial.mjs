// Holds auth.aal_matrix against what really happens where claims profiles are in force: random profiles, policies on their claims, and
// claims of random tokens. A session's level is that of auth.has_aal, and no other.

import fc from 'fast-check'
import pg from 'pg'
import { rarely } from './random_condition.mjs'
import { documents, profiles, tables } from './random_claims.mjs'

export const profileCase = fc.record({ profiles, tables, documents, guestsHaveLevel: rarely(20) })

// What a trial of profiles adds to matrix_trial.sql. For each table and token: whether it may read a row, its level, and whether it has
// the level that is stated for the table.
const trier = `
  create or replace function trial.tokens_try(tables text[], stated text[], ages float8[], documents text[])
    returns table (nr int, document int, passes boolean, level text, has_level boolean) language plpgsql as $$
  begin
    for document in 1 .. cardinality(documents) loop
      perform set_config('request.jwt.claims', documents[document], true);
      level := coalesce(auth.aal(), 'none');
      for nr in 1 .. cardinality(tables) loop
        has_level := case stated[nr]
          when 'none' then true
          when 'denied' then false
          when 'enrolled' then auth.has_enrolled_aal(make_interval(secs => ages[nr]))
          else auth.has_aal(stated[nr], make_interval(secs => ages[nr])) end;
        begin
          perform set_config('role', 'trial_user', true);
          execute format('select exists (select from %s)', tables[nr]) into passes;
          raise sqlstate 'UNDO0';
        exception
          when sqlstate 'UNDO0' then null;
          when others then passes := false;
        end;
        tokens_try.nr := nr;
        tokens_try.document := document;
        return next;
      end loop;
    end loop;
  end
  $$`

// How many of what was seen: to tell whether the trial means anything.
export class ProfileTally {
  constructor() {
    Object.assign(this, { refused: [], tables: 0, tight: 0, of: {}, sessions: {} })
  }

  add(judged) {
    for (const { stated, lowest, sessions } of judged) {
      this.tables += 1
      if (stated === lowest) this.tight += 1
      this.of[stated] = (this.of[stated] ?? 0) + 1
      for (const level of sessions) this.sessions[level] = (this.sessions[level] ?? 0) + 1
    }
  }

  get summary() {
    const counts = (object) =>
      Object.entries(object)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')
    return `${this.tables} tables with profiles, ${this.tight} tight; stated: ${counts(this.of)}; tokens that pass: ${counts(this.sessions)}`
  }
}

const ranks = ['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied']

// What the matrix says of each table, and the lowest level at which a token passes. `unsound` is ready to paste.
export async function tryProfiles(client, { profiles, tables, documents, guestsHaveLevel }, read = statedLevels) {
  await client.query('begin')
  try {
    await client.query(`load 'pg_aal'; ${trier}`)
    const sql = ['create schema s', 'grant usage on schema s to public', ...tables.flatMap(({ sql }) => sql)].join(';\n')
    const settings = [`set local pg_aal.claims_profile = ${pg.escapeLiteral(profiles)}`]
    if (guestsHaveLevel) settings.push("set local pg_aal.anonymous_level = 'aal1'")
    await client.query(`${settings.join('; ')}; ${sql}`)
    const stated = await read(client, tables)
    const texts = documents.map((document) => JSON.stringify(document))
    const { rows } = await client.query('select * from trial.tokens_try($1, $2, $3, $4)', [
      tables.map(({ name }) => name),
      stated.map(({ level }) => level),
      stated.map(({ age }) => age),
      texts,
    ])
    return tables.map(({ name }, at) => {
      const { level, age, note } = stated[at]
      const its = rows.filter(({ nr, passes }) => nr === at + 1 && passes)
      const isNoted = ({ document }) => note?.includes('anonymous users pass, too') && isGuest(documents[document - 1])
      const unsound = its.find((row) => !row.has_level && !isNoted(row))
      const sessions = its.map(({ level }) => level)
      const lowest = sessions.toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b))[0] ?? 'denied'
      const shown =
        unsound &&
        [
          `-- The matrix says ${level}${age === null ? '' : `, at most ${age} s old`}, and a token at ${unsound.level} passes.`,
          'begin;',
          ...settings.map((one) => one + ';'),
          sql + ';',
          `select * from auth.aal_matrix('${name}') where role = 'trial_user' and command = 'SELECT';`,
          `set local request.jwt.claims = ${pg.escapeLiteral(texts[unsound.document - 1])};`,
          `select auth.aal(); set local role trial_user; select * from ${name}; rollback;`,
        ].join('\n')
      return { stated: level, lowest, sessions, unsound: shown }
    })
  } finally {
    await client.query('rollback')
  }
}

const isGuest = ({ is_anonymous, firebase }) => is_anonymous === true || firebase?.sign_in_provider === 'anonymous'

async function statedLevels(client, tables) {
  const { rows } = await client.query(
    `select m.target::text as name, required_aal as level, extract(epoch from max_age)::float8 as age, note
       from auth.aal_matrix() m where role = 'trial_user' and command = 'SELECT' and target::text = any ($1)`,
    [tables.map(({ name }) => name)],
  )
  const none = { level: 'denied', age: null, note: null }
  return tables.map(({ name }) => rows.find((row) => row.name === name) ?? none)
}
