// The main job, as requests: who asks for what, and what the answer must be. The demo prints them, the tests check
// them; both run this list.

import { claims, sign } from '../../tests/tokens.mjs'

const insert = { method: 'POST', path: '/payments', body: { id: 100, amount: 50, payee: 'Florist' } }
const update = { method: 'PATCH', path: '/payments?id=eq.2', body: { amount: 950 } }
const updateNothing = { method: 'PATCH', path: '/payments?id=eq.999', body: { amount: 1 } }
const updateOthers = { method: 'PATCH', path: '/payments?id=eq.3', body: { amount: 1 } }
const remove = { method: 'DELETE', path: '/payments?id=eq.1' }
const removeNothing = { method: 'DELETE', path: '/payments?id=eq.999' }
const read = { method: 'GET', path: '/payments?order=id' }

const denied = (action) => ({ status: 401, code: 'insufficient_aal', action })
const sees = (...ids) => ({ status: 200, ids })
const changes = (status, ...ids) => ({ status, ids })

// rows: what the table holds afterwards, as the superuser sees it: [id, amount].
const before = [
  [1, '25.00'],
  [2, '900.00'],
  [3, '12.50'],
]
const inserted = [...before, [100, '50']]
const updated = [
  [1, '25.00'],
  [2, '950'],
  [3, '12.50'],
  [100, '50'],
]
const deleted = [
  [2, '950'],
  [3, '12.50'],
  [100, '50'],
]

export const story = [
  { who: 'Jane, AAL1', what: 'reads payments', ...read, expected: sees(1, 2), rows: before },
  { who: 'Jane, AAL1', what: 'inserts one', ...insert, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL1', what: 'updates one', ...update, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL1', what: 'updates one that is not there', ...updateNothing, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL1', what: "updates somebody else's", ...updateOthers, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL1', what: 'deletes one', ...remove, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL1', what: 'deletes one that is not there', ...removeNothing, expected: denied('verify'), rows: before },
  { who: 'Jane, AAL2 an hour ago', what: 'reads payments', ...read, expected: sees(1, 2), rows: before },
  { who: 'Jane, AAL2 an hour ago', what: 'updates one', ...update, expected: denied('reverify'), rows: before },
  { who: 'anon', what: 'reads payments', ...read, expected: sees(), rows: before },
  { who: 'anon', what: 'deletes one', ...remove, expected: denied('sign_in'), rows: before },
  { who: 'Jane, AAL2', what: 'inserts one', ...insert, expected: changes(201, 100), rows: inserted },
  { who: 'Jane, AAL2', what: 'updates one', ...update, expected: changes(200, 2), rows: updated },
  { who: 'Jane, AAL2', what: 'updates one that is not there', ...updateNothing, expected: changes(200), rows: updated },
  { who: 'Jane, AAL2', what: "updates somebody else's", ...updateOthers, expected: changes(200), rows: updated },
  { who: 'Jane, AAL2', what: 'deletes one', ...remove, expected: changes(200, 1), rows: deleted },
]

const sessions = {
  'Jane, AAL1': {},
  'Jane, AAL2': { factorAge: 60 },
  'Jane, AAL2 an hour ago': { factorAge: 3600 },
}

const challenges = {
  sign_in: 'Sign in',
  verify: 'A higher authentication level is required',
  reverify: 'More recent authentication is required',
}

// Sends one request of the story and returns the answer, with what is wrong about it.
export async function send(step, cluster, database, postgrest) {
  const headers = { Prefer: 'return=representation' }
  if (step.body) headers['Content-Type'] = 'application/json'
  if (sessions[step.who]) {
    headers.Authorization = 'Bearer ' + (await sign(claims(sessions[step.who]), postgrest.secret))
  }
  const response = await fetch(postgrest.url + step.path, {
    method: step.method,
    headers,
    body: step.body && JSON.stringify(step.body),
  })
  const body = await response.json()
  const rows = await cluster.query(database, 'select id::int, amount::text from payments order by id')
  const answer = {
    status: response.status,
    code: body.code ?? '',
    action: body.details ? JSON.parse(body.details).action : '',
    challenge: response.headers.get('www-authenticate') ?? '',
    body,
    ids: Array.isArray(body) ? body.map((row) => row.id) : undefined,
    rows: rows.map((row) => [row.id, row.amount]),
  }
  return { ...answer, wrong: differences(step, answer) }
}

function differences(step, answer) {
  const { expected } = step
  const challenge = expected.action
    ? `Bearer error="insufficient_user_authentication", error_description="${challenges[expected.action]}", acr_values="aal2", max_age="900"`
    : ''
  const wanted = { status: expected.status, code: expected.code ?? '', action: expected.action ?? '', challenge, ids: expected.ids, rows: step.rows }
  return Object.keys(wanted)
    .filter((key) => JSON.stringify(wanted[key]) !== JSON.stringify(answer[key]))
    .map((key) => `${key} should be ${JSON.stringify(wanted[key])} and is ${JSON.stringify(answer[key])}`)
}
