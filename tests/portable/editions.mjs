// Both editions in one database, and the comparison of their answers.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { portableText } from '../portable_edition.mjs'
import { Cluster } from '../stack.mjs'
import { kindOf } from './kinds.mjs'
import { questions, setUp } from './questions.mjs'
import { sessions, users } from './random_claims.mjs'

export const file = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
export const portable = portableText()

// Replaces @-60@ by a time, as the fixture of pg_regress does.
const withTimes = file('tests/pg_regress/fixture.sql').match(/create schema test;[^]*?language plpgsql stable as \$\$[^]*?\$\$;/)[0]

const store = `
  insert into auth.users (id, banned_until) values ('${users.enrolled}', null), ('${users.factorless}', '-infinity'), ('${users.banned}', 'infinity');
  insert into auth.mfa_factors (id, user_id, status) values
    ('66666666-6666-4666-8666-666666666666', '${users.enrolled}', 'verified'),
    ('66666666-6666-4666-8666-666666666667', '${users.factorless}', 'unverified');
  insert into auth.sessions (id, user_id, factor_id, aal, not_after) values
    ('${sessions.atAal2}', '${users.enrolled}', '66666666-6666-4666-8666-666666666666', 'aal2', null),
    ('${sessions.atAal1}', '${users.factorless}', null, 'aal1', 'infinity');`

export class Editions {
  constructor() {
    this.cluster = new Cluster()
    const standIn = file('tests/supabase_stand_in.sql')
    this.make('editions', `${standIn}\n${store}`)
    this.make('without_tables', '')
  }

  make(database, store) {
    this.cluster.psql('postgres', `create database ${database}`)
    this.cluster.psql(database, `${store}\ncreate extension pg_aal;\n${portable}\n${withTimes}\n${setUp}`)
  }

  stop() {
    this.cluster.stop()
  }

  // Holds both editions against each other for these texts of claims. Every difference must be of a kind that is explained.
  async compare(t, texts, { database = 'editions', settings = {}, every = 1, hint = '' } = {}) {
    const tally = new Map()
    const unexplained = []
    const set = Object.entries(settings).map(([name, value]) => `select set_config('${name}', '${value}', false)`)
    for (let from = 0; from < texts.length; from += 500) {
      const part = texts.slice(from, from + 500)
      for (const { nr, question, native, portable } of await this.differences(database, set, part, every)) {
        const difference = { text: part[nr] ?? '', question: questions[question], native, portable }
        const kind = kindOf(difference)
        if (kind === undefined) {
          unexplained.push(`${difference.text.slice(0, 2000)}\n${questions[question].name}\nnative:   ${native}\nportable: ${portable}`)
          continue
        }
        const counted = tally.get(kind) ?? { answers: 0, texts: new Set() }
        counted.answers++
        counted.texts.add(from + nr)
        tally.set(kind, counted)
      }
    }
    t.diagnostic(`${texts.length} texts, ${questions.length} questions to each${every > 1 ? ` ${every}th, 8 to the others` : ''}`)
    for (const [kind, { answers, texts }] of tally) t.diagnostic(`${kind}: ${answers} answers, of ${texts.size} texts`)
    assert.equal(unexplained.length, 0, `${unexplained.length} answers differ; ${hint}\n\n${unexplained.slice(0, 8).join('\n\n')}`)
  }

  async differences(database, set, texts, every) {
    const client = this.client(database)
    await client.connect()
    try {
      for (const statement of set) await client.query(statement)
      return (await client.query('select * from compared.differences($1, $2)', [texts, every])).rows
    } finally {
      await client.end()
    }
  }

  client(database, user = 'postgres') {
    return new pg.Client({ ...this.cluster.connection, database, user })
  }
}
