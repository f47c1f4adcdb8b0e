// Holds the verdicts of lints 0001 and 0007 against which rows sessions see: makes random policies, asks for the findings, and looks as each
// role in sessions of each kind. All in a transaction that is rolled back.

import { claims } from '../tokens.mjs'
import { allRows, roles } from './random_policies.mjs'
import { users } from './random_schema.mjs'

// Fresher than any age that is asked.
const [fresh, day] = [1, 86400]

// A policy that asks for methods asks for no level. So there is a session with each of these at each level.
const methodsOf = (aal) => (aal === 'aal2' || aal === 'aal3' ? ['totp', 'mfa/phone'] : ['totp', null])

// Each is live, but those above aal1 of a user without a factor: see matrix_trial.sql.
function session(name, sub, aal, { age = fresh, method = 'totp', elsewhere } = {}) {
  const timestamp = Math.floor(Date.now() / 1000) - age
  const amr = [method, 'password'].filter(Boolean).map((method) => ({ method, timestamp }))
  const { aal: _, app_metadata, ...others } = claims({ sub })
  const session_id = `5${{ aal2: 2, aal3: 3 }[aal] ?? 1}${sub.slice(2)}`
  const said = {
    ...others,
    app_metadata: { ...app_metadata, ...elsewhere },
    session_id,
    role: '{{role}}',
    ...(aal === undefined ? {} : { aal }),
    amr,
  }
  return { name, sub, aal, age, method, elsewhere: elsewhere?.aal, claims: JSON.stringify(said) }
}

const signedIn = [users.enrolled, users.factorless]
// A user's token without a level that is known. What the policies name isn't tried: see sessionsOf.
const otherLevels = [undefined, null, '', 'aal0', 'aal9', 'zzz']
const nobodys = ['', '{}', '{"role":"{{role}}"}'].map((claims) => ({ name: 'nobody', claims }))
const ofEachMethod = (name, sub, aal, age = fresh) => methodsOf(aal).map((method) => session(name, sub, aal, { age, method }))
const withoutLevel = () => signedIn.flatMap((sub) => otherLevels.flatMap((aal) => ofEachMethod('without', sub, aal)))
// Fresher than any age that is asked, and older.
const atAal1 = () => signedIn.flatMap((sub) => [...ofEachMethod('aal1', sub, 'aal1'), ...ofEachMethod('aal1, stale', sub, 'aal1', day)])
// Of one user, from the lowest. Those who ask for fresh factors get them in the higher ones.
const higher = () =>
  signedIn.flatMap((sub) => [ofEachMethod('aal2', sub, 'aal2', day), ofEachMethod('aal2', sub, 'aal2'), ofEachMethod('aal3', sub, 'aal3')].flat())
// Of users whose claims say a level where it means nothing.
const levelElsewhere = () =>
  signedIn.flatMap((sub) =>
    ['aal1', 'aal2', 'aal3', 'AAL2'].flatMap((text) => {
      const said = { elsewhere: { aal: text, AAL: text } }
      return [session('without', sub, undefined, said), session('without', sub, 'zzz', said), session('aal1', sub, 'aal1', said)]
    }),
  )

// Who connects. Where a policy asks for that, either may.
const gateways = ['trial_gateway', 'postgres']

function sessionsOf(schema) {
  const asksForGateway = /session_user/.test(schema.sql)
  return (asksForGateway ? gateways : gateways.slice(0, 1)).flatMap((gateway) => sessionsBy(schema).map((session) => ({ ...session, gateway })))
}

function sessionsBy(schema) {
  const isNamed = ({ aal }) => Boolean(aal) && aal !== 'aal1' && schema.sql.includes(`'${aal}'`)
  const lowest = [...withoutLevel(), ...atAal1(), ...(schema.sql.includes('app_metadata') ? levelElsewhere() : [])]
  return [...nobodys, ...lowest.filter((one) => !isNamed(one)), ...higher()]
}

// Of each policy: whether the lint finds it, and whether it should.
export async function verdicts(laboratory, schema) {
  const { client } = laboratory
  await client.query('begin')
  try {
    await laboratory.create(schema)
    const found = await findings(client)
    // For a lint, an ASSERT does nothing: a setting switches it off.
    await client.query("select set_config('plpgsql.check_asserts', 'off', true)")
    const seen = await look(client, schema, sessionsOf(schema))
    const unread = await notes(client)
    const note = (table, ...policies) => unread.get(table) ?? policies.map((policy) => found.get(`0030 ${table} ${policy}`)).find(Boolean) ?? null
    const each = schema.pairs.flatMap((pair) => [
      ...['old', 'fresh'].map((name) => ({
        lint: '0007',
        table: pair[name],
        policy: name,
        is: found.has(`0007 ${pair[name]} ${name}`),
        should: schema.asksForLevel(pair[name], name) && opensWithoutLevel(seen(pair[name])),
        note: note(pair[name], name),
      })),
      ...[
        ['fresh', 'old'],
        ['old', 'fresh'],
      ].map(([asking, other]) => ({
        lint: '0001',
        table: pair.both,
        policy: asking,
        is: found.has(`0001 ${pair.both} ${asking}`),
        should: schema.asksForLevel(pair.both, asking) && isInVainWhoeverConnects(seen(pair[asking]), seen(pair[other])),
        note: note(pair.both, asking, other),
      })),
    ])
    return each.map((one) => ({ ...one, schema }))
  } finally {
    await client.query('rollback')
  }
}

