// The demo's story by an unmodified PostgREST, in a hosted project with only the portable edition.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { send, story } from '../../examples/demo/story.mjs'
import { PostgREST } from '../stack.mjs'
import { claims, sign } from '../tokens.mjs'
import { demo, Platform } from './platform.mjs'

for (const exposesNewTables of [false, true]) {
  describe(`the demo's story, in a project ${exposesNewTables ? 'before' : 'since'} 2026-10-30`, () => {
    let platform, postgrest
    before(async () => {
      platform = new Platform()
      platform.protectedDatabase('project', { exposesNewTables })
      platform.psql('project', demo)
      postgrest = await PostgREST.start(platform, 'project')
    })
    after(() => platform.stop())

    test('nothing native is installed', () => {
      assert.equal(platform.psql('project', "select count(*) from pg_available_extensions where name like 'pg_aal%'"), '0\n')
      assert.equal(platform.psql('project', 'select rolsuper from pg_roles where rolname = current_user'), 'f\n')
    })

    for (const step of story) {
      test(`${step.who} ${step.what}: ${step.expected.status} ${step.expected.action ?? ''}`, async () => {
        assert.deepEqual((await send(step, platform, 'project', postgrest)).wrong, [])
      })
    }

    test('the refusal is the whole documented body', async () => {
      const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ' + (await sign(claims(), postgrest.secret)) }
      const response = await fetch(postgrest.url + '/payments', { method: 'POST', headers, body: '{"amount":1,"payee":"x"}' })
      assert.deepEqual(await response.json(), {
        code: 'insufficient_aal',
        message: 'insufficient_aal: insert on table "payments" requires aal2, and the session is at aal1',
        details: '{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low"}',
        hint: 'Verify a second factor, then try again with the new access token.',
      })
    })
  })
}
