// Codes of an authenticator app.

import { Secret, TOTP } from 'otpauth'

const halfMinute = 30_000

export class AuthenticatorApp {
  // secret: a text, whose letters are the key.
  constructor(secret) {
    this.secret = typeof secret === 'string' ? Secret.fromUTF8(secret) : secret
    this.used = 0
  }

  // From the letters that a provider shows to somebody who enrolls.
  static enroll(base32) {
    return new AuthenticatorApp(Secret.fromBase32(base32.replace(/\s/g, '')))
  }

  static letters(secret) {
    return Secret.fromUTF8(secret).base32
  }

  // A code that wasn't used yet: of this half minute, or of the next. Providers take both, and each code once. If both were
  // used, it waits.
  async code() {
    const step = Math.max(Math.floor(Date.now() / halfMinute), this.used + 1)
    const wait = (step - 1) * halfMinute - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    this.used = step
    return this.at(step * halfMinute)
  }

  at(timestamp) {
    return new TOTP({ secret: this.secret }).generate({ timestamp })
  }
}
