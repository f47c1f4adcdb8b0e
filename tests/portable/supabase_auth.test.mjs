// Supabase-js with a real Supabase Auth server, with the portable edition: the test of the native one.

process.env.EDITION = 'portable'
await import('../e2e/supabase_auth.test.mjs')
