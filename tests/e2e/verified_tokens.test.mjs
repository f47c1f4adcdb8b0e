// Tokens made by others than what verifies them: jose (npm) and PyJWT (PyPI), in every algorithm.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CompactEncrypt, SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims } from '../tokens.mjs'

const symmetric = ['HS256', 'HS384', 'HS512']
const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']

let cluster, client
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create extension pg_aal')
  client = new pg.Client({ ...cluster.connection, database: 'postgres' })
  await client.connect()
  await client.query("load 'pg_aal'")
})
after(async () => {
  await client.end()
  cluster.stop()
})

const configure = (keys) => client.query("select set_config('pg_aal.jwks', $1, false)", [JSON.stringify({ keys })])
const verify = async (token) => (await client.query('select auth.verify_jwt($1) as claims', [token])).rows[0].claims
const refused = (token, reason) =>
  assert.rejects(verify(token), ({ code, message }) => {
    assert.equal(code, '28000')
    assert.equal(message, 'invalid_token: ' + reason)
    return true
  })

// Each algorithm's private key (or secret), and the JWK that verifies.
async function joseKey(alg) {
  if (symmetric.includes(alg)) {
    const secret = new Uint8Array(64).fill(alg.charCodeAt(2))
    return { key: secret, jwk: { kty: 'oct', kid: alg, alg, k: Buffer.from(secret).toString('base64url') } }
  }
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { key: privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg } }
}

function signed(payload, alg, key, header = {}) {
  return new SignJWT(payload).setProtectedHeader({ alg, kid: alg, ...header }).sign(key)
}

test("jose's tokens of every algorithm verify, each by its own key only", async () => {
  const keys = {}
  for (const alg of [...symmetric, ...asymmetric]) keys[alg] = await joseKey(alg)
  await configure(Object.values(keys).map(({ jwk }) => jwk))
  const payload = claims({ factorAge: 60 })
  for (const [alg, { key }] of Object.entries(keys)) {
    assert.deepEqual(await verify(await signed(payload, alg, key)), payload, alg)
    const other = alg === 'ES256' ? 'EdDSA' : 'ES256'
    await refused(await signed(payload, alg, key, { kid: other }), "the token's algorithm is not that of its key")
    await refused(await signed(payload, alg, (await joseKey(alg)).key, { kid: 'unknown' }), "no key has the token's kid")
  }
  for (const alg of asymmetric) {
    await refused(await signed(payload, alg, (await joseKey(alg)).key), 'the signature is wrong')
  }
})

test("PyJWT's tokens of every algorithm verify", async () => {
  const payload = claims({ factorAge: 60 })
  const script = fileURLToPath(new URL('pyjwt_tokens.py', import.meta.url))
  const { keys, tokens } = JSON.parse(execFileSync('python3', [script, JSON.stringify(payload)], { encoding: 'utf8' }))
  await configure(keys)
  assert.deepEqual(Object.keys(tokens).sort(), [...symmetric, ...asymmetric].sort())
  for (const [alg, token] of Object.entries(tokens)) assert.deepEqual(await verify(token), payload, alg)
})

test('a token that is HMACed with a public key, in whatever form, is refused', async () => {
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    const { publicKey, jwk } = await joseKey(alg)
    await configure([jwk])
    const pem = await exportSPKI(publicKey)
    for (const form of [pem, pem.trim(), pem.replace(/-----.*-----|\n/g, ''), JSON.stringify(jwk), jwk.n ?? jwk.x]) {
      const secret = new TextEncoder().encode(form)
      for (const kid of [alg, undefined]) {
        const forged = await new SignJWT(claims({ factorAge: 60 })).setProtectedHeader({ alg: 'HS256', kid }).sign(secret)
        await refused(forged, "the token's algorithm is not that of its key")
      }
    }
  }
})

test('an encrypted token is refused', async () => {
  const { privateKey, publicKey } = await generateKeyPair('RSA-OAEP-256')
  const { key, jwk } = await joseKey('RS256')
  await configure([jwk])
  const inner = await signed(claims({ factorAge: 60 }), 'RS256', key)
  const jwe = await new CompactEncrypt(new TextEncoder().encode(inner))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT' })
    .encrypt(publicKey)
  assert.ok(privateKey)
  await refused(jwe, 'the token is encrypted')
})

test('a key that comes with the token is never used, and what it points to never asked for', async () => {
  const { key, jwk } = await joseKey('ES256')
  const attacker = await joseKey('ES256')
  await configure([jwk])
  assert.ok(await verify(await signed(claims(), 'ES256', key)))
  for (const [name, value] of [
    ['jwk', attacker.jwk],
    ['jku', 'http://127.0.0.1:9/'],
    ['x5u', 'http://127.0.0.1:9/'],
    ['x5c', ['AA']],
  ]) {
    for (const signer of [key, attacker.key]) {
      await refused(await signed(claims(), 'ES256', signer, { [name]: value }), `the token brings a key of its own (${name})`)
    }
  }
})

test('a change of any character of a token is refused', async () => {
  const { key, jwk } = await joseKey('ES256')
  await configure([jwk])
  const token = await signed(claims({ factorAge: 60 }), 'ES256', key)
  const { rows } = await client
    .query(
      `do $$
     declare
       token text := '${token}';
       verified int := 0;
     begin
       for place in 1..length(token) loop
         begin
           perform auth.verify_jwt(overlay(token placing case substr(token, place, 1) when 'A' then 'B' else 'A' end from place for 1));
           verified := verified + 1;
         exception when invalid_authorization_specification then
           null;
         end;
       end loop;
       perform set_config('test.verified', verified::text, false);
     end
     $$;
     select current_setting('test.verified') as verified`,
    )
    .then((results) => results.at(-1))
  assert.deepEqual(rows, [{ verified: '0' }])
})
