// Levels and times of tokens that a real Keycloak issued, in each case where its claims surprise: after a step-up, a refresh,
// single sign-on, a sign-in by password alone, and when a level has expired. With its loa-map mapper and without, and in both
// sources of claims.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Keycloak, skip } from '../keycloak.mjs'
import { Cluster } from '../stack.mjs'
import { claimsOf, inSession } from '../token_session.mjs'
import { Visitor } from '../visitor.mjs'

const bank = JSON.parse(readFileSync(new URL('../../examples/step-up/realm.json', import.meta.url), 'utf8'))
const secret = 'twenty letters, each'
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000))

// The realm of the example, with clients for a visitor: one with each mapper, one without loa-map, and a machine.
function realmFor(name, changes = {}) {
  const [page] = bank.clients
  const client = (clientId, more) => ({ ...page, clientId, redirectUris: [Visitor.redirectUri], ...more })
  const machine = { clientId: 'machine', secret: 'secret', serviceAccountsEnabled: true, protocolMappers: page.protocolMappers }
  const plain = page.protocolMappers.filter((mapper) => mapper.name !== 'loa-map')
  return { ...bank, realm: name, users: [], clients: [client('mapped'), client('plain', { protocolMappers: plain }), machine], ...changes }
}

describe('tokens that a real Keycloak issued', { skip }, () => {
  let cluster, keycloak
  before(async () => {
    cluster = new Cluster()
    cluster.psql('postgres', 'create extension pg_aal')
    keycloak = await Keycloak.start(cluster)
    await keycloak.importRealm(realmFor('levels'))
    await saveKeys('levels')
  })
  after(() => cluster?.stop())

  const saveKeys = async (realm) => writeFileSync(`${cluster.folder}/data/${realm}.json`, await keycloak.publishedKeys(realm), { mode: 0o644 })

  async function visitor(realm = 'levels', client = 'mapped') {
    const username = await keycloak.addUser(realm, secret)
    return new Visitor(keycloak.issuer(realm), client, { username, password: 'password', secret })
  }

  const within = (source, realm, entry, token, query) => {
    const profile = { issuer: keycloak.issuer(realm), profile: 'keycloak', audience: 'payments-api', ...entry }
    return inSession(cluster, { source, profile, keys: `${realm}.json` }, token, query)
  }

  // The level, and when its second factor was verified. Both sources must agree.
  async function standing({ access_token: token }, entry = {}, realm = 'levels') {
    const query = "select auth.aal() as level, extract(epoch from auth.authenticated_at('aal2'))::int as at, auth.has_aal('aal2', '1 hour') as fresh"
    const [request, verified] = await Promise.all(['request', 'token'].map((source) => within(source, realm, entry, token, query)))
    assert.deepEqual(verified, request)
    return request
  }

  const isFresh = async ({ access_token: token }, age, entry = {}) =>
    (await within('request', 'levels', entry, token, `select auth.has_aal('aal2', '${age}') as fresh`)).fresh

  const none = { level: null, at: null, fresh: false }
  const first = { level: 'aal1', at: null, fresh: false }
  const second = (at) => ({ level: 'aal2', at, fresh: true })
  const undated = { level: 'aal2', at: null, fresh: false }
  // Keycloak notes when the code was typed, and then when the user signed in: a second may begin between.
  const stands = async (answer, expected, ...options) => {
    const found = await standing(answer, ...options)
    const isNear = expected.at !== null && Math.abs(found.at - expected.at) <= 1
    assert.deepEqual(found, isNear ? { ...expected, at: found.at } : expected)
  }

  test('a password alone is aal1', async () => {
    const answer = await (await visitor()).authorize()
    assert.deepEqual(answer.prompts, ['password'])
    assert.equal(claimsOf(answer.access_token).acr, 'aal1')
    assert.deepEqual(await standing(answer), first)
  })

  for (const client of ['mapped', 'plain']) {
    describe(client === 'mapped' ? 'with the mapper for loa-map' : 'without it', () => {
      const dated = client === 'mapped'
      // What the level is worth, if its code was typed at that time.
      const verified = (at) => (dated ? second(at) : undated)

      test('a step-up without a session, and of a session, is aal2 from then on', async () => {
        const person = await visitor('levels', client)
        const both = await person.authorize({ acr_values: 'aal2' })
        assert.deepEqual(both.prompts, ['password', 'code'])
        await stands(both, verified(claimsOf(both.access_token).auth_time))

        const other = await visitor('levels', client)
        const before = await other.authorize()
        const after = await other.authorize({ acr_values: 'aal2' })
        assert.deepEqual(after.prompts, ['code'])
        await stands(after, verified(claimsOf(after.access_token).auth_time))
        assert.deepEqual(await standing(before), first)
      })

      test('a refresh keeps level and time, and lifts an older token', async () => {
        const person = await visitor('levels', client)
        const before = await person.authorize()
        const after = await person.authorize({ acr_values: 'aal2' })
        const at = claimsOf(after.access_token).auth_time
        await seconds(2)
        for (const older of [after, before]) await stands(await person.refresh(older), verified(at))
      })

      test('single sign-on keeps level and time, also for another client, unless it asks for aal1', async () => {
        const person = await visitor('levels', client)
        const at = claimsOf((await person.authorize({ acr_values: 'aal2' })).access_token).auth_time
        await seconds(2)
        for (const options of [{}, { client: 'plain' }, { client: 'mapped' }]) {
          const answer = await person.authorize(options)
          assert.deepEqual(answer.prompts, [])
          await stands(answer, answer.client === 'mapped' ? second(at) : undated)
        }
        const lower = await person.authorize({ acr_values: 'aal1' })
        assert.deepEqual(lower.prompts, [])
        // The code is as old as it is, but the client asked for a token of aal1.
        assert.equal((await standing(lower)).level, 'aal1')
        assert.equal((await standing(lower)).fresh, false)
      })

      test('a sign-in by password moves auth_time, and not the time of the code', async () => {
        const person = await visitor('levels', client)
        const at = claimsOf((await person.authorize({ acr_values: 'aal2' })).access_token).auth_time
        await seconds(4)
        const password = await person.authorize({ prompt: 'login' })
        assert.deepEqual(password.prompts, ['password'])
        assert.equal((await standing(password)).level, 'aal1')
        const afterwards = await person.authorize()
        assert.deepEqual(afterwards.prompts, [])
        const { acr, auth_time: later } = claimsOf(afterwards.access_token)
        assert.equal(acr, 'aal2')
        assert.ok(later >= at + 4, `${later} is not after ${at}`)
        await stands(afterwards, verified(at))
        assert.equal(await isFresh(afterwards, '3 seconds'), false)
        // Only who says that auth_time is the code's gets a time that is wrong here.
        if (!dated) await stands(afterwards, second(later), { auth_time_is: 'level' })
      })

      test('max_age with acr_values asks for both again, if the last sign-in is older', async () => {
        const person = await visitor('levels', client)
        const at = claimsOf((await person.authorize({ acr_values: 'aal2' })).access_token).auth_time
        await seconds(3)
        assert.deepEqual((await person.authorize({ acr_values: 'aal2', max_age: 600 })).prompts, [])
        const anew = await person.authorize({ acr_values: 'aal2', max_age: 2 })
        assert.deepEqual(anew.prompts, ['password', 'code'])
        const later = claimsOf(anew.access_token).auth_time
        assert.ok(later > at)
        await stands(anew, verified(later))
      })
    })
  }

  test('max_age alone does not renew a code, because a newer password satisfies it; prompt=login does', async () => {
    const person = await visitor()
    await person.authorize({ acr_values: 'aal2' })
    await seconds(4)
    await person.authorize({ prompt: 'login' })
    const asked = await person.authorize({ acr_values: 'aal2', max_age: 3 })
    assert.deepEqual(asked.prompts, [])
    assert.equal(await isFresh(asked, '3 seconds'), false)
    const anew = await person.authorize({ acr_values: 'aal2', max_age: 3, prompt: 'login' })
    assert.deepEqual(anew.prompts, ['password', 'code'])
    assert.equal(await isFresh(anew, '1 minute'), true)
  })

  test('a level that has expired: a refresh keeps it with its time, single sign-on does not, and a step-up asks again', async () => {
    await keycloak.importRealm(realmFor('expiring', { authenticatorConfig: agedAt('36000', '1') }))
    await saveKeys('expiring')
    const person = await visitor('expiring')
    const answer = await person.authorize({ acr_values: 'aal2' })
    const at = claimsOf(answer.access_token).auth_time
    await seconds(3)
    const refreshed = await person.refresh(answer)
    await stands(refreshed, second(at), {}, 'expiring')
    const later = await person.authorize()
    assert.deepEqual(later.prompts, [])
    const lower = await standing(later, {}, 'expiring')
    assert.deepEqual([lower.level, lower.fresh], ['aal1', false])
    const anew = await person.authorize({ acr_values: 'aal2' })
    assert.deepEqual(anew.prompts, ['code'])
    await stands(anew, second(claimsOf(anew.access_token).auth_time), {}, 'expiring')
  })

  test('a sign-in that has expired has no level', async () => {
    await keycloak.importRealm(realmFor('old', { authenticatorConfig: agedAt('1', '36000') }))
    await saveKeys('old')
    const person = await visitor('old')
    await person.authorize()
    await seconds(3)
    const answer = await person.authorize()
    assert.deepEqual(answer.prompts, [])
    assert.equal(claimsOf(answer.access_token).acr, '0')
    assert.deepEqual(await standing(answer, {}, 'old'), none)
  })

  test('unknown acr_values change nothing', async () => {
    const person = await visitor()
    const answer = await person.authorize({ acr_values: 'aal9' })
    assert.deepEqual(answer.prompts, ['password'])
    assert.deepEqual(await standing(answer), first)
  })

  test('without names for its levels they are numbers, which count by a map only', async () => {
    await keycloak.importRealm(realmFor('numbers', { attributes: {} }))
    await saveKeys('numbers')
    const person = await visitor('numbers')
    const answer = await person.authorize({ acr_values: '2' })
    assert.equal(claimsOf(answer.access_token).acr, '2')
    assert.equal((await standing(answer, {}, 'numbers')).level, null)
    const at = claimsOf(answer.access_token).auth_time
    await stands(answer, second(at), { map: { 1: 'aal1', 2: 'aal2' } }, 'numbers')
  })

  test('a machine has no level, although its token has an acr', async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'machine', client_secret: 'secret' })
    const response = await fetch(keycloak.issuer('levels') + '/protocol/openid-connect/token', { method: 'POST', body })
    const answer = await response.json()
    assert.equal(claimsOf(answer.access_token).acr, 'aal1')
    assert.deepEqual(await standing(answer), none)
  })

  test('a token of another realm has no level, with its own keys or with those of this one', async () => {
    await keycloak.importRealm(realmFor('foreign'))
    const { access_token: token } = await (await visitor('foreign')).authorize({ acr_values: 'aal2' })
    assert.deepEqual(await within('request', 'levels', {}, token, 'select auth.aal() as level'), { level: null })
    assert.deepEqual(await within('token', 'levels', {}, token, 'select auth.aal() as level'), { level: null })
    writeFileSync(`${cluster.folder}/data/levels.json`, await keycloak.publishedKeys('foreign'), { mode: 0o644 })
    try {
      assert.deepEqual(await within('token', 'levels', {}, token, 'select auth.aal() as level'), { level: null })
    } finally {
      await saveKeys('levels')
    }
  })

  test('after a rotation of keys, new tokens need the new key set, and old tokens stay good in it', async () => {
    const person = await visitor()
    const old = await person.authorize({ acr_values: 'aal2' })
    const { id } = await keycloak.admin('GET', '/realms/levels')
    const config = { priority: ['200'], enabled: ['true'], active: ['true'], keySize: ['2048'], algorithm: ['RS256'] }
    const provider = { name: 'rotated', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', parentId: id, config }
    await keycloak.admin('POST', '/realms/levels/components', provider)
    const fresh = await person.refresh(old)
    assert.notEqual(headerOf(fresh.access_token).kid, headerOf(old.access_token).kid)
    const verify = (token) => within('token', 'levels', {}, token.access_token, 'select auth.aal() as level')
    assert.deepEqual([await verify(old), await verify(fresh)], [{ level: 'aal2' }, { level: null }])
    await saveKeys('levels')
    assert.deepEqual([await verify(old), await verify(fresh)], [{ level: 'aal2' }, { level: 'aal2' }])
  })
})

// The configurations of the example's flows, with other ages of its levels.
const agedAt = (...ages) =>
  bank.authenticatorConfig.map(({ alias, config }) => {
    const level = config['loa-condition-level']
    return { alias, config: level ? { ...config, 'loa-max-age': ages[level - 1] } : config }
  })

const headerOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
