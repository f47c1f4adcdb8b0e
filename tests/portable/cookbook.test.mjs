// The recipes of docs/cookbook.md, with the portable edition: the test of the native one.

process.env.EDITION = 'portable'
await import('../e2e/cookbook.test.mjs')
