// A session of a token: by the claims that a gateway would set, and by the token itself, which pg_aal verifies.

import pg from 'pg'

export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

// Runs a query in such a session. source: request or token. profile: an entry of pg_aal.claims_profile. keys: a file in the data directory.
export async function inSession(cluster, { source, profile, keys }, token, query) {
  const client = new pg.Client({ ...cluster.connection, database: 'postgres' })
  await client.connect()
  try {
    await client.query("load 'pg_aal'; begin")
    const set = (name, value) => client.query('select set_config($1, $2, true)', [name, value])
    await set('pg_aal.claims_profile', JSON.stringify([profile]))
    await set('pg_aal.claims_source', source)
    await set('pg_aal.jwks_file', keys)
    if (source === 'token') await set('pg_aal.token', token)
    else await set('request.jwt.claims', JSON.stringify(claimsOf(token)))
    return (await client.query(query)).rows[0]
  } finally {
    await client.end()
  }
}