// With what each says. Lint 0030 finds policies that aren't read: of those, the others may say nothing.
async function findings(client) {
  const { rows } = await client.query(
    `select left(name, 4) || ' ' || (metadata ->> 'schema') || '.' || (metadata ->> 'name') || ' ' || (metadata ->> 'policy') as key, detail
       from auth.aal_lint() where name ~ '^(0001|0007|0030)'`,
  )
  return new Map(rows.map(({ key, detail }) => [key, detail]))
}

// What the matrix couldn't read, of each table.
async function notes(client) {
  const { rows } = await client.query(
    "select target::text as table, string_agg(note, ' ') as note from auth.aal_matrix() where command = 'SELECT' and note is not null group by 1",
  )
  return new Map(rows.map(({ table, note }) => [table, note]))
}

async function look(client, schema, sessions) {
  const { rows } = await client.query('select * from trial.visible($1, $2, $3, $4)', [
    schema.tables,
    roles,
    sessions.map(({ claims }) => claims),
    sessions.map(({ gateway }) => gateway),
  ])
  const all = rows.map(({ tbl, role, session, ids }) => ({
    table: schema.tables[tbl - 1],
    role,
    session: sessions[session - 1],
    at: session,
    ids: new Set(ids),
  }))
  return (table) => all.filter((one) => one.table === table)
}

const isWithout = ({ session }) => session.name === 'nobody' || session.name === 'without'

// A session without a level sees a row that a user's at aal1 doesn't, the same user's if it is a user's.
function opensWithoutLevel(seen) {
  const [without, users] = [seen.filter(isWithout), seen.filter(({ session }) => session.name.startsWith('aal1'))]
  return without.some((low) =>
    users.some((user) => {
      const isPair =
        low.role === user.role &&
        low.session.gateway === user.session.gateway &&
        (low.session.sub === undefined || isSameBut(low.session, user.session))
      return isPair && [...low.ids].some((id) => !user.ids.has(id))
    }),
  )
}

function isInVainWhoeverConnects(asking, others) {
  const by = (gateway) => (all) => all.filter(({ session }) => session.gateway === gateway)
  const connecting = gateways.filter((gateway) => by(gateway)(asking).length > 0)
  return connecting.every((gateway) => isInVain(by(gateway)(asking), by(gateway)(others)))
}

// A policy lets a session have rows that it keeps from a lower one of the same user, and the other policy lets that one have them. Where it
// gives all rows to the one and none to the other, some of them are enough.
//
// Whichever methods the two have. A token without a level and one of aal1 have the same.
function isInVain(asking, others) {
  const ofMethod = (one, method) =>
    asking.find(({ role, session }) => role === one.role && isSameLevel(session, one.session) && session.method === method)
  const isSo = (low, high) => {
    const other = others.find(({ role, at }) => role === low.role && at === low.at)
    const rows = [...high.ids]
    if (!rows.some((id) => !low.ids.has(id))) return false
    const isAboutAll = rows.length === allRows && low.ids.size === 0
    return rows.every((id) => low.ids.has(id) || other.ids.has(id)) || (isAboutAll && other.ids.size > 0)
  }
  const firsts = asking.filter(({ session }) => session.sub && session.method === 'totp' && !session.elsewhere && session.name !== 'aal1, stale')
  return firsts.some((high) => {
    const lower = firsts.filter((low) => low.role === high.role && low.at < high.at && isLower(low.session, high.session))
    return lower.some((low) =>
      methodsOf(low.session.aal).every((one) =>
        methodsOf(high.session.aal).every((other) => {
          const differ = high.session.name === 'aal1' && one !== other
          return differ || isSo(ofMethod(low, one), ofMethod(high, other))
        }),
      ),
    )
  })
}

const isSameLevel = (one, other) =>
  one.sub === other.sub && one.name === other.name && one.aal === other.aal && one.age === other.age && !one.elsewhere
const isSameBut = (low, user) => low.sub === user.sub && low.method === user.method && low.elsewhere === user.elsewhere

// Of one user. The lowest of all has a token without the claim.
const isLower = (low, high) => low.sub === high.sub && high.name !== 'without' && (low.name !== 'without' || low.aal === undefined)

// Ready to paste, in a database made by supabase_stand_in.sql and matrix_trial.sql.
export function counterexample({ lint, table, policy, is, should, schema, note }) {
  return [
    `-- Lint ${lint} ${is ? 'finds' : "doesn't find"} policy ${policy} on ${table}, and it ${should ? 'is' : "isn't"} so. Note: ${note}`,
    'begin;',
    schema.sql,
    `select name, detail from auth.aal_lint() where name like '${lint}%';`,
    'rollback;',
  ].join('\n')
}
