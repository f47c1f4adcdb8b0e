// Sessions that a real Supabase Auth server ended, with the portable edition: the test of the native one.

process.env.EDITION = 'portable'
await import('../e2e/supabase_auth_revocation.test.mjs')
