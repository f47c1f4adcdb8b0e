// Access tokens in the shape of Supabase Auth, signed as its legacy secret signs them: HS256.

import { SignJWT } from 'jose'

export const jane = '11111111-1111-4111-8111-111111111111'

// Seconds since 1970, that many seconds ago.
const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds

// A signed-in user. factorAge: how many seconds ago the second factor was verified; without it, the session is aal1.
export function claims({ sub = jane, factorAge } = {}) {
  const amr = [{ method: 'password', timestamp: ago(7200) }]
  if (factorAge !== undefined) amr.unshift({ method: 'totp', timestamp: ago(factorAge) })
  return {
    iss: 'http://localhost:9999',
    sub,
    aud: 'authenticated',
    exp: ago(-3600),
    iat: ago(10),
    email: 'jane@example.com',
    phone: '',
    app_metadata: { provider: 'email', providers: ['email'] },
    user_metadata: {},
    role: 'authenticated',
    aal: factorAge === undefined ? 'aal1' : 'aal2',
    amr,
    session_id: '33333333-3333-4333-8333-333333333333',
    is_anonymous: false,
  }
}

export function sign(payload, secret) {
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(secret))
}

// A secret as the key set that pg_aal wants.
export function jwks(secret) {
  return JSON.stringify({ keys: [{ kty: 'oct', alg: 'HS256', k: Buffer.from(secret).toString('base64url') }] })
}
