// Stands in for supabase.auth where no Supabase Auth server is needed: one user, whose tokens PostgREST verifies.
// The refusals are real: the requests go to a real PostgREST.

import { randomUUID } from 'node:crypto'
import { claims, sign } from '../tokens.mjs'

const refused = (code, name = 'AuthApiError') => ({ data: null, error: Object.assign(new Error(code), { code, name }) })
const done = (data = {}) => ({ data, error: null })

export class AuthStandIn {
  // code: what verifies a factor. `calls` has the names of all calls, `errors` the codes of errors to answer with, once each.
  // A user who was signed in from the start did so two hours ago.
  constructor(secret, { user = { id: randomUUID() }, signedIn = true, factors = [], code = '123456' } = {}) {
    Object.assign(this, { secret, user, factors, code, calls: [], errors: {} })
    this.session = signedIn ? { sub: user.id } : null
    this.mfa = {
      listFactors: () => this.answer('listFactors', () => (this.session ? done({ all: this.factors }) : refused('x', 'AuthSessionMissingError'))),
      challenge: ({ factorId }) => this.answer('challenge', () => done({ id: `challenge of ${factorId}` })),
      verify: ({ code }) => this.answer('verify', () => this.verified(code)),
      enroll: ({ factorType }) => this.answer('enroll', () => this.enrolled(factorType)),
      unenroll: () => this.answer('unenroll', () => ((this.factors = []), done())),
    }
  }

  // Answers with an error once, where a test has put one for this call.
  async answer(name, otherwise) {
    this.calls.push(name)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const code = this.errors[name]?.shift()
    return code ? refused(code) : otherwise()
  }

  verified(code) {
    if (code !== this.code) return refused('mfa_verification_failed')
    this.session = { ...this.session, factorAge: 0 }
    return done()
  }

  enrolled(type) {
    const factor = { id: randomUUID(), type, factor_type: type, status: 'unverified' }
    this.factors.push(factor)
    return done({ ...factor, totp: { qr_code: 'data:image/svg+xml', secret: 'secret', uri: 'otpauth://' } })
  }

  signInWithPassword({ email, password }) {
    return this.answer('signInWithPassword', () => {
      if (password !== 'right') return refused('invalid_credentials')
      if (email !== 'jane') this.user = { id: randomUUID() }
      this.session = { sub: this.user.id, isNew: true }
      return done()
    })
  }

  async getSession() {
    return done({ session: this.session && { user: this.user } })
  }

  async token() {
    if (!this.session) return null
    const payload = claims(this.session)
    if (this.session.isNew) payload.amr.at(-1).timestamp = payload.iat
    return sign(payload, this.secret)
  }
}

export const totp = { id: 'an app', factor_type: 'totp', status: 'verified', friendly_name: 'My app' }
export const phone = { id: 'a phone', factor_type: 'phone', status: 'verified' }
