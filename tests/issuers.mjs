// Profiles of other issuers than Supabase Auth, and claims of a user of each who has shown one factor.

const user = { sub: '22222222-2222-4222-8222-222222222222', role: 'authenticated', exp: Math.floor(Date.now() / 1000) + 3600 }
const now = Math.floor(Date.now() / 1000)

const all = {
  keycloak: ['https://id.example/realms/app', {}, { acr: 'aal1', auth_time: now }],
  okta: ['https://org.example/oauth2/as1', {}, { uid: '00u1', auth_time: now }],
  entra: ['https://login.microsoftonline.com/tenant-1/v2.0', { map: { c1: 'aal2' } }, { scp: 'pay' }],
  clerk: ['https://clerk.example', {}, { iat: now, fva: [1, -1] }],
  firebase: ['https://securetoken.google.com/p1', { audience: 'p1' }, { aud: 'p1', auth_time: now, firebase: { sign_in_provider: 'password' } }],
}

// The value of pg_aal.claims_profile.
export const profiles = JSON.stringify(Object.entries(all).map(([profile, [issuer, entry]]) => ({ issuer, profile, ...entry })))

export const issuers = Object.fromEntries(Object.entries(all).map(([profile, [iss, , claims]]) => [profile, { iss, ...user, ...claims }]))
