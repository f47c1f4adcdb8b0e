// Random conditions on the claims of identity providers, as policies spell them, and random claims of tokens: of each provider's
// shapes, of other issuers, and now and then of another type than the profile names.

import fc from 'fast-check'
import { oneOf, quoted, rarely, written } from './random_condition.mjs'

const shop = 'https://shop.example/methods'
const stytch = 'https://stytch.com/session'

// Entries of pg_aal.claims_profile, without their issuers.
const entries = [
  { profile: 'keycloak' },
  { profile: 'keycloak', map: { 1: 'aal1', 2: 'aal2', phr: 'aal3' } },
  { profile: 'auth0', claim: [shop] },
  { profile: 'okta' },
  { profile: 'entra', map: { c1: 'aal2', c2: 'aal3' } },
  { profile: 'cognito' },
  { profile: 'firebase', audience: 'p' },
  { profile: 'clerk' },
  { profile: 'kratos' },
  { profile: 'logto' },
  { profile: 'pingone', map: { phr: 'aal2', 1: 'aal1' } },
  { profile: 'stytch' },
  { profile: 'supabase' },
  {
    levels: [
      { claim: ['fva', 1], is: 'minutes', level: 'aal2' },
      { claim: ['fva', 0], is: 'minutes', level: 'aal1' },
    ],
    times: { aal2: [{ claim: ['fva', 1], is: 'minutes_before_iat' }] },
  },
  { levels: [{ claim: ['loa'], is: 'number', map: { 2: 'aal2', 3: 'aal3' } }, { level: 'aal1' }] },
  { levels: [{ claim: [shop], is: 'entries', key: 'name', map: { mfa: 'aal2', pwd: 'aal1' } }], acting_users: { claim: ['act'], at_most: 'aal1' } },
  {
    levels: [
      { claim: ['acr'], is: 'text', map: { 1: 'aal1', 2: 'aal2' } },
      { claim: ['acr'], is: 'number', map: { 1: 'aal1', 2: 'aal2' } },
    ],
  },
]

const issuers = ['https://a.example', 'https://b.example', 'https://c.example']

// One or two profiles, each bound to an issuer. The third issuer never has one.
export const profiles = fc
  .array(fc.constantFrom(...entries), { minLength: 1, maxLength: 2 })
  .map((chosen) => JSON.stringify(chosen.map((entry, nr) => ({ issuer: issuers[nr], ...entry }))))

const text = fc.constantFrom('aal1', 'aal2', 'phr', '1', '2', 'urn:okta:loa:2fa:any', 'urn:cognito:loa:3', 'urn:logto:acr:mfa', 'totp', 'x')
const word = fc.constantFrom('c1', 'c2', 'mfa', 'totp', 'pwd')
const whole = fc.constantFrom(-1, 0, 1, 2, 3, 5)
const name = fc.record({ name: fc.constantFrom('mfa', 'pwd', 'x'), timestamp: fc.constant('2026-11-28T00:00:00Z') })
const factor = fc.record({ type: fc.constantFrom('totp', 'password', 'otp') })

// Of another type than any rule names, or with something more than that.
const odd = fc.constantFrom(
  2,
  '2',
  true,
  0.5,
  -0.4,
  'mfa',
  ['mfa', 1],
  ['mfa'],
  { 1: 5 },
  [{ name: 'mfa' }, 'mfa'],
  [1, '5'],
  [1, null],
  [[1]],
  {},
  [],
)

const mostly = (value) => oneOf([12, value], [2, undefined], [1, null], [1, odd])
const list = (item, maxLength) => fc.array(item, { maxLength })
const now = () => Math.floor(Date.now() / 1000)

