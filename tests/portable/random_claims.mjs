// Random claims of an access token, as texts: like Supabase Auth's, with claims that are missing, of other types, stated twice, escaped,
// nested, cut off, or no JSON at all.

import { Choices, numbersFrom } from '../differential/random_choices.mjs'

export const users = {
  enrolled: '11111111-1111-4111-8111-111111111111',
  factorless: '22222222-2222-4222-8222-222222222222',
  banned: '33333333-3333-4333-8333-333333333333',
  unknown: '44444444-4444-4444-8444-444444444444',
}

// A session of each user who has any, at aal2 and at aal1.
export const sessions = { atAal2: '55555555-5555-4555-8555-555555555552', atAal1: '55555555-5555-4555-8555-555555555551' }

const levels = ['"aal2"', '"aal1"', '"aal3"']
const otherLevels = [
  'null',
  '2',
  '1e2',
  '""',
  '"AAL2"',
  '" aal2"',
  '"aal2 "',
  '"aal4"',
  'true',
  '["aal2"]',
  '{"aal":"aal2"}',
  '"\\u0061al2"',
  '"urn:x.y-z_1"',
  '"a/b"',
  '"é"',
]
const methods = [
  '"totp"',
  '"password"',
  '"mfa/phone"',
  '"mfa/webauthn"',
  '"mfa/recovery_code"',
  '"otp"',
  '"passkey"',
  '"token_refresh"',
  '"anonymous"',
  '"oauth"',
  '"TOTP"',
  '""',
  '"t\\u006ftp"',
  '"mfa\\/phone"',
  '["totp"]',
  'null',
  '7',
  '"😀"',
]
const oddTimes = [
  'null',
  '0',
  '-1',
  '1',
  '"1800000000"',
  'true',
  '1e300',
  '-1e300',
  '1e400',
  '1e-300',
  '5e-324',
  '2e-324',
  '1e-400',
  '0.0000005',
  '1.5',
  '-0',
  '0e5',
  '9223372036853',
  '9223372036853.9999',
  '9223372036854',
  '9223372036854775808',
  '909109876819.123456789',
  '1E9',
  '[1]',
]
const anonymous = ['false', 'true', 'null', '"false"', '0', '1', '[]', ' false ']

export class ClaimsWriter {
  // now: the time in seconds, from which ages are counted.
  constructor(seed, now) {
    this.numbers = numbersFrom(seed)
    this.now = now
  }

  next() {
    this.choices = new Choices([], this.numbers)
    const text = this.object(this.claims())
    return this.damaged(text)
  }

  one(list) {
    return this.choices.of(list)
  }

  percent(wanted) {
    return this.choices.percent(wanted)
  }

  // An object of members [name, value], in which some may be there twice and some names escaped.
  object(members) {
    const all = [...members]
    if (this.percent(6) && members.length > 0) {
      const [name, value] = this.one(members)
      all.splice(this.choices.below(all.length + 1), 0, [name, this.percent(50) ? value : this.one(['null', '"aal2"', '[]', '"x"', 'true'])])
    }
    if (this.percent(15)) all.sort(() => this.numbers() - 0.5)
    const blank = this.percent(10) ? this.one([' ', '\n', '\t', ' \r\n ']) : ''
    return '{' + all.map(([name, value]) => `${blank}${this.name(name)}${blank}:${blank}${value}`).join(',') + blank + '}'
  }

  name(name) {
    if (!this.percent(2) || name === '') return JSON.stringify(name)
    const at = this.choices.below(name.length)
    return `"${name.slice(0, at)}\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}${name.slice(at + 1)}"`
  }

  claims() {
    const claims = []
    const maybe = (percent, name, value) => {
      if (this.percent(percent)) claims.push([name, value()])
    }
    maybe(30, 'iss', () => '"http://localhost/auth/v1"')
    maybe(88, 'sub', () =>
      this.one([
        ...Object.values(users).map((user) => `"${user}"`),
        `"${users.enrolled.toUpperCase()}"`,
        '"jane"',
        '""',
        'null',
        '7',
        `"{${users.enrolled}}"`,
        `"${users.enrolled.replaceAll('-', '')}"`,
        '"é"',
      ]),
    )
    maybe(92, 'aal', () => this.one(this.percent(85) ? levels : otherLevels))
    maybe(88, 'amr', () => this.amr())
    maybe(20, 'auth_time', () => this.time())
    maybe(60, 'session_id', () => this.one([`"${sessions.atAal2}"`, `"${sessions.atAal1}"`, '"s"', '""', 'null', '1']))
    maybe(15, 'sid', () => this.one([`"${sessions.atAal2}"`, '"s"', 'null', '[]']))
    maybe(50, 'is_anonymous', () => (this.percent(75) ? 'false' : this.one(anonymous)))
    maybe(50, 'role', () => '"authenticated"')
    maybe(40, 'exp', () => String(this.now + 3600))
    maybe(40, 'user_metadata', () =>
      this.object([
        ['sub', `"${users.enrolled}"`],
        ['aal', '"aal2"'],
        [
          'name',
          this.one(this.percent(94) ? ['"Jörg \\"J\\" Ü"', '"a\\\\b"', '"\\u00e9"', '"<\\u003c>"'] : ['"x\\u0000y"', '"\\ud800"', '1e131073']),
        ],
      ]),
    )
    maybe(15, 'app_metadata', () =>
      this.one(['{"provider":"email","providers":["email"]}', '{}', '{"amr":[{"method":"totp"}]}', '[[[[1]]]]', '1e99999', '0.1e-7']),
    )
    maybe(3, 'deep', () => '['.repeat(300) + ']'.repeat(300))
    return claims
  }

  amr() {
    if (this.percent(6)) return this.one(['null', '[]', '"totp"', '{}', '{"method":"totp"}', '7', '[[]]', '[["totp"]]'])
    const plain = this.percent(10)
    const entries = Array.from({ length: 1 + this.choices.below(4) }, () => {
      if (plain) return this.one(methods)
      if (this.percent(4)) return this.one(['null', '7', '[]', '{}', '"totp"', '[{"method":"totp","timestamp":1}]'])
      const members = []
      if (this.percent(96)) members.push(['method', this.one(this.percent(80) ? methods.slice(0, 4) : methods)])
      if (this.percent(94)) members.push(['timestamp', this.time()])
      if (this.percent(10)) members.push(['provider', '"x"'])
      return this.object(members)
    })
    return '[' + entries.join(',') + ']'
  }

  time() {
    if (this.percent(12)) return this.one(oddTimes)
    const age = this.one([60, 600, 0, 5, 890, 910, 3600, 86400, -20, -40, -3600, 1e7])
    return String(this.now - age) + (this.percent(8) ? this.one(['.5', '.000001', '.9999999', 'e0', '.25E+0']) : '')
  }

  // Mostly the text as it is.
  damaged(text) {
    if (!this.percent(4)) return text
    const at = this.choices.below(text.length)
    return this.one([
      () => text.slice(0, at),
      () => text.slice(0, at) + this.one(['"', '}', '{', ',', '\\', 'x', ':', '\u0001', ' ']) + text.slice(at),
      () => text.slice(0, at) + text.slice(at + 1),
      () => text + this.one([' ', 'x', '{}', '}', '\n']),
      () => '[' + text + ']',
      () => '',
      () => this.one(['null', 'true', '2', '"aal2"', '[]', ' ', '{', 'aal2', '{}', ' { } ']),
    ])()
  }
}
