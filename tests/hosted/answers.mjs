// What each session is answered for each statement on the demo's table: to compare a database with its copy.

import pg from 'pg'
import { claims } from '../tokens.mjs'

const sessions = {
  nobody: ['anon', { role: 'anon' }],
  'Jane, AAL1': ['authenticated', claims()],
  'Jane, AAL2': ['authenticated', claims({ factorAge: 60 })],
  'Jane, AAL2 an hour ago': ['authenticated', claims({ factorAge: 3600 })],
  service_role: ['service_role', { role: 'service_role' }],
}

const statements = [
  'select id from payments order by id',
  "insert into payments (amount, payee) values (1, 'Florist')",
  'update payments set amount = 1 where id = 2',
  'update payments set amount = 1 where id = 3',
  'update payments set amount = 1 where id = 999',
  'delete from payments where id = 1',
  'truncate payments',
]

// A line for each session and statement. Each statement is undone.
export async function answers(platform, database, methods = ['', 'PATCH']) {
  const client = new pg.Client({ ...platform.connection, database })
  await client.connect()
  const lines = []
  for (const [who, [role, held]] of Object.entries(sessions)) {
    for (const method of methods) {
      for (const statement of statements) {
        await client.query('begin')
        await client.query("select set_config('request.jwt.claims', $1, true), set_config('request.method', $2, true)", [
          JSON.stringify(held),
          method,
        ])
        await client.query(`set local role ${role}`)
        const answer = await client.query(statement).then(
          ({ command, rowCount, rows }) => `${command} ${rowCount} ${rows.map((row) => row.id)}`,
          ({ code, message, detail, hint }) => [code, message, detail, hint].join(' | '),
        )
        await client.query('rollback')
        lines.push(`${who}${method && ' by ' + method}: ${statement}: ${answer}`)
      }
    }
  }
  await client.end()
  return lines
}

// Without those about TRUNCATE, which no verb of the Data API sends.
export const butTruncate = (lines) => lines.filter((line) => !line.includes(': truncate '))