// A token's claims. undefined is left out.
const document = fc
  .record({
    iss: oneOf([6, issuers[0]], [3, issuers[1]], [1, issuers[2]], [1, undefined]),
    sub: oneOf([12, 'u'], [1, undefined]),
    acr: mostly(text),
    aal: mostly(text),
    amr: mostly(list(word, 3)),
    acrs: mostly(list(word, 3)),
    fva: mostly(oneOf([6, fc.tuple(whole, whole)], [1, list(whole, 1)])),
    loa: mostly(whole),
    [shop]: mostly(list(name, 2)),
    [stytch]: mostly(fc.record({ authentication_factors: mostly(list(factor, 3)) })),
    firebase: mostly(fc.record({ sign_in_provider: fc.constantFrom('password', 'anonymous'), sign_in_second_factor: mostly(text) })),
    auth_time: oneOf([8, 5], [1, undefined]),
    aud: oneOf([8, 'p'], [1, 'q']),
    users: rarely(90),
    act: oneOf([9, undefined], [1, { sub: 'x' }], [1, 'x'], [1, '']),
    gty: oneOf([9, undefined], [1, 'client-credentials']),
    sts: oneOf([9, undefined], [1, 'pending']),
    is_anonymous: oneOf([9, undefined], [1, true], [1, false]),
  })
  .map(({ users, ...claims }) => ({ ...claims, iat: now(), ...(users && { uid: 'u', username: 'u', scp: 'x' }) }))

export const documents = fc.array(document, { minLength: 40, maxLength: 40 })

const source = written(`
  8 auth.jwt()
  3 auth.claims()
  1 (select auth.jwt())
  1 current_setting('request.jwt.claims', true)::jsonb`)

// A member of the claims: as text, as JSON, and as what contains it.
function member(path) {
  const [first, ...rest] = path
  const keys = path.map((key) => `"${key}"`).join(',')
  const steps = [first, ...rest].map((key) => (typeof key === 'number' ? key : quoted(key)))
  const arrows = (last) => `(<source> ${steps.map((step, nr) => `${nr === steps.length - 1 ? last : '->'} ${step}`).join(' ')})`
  const subscripts = steps.map((step) => `[${step}]`).join('')
  return {
    text: written(
      `
      6 ${arrows('->>')}
      2 (<source> #>> '{${keys}}')
      1 (${arrows('->')} #>> '{}')`,
      { source },
    ),
    json: written(
      `
      6 ${arrows('->')}
      2 (<source> #> '{${keys}}')
      1 (<source>)${subscripts}`,
      { source },
    ),
  }
}

const inJson = (value) => quoted(JSON.stringify(value))
const around = (path, value) => path.toReversed().reduce((inner, key) => ({ [key]: inner }), value)

// Conditions on a text.
function textOf(path) {
  const { text: it, json } = member(path)
  const parts = {
    it,
    json,
    source,
    value: text.map(quoted),
    other: text.map(quoted),
    part: text.map((value) => inJson(around(path, value))),
    quoted: text.map(inJson),
  }
  return written(
    `
    8 <it> = <value>
    4 <it> <> <value>
    3 <it> in (<value>, <other>)
    2 <it> not in (<value>, <other>)
    2 <it> is distinct from <value>
    2 <it> is null
    2 coalesce(<it>, <value>) = <other>
    1 <it> like 'urn:%'
    1 <it>::int >= 2
    1 <it>::numeric > 1
    2 <json> = <quoted>
    2 <source> @> <part>
    1 jsonb_typeof(<json>) = 'string'`,
    parts,
  )
}

// Conditions on an array of texts.
function onTexts(claim) {
  const { json } = member([claim])
  const parts = {
    json,
    source,
    value: word.map(quoted),
    part: list(word, 2).map(inJson),
    around: list(word, 2).map((value) => inJson({ [claim]: value })),
  }
  return written(
    `
    8 <json> ? <value>
    3 not (<json> ? <value>)
    3 <json> @> <part>
    2 <json> ?| array[<value>, 'x']
    2 <source> @> <around>
    1 <json> ->> 0 = <value>
    1 <json> -> 0 <> '"mfa"'
    1 <json> is null
    1 jsonb_typeof(<json>) = 'array'
    1 exists (select from jsonb_array_elements_text(<json>) e where e = <value>)
    1 <source> @? '$.${claim}[*] ? (@ == "mfa")'`,
    parts,
  )
}

// Conditions on a number.
function onNumber(path) {
  const { text: it, json } = member(path)
  const number = written(
    `
    5 (<it>)::int
    2 (<it>)::numeric
    1 (<it>)::bigint
    2 (<json>)::int
    1 (<json>)::numeric
    1 (<it>)::float8`,
    { it, json },
  )
  const few = fc.constantFrom('-1', '0', '1', '2', '3', '10')
  const parts = {
    number,
    it,
    json,
    few,
    other: few,
    text: few.map(quoted),
    source,
    part: whole.map((value) => inJson(around(path.filter(isNaN), value))),
  }
  return written(
    `
    8 <number> < <few>
    6 <number> >= <few>
    4 <number> = <few>
    3 <number> <> <few>
    3 <few> <= <number>
    2 <number> between <few> and <other>
    2 <number> not between <few> and <other>
    2 <number> in (<few>, <other>)
    2 coalesce(<number>, <few>) > <other>
    1 <number> is null
    2 <it> = <text>
    2 <it> <> <text>
    2 <json> = <text>
    1 <json> <> <text>
    1 <json> @> <text>
    1 <source> @> <part>
    1 jsonb_typeof(<json>) = 'number'`,
    parts,
  )
}

// Conditions on an array of objects.
function onEntries(path, key) {
  const { json } = member(path)
  const values = fc.constantFrom('mfa', 'pwd', 'totp', 'password')
  const parts = {
    json,
    source,
    value: values.map(quoted),
    part: values.map((value) => inJson([{ [key]: value }])),
    around: values.map((value) => inJson(around(path, [{ [key]: value }]))),
  }
  return written(
    `
    8 <json> @> <part>
    3 not (<json> @> <part>)
    4 <source> @> <around>
    2 <json> -> 0 ->> '${key}' = <value>
    1 <json> @> '["mfa"]'
    1 exists (select from jsonb_array_elements(<json>) e where e ->> '${key}' = <value>)`,
    parts,
  )
}

const leaf = oneOf(
  [4, textOf(['acr'])],
  [1, textOf(['aal'])],
  [1, textOf(['iss'])],
  [2, textOf(['firebase', 'sign_in_second_factor'])],
  [2, onTexts('acrs')],
  [2, onTexts('amr')],
  [4, onNumber(['fva', 1])],
  [1, onNumber(['fva', 0])],
  [3, onNumber(['loa'])],
  [1, onNumber(['acr'])],
  [3, onEntries([shop], 'name')],
  [1, onEntries([stytch, 'authentication_factors'], 'type')],
  [
    5,
    written(`
    4 auth.has_aal('aal1')
    4 auth.has_aal('aal2')
    1 auth.has_aal('aal2', '15 minutes')
    1 auth.aal() = 'aal1'
    1 auth.aal() is null
    1 not auth.has_aal('aal2')`),
  ],
  [2, written("<source> ->> 'iss' = <issuer>", { source, issuer: fc.constantFrom(...issuers).map(quoted) })],
  [1, written("<source> ? 'act'", { source })],
  [1, written("not <source> ? 'act'", { source })],
  [1, written("(<source> ->> 'is_anonymous')::boolean is not true", { source })],
)

const { condition } = fc.letrec((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'condition' },
    { weight: 4, arbitrary: leaf },
    {
      weight: 5,
      arbitrary: written(
        `
        6 (<a> and <b>)
        4 (<a> or <b>)
        1 not (<a>)
        1 (case when <a> then <b> else <c> end)
        1 coalesce(<a>, <b>)
        1 (<a>) is not true
        1 (<a>) is not false`,
        { a: tie('condition'), b: tie('condition'), c: tie('condition') },
      ),
    },
  ),
}))

// For each table a permissive policy, and mostly a restrictive one: often one that leaves only users of an issuer with a profile.
const policies = fc.record({
  permissive: condition,
  restrictive: oneOf([1, undefined], [1, condition], [3, written("(select auth.has_aal('aal1'))")]),
})
export const tables = fc.array(policies, { minLength: 8, maxLength: 8 }).map((drafts) =>
  drafts.map(({ permissive, restrictive }, nr) => {
    const name = `s.t${nr}`
    return {
      name,
      sql: [
        `create table ${name} (id int)`,
        `insert into ${name} values (1)`,
        `alter table ${name} enable row level security`,
        `grant select on ${name} to trial_user`,
        `create policy one on ${name} for select using (${permissive()})`,
        ...(restrictive ? [`create policy two on ${name} as restrictive for select using (${restrictive()})`] : []),
      ],
    }
  }),
)
