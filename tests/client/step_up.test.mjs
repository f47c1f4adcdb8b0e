// One step-up for all requests that are refused at the same time, no request that wasn't refused sent twice, and dialogs
// that come to an end. The refusals are those of a real PostgREST; Supabase Auth is a stand-in.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { orStepUp, StepUp, StepUpError } from '../../clients/js/dist/index.js'
import { AuthStandIn, phone, totp } from './auth_stand_in.mjs'
import { client, Database } from './database.mjs'

describe('a step-up', () => {
  let database
  before(async () => {
    database = await Database.start()
  })
  after(() => database?.stop())

  // A user's browser: `dialogs` are those that it shows, `asked` what they were asked, `requests` what was sent.
  function browser(dialogs, session = { factors: [totp] }, options) {
    const auth = new AuthStandIn(database.postgrest.secret, session)
    const [asked, requests] = [[], []]
    const recorded = Object.entries(dialogs).map(([name, answer]) => [
      name,
      async (question) => {
        asked.push({ dialog: name, ...question })
        return typeof answer === 'function' ? answer(question) : answer
      },
    ])
    const stepUp = new StepUp({ auth }, Object.fromEntries(recorded), options)
    return { auth, asked, requests, stepUp, supabase: client(database.postgrest, () => auth.token(), requests) }
  }

  const write = (supabase, table = 'payments') => supabase.from(table).insert({ amount: 1 })
  const names = (asked) => asked.map(({ dialog }) => dialog)
  const right = { code: '123456' }

  describe('takes the step that the database names', () => {
    test('verify: a code, and the request is sent again', async () => {
      const { stepUp, supabase, asked, requests } = browser(right)
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(asked, [
        {
          dialog: 'code',
          need: { action: 'verify', requiredLevel: 'aal2', maxAge: null, reason: 'level_too_low' },
          factor: { id: 'an app', type: 'totp', name: 'My app' },
          totp: null,
          problem: null,
        },
      ])
      assert.equal(requests.length, 2)
    })

    test('sign in and then verify', async () => {
      const { stepUp, supabase, asked } = browser({ ...right, signIn: { email: 'jane', password: 'right' } }, { signedIn: false, factors: [totp] })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(names(asked), ['signIn', 'code'])
    })

    test('enroll, after an earlier attempt left a factor', async () => {
      const { stepUp, supabase, auth, asked } = browser(right, { factors: [{ ...totp, status: 'unverified' }] })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(auth.calls, ['listFactors', 'unenroll', 'enroll', 'challenge', 'verify'])
      assert.equal(asked[0].totp.secret, 'secret')
    })

    test('a new sign-in where a policy wants one at aal1', async () => {
      const { stepUp, supabase, asked } = browser({ signIn: { email: 'jane', password: 'right' } })
      assert.equal((await stepUp.withStepUp(() => write(supabase, 'logins'))).status, 201)
      assert.deepEqual(
        asked.map(({ dialog, need }) => [dialog, need.action, need.maxAge]),
        [['signIn', 'reverify', 600]],
      )
    })

    test('sign in, if the session has ended meanwhile', async () => {
      const { stepUp, supabase, auth, asked } = browser({ ...right, signIn: { email: 'jane', password: 'right' } })
      const { listFactors } = auth.mfa
      auth.mfa.listFactors = async () => {
        auth.mfa.listFactors = listFactors
        return { data: null, error: Object.assign(new Error(), { name: 'AuthSessionMissingError' }) }
      }
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(names(asked), ['signIn', 'code'])
    })

    test('the step that a server action returned', async () => {
      const { stepUp, supabase, asked } = browser(right)
      const answer = await stepUp.withStepUp(() => orStepUp(() => write(supabase)))
      assert.equal(answer.status, 201)
      assert.deepEqual(names(asked), ['code'])
    })

    test('a thrown refusal', async () => {
      const { stepUp, supabase } = browser(right)
      assert.equal((await stepUp.withStepUp(() => write(supabase).throwOnError())).status, 201)
    })
  })

  describe('sends a request again only if it was refused', () => {
    test('not after another error', async () => {
      const { stepUp, supabase, requests, asked } = browser(right)
      assert.equal((await stepUp.withStepUp(() => supabase.from('secrets').select())).error.code, '42501')
      assert.equal((await stepUp.withStepUp(() => supabase.from('missing').select())).error.code, '42P01')
      assert.equal(requests.length, 2)
      assert.deepEqual(asked, [])
    })

    test('not after a network error', async () => {
      const { stepUp } = browser(right)
      let sent = 0
      const request = async () => {
        sent++
        throw new TypeError('fetch failed')
      }
      await assert.rejects(stepUp.withStepUp(request), { message: 'fetch failed' })
      assert.equal(sent, 1)
    })

    test('and fails nothing that is not refused, where supabase-js knows no user', async () => {
      const { stepUp, supabase, auth, requests } = browser(right)
      auth.getSession = () => Promise.reject(new Error('configured with the accessToken option'))
      assert.equal((await stepUp.withStepUp(() => supabase.from('payments').select())).status, 200)
      await assert.rejects(
        stepUp.withStepUp(() => write(supabase)),
        { message: 'configured with the accessToken option' },
      )
      assert.equal(requests.length, 2)
    })

    test('a refused insert left no row, and the second try leaves one', async () => {
      const { stepUp, supabase, auth } = browser(right)
      await stepUp.withStepUp(() => supabase.from('payments').insert([{ amount: 7 }, { amount: 7 }]))
      const [{ count }] = await database.cluster.query('postgres', 'select count(*)::int from payments where user_id = $1', [auth.user.id])
      assert.equal(count, 2)
    })
  })

  describe('is one for all requests that are refused at the same time', () => {
    test('ten requests, one dialog, each sent twice', async () => {
      const { stepUp, supabase, asked, requests } = browser(right)
      const answers = await Promise.all(Array.from({ length: 10 }, () => stepUp.withStepUp(() => write(supabase))))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
      assert.deepEqual(names(asked), ['code'])
      assert.equal(requests.length, 20)
    })

    test('one that is sent while the dialog is open joins it', async () => {
      const late = []
      const { stepUp, supabase, asked } = browser({
        code: async () => {
          if (late.length === 0) late.push(stepUp.withStepUp(() => write(supabase)))
          await new Promise((resolve) => setTimeout(resolve, 200))
          return '123456'
        },
      })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.equal((await late[0]).status, 201)
      assert.deepEqual(names(asked), ['code'])
    })

    // Sends two requests, and answers the second only when the first one's step-up has ended.
    async function overtaken({ stepUp, supabase }) {
      const first = stepUp.withStepUp(() => write(supabase))
      let tries = 0
      const second = stepUp.withStepUp(async () => {
        const answer = await write(supabase)
        if (tries++ === 0) await first.catch(() => {})
        return answer
      })
      return Promise.allSettled([first, second])
    }

    test('a refusal that arrives after the step-up has ended asks nothing again', async () => {
      const page = browser(right)
      const [first, second] = await overtaken(page)
      assert.deepEqual([first.value.status, second.value.status], [201, 201])
      assert.deepEqual(names(page.asked), ['code'])
    })

    test('a closed dialog settles all of them, and nothing is sent again', async () => {
      const { stepUp, supabase, asked, requests } = browser({ code: undefined })
      const answers = await Promise.all(Array.from({ length: 5 }, () => stepUp.withStepUp(() => write(supabase))))
      assert.deepEqual(new Set(answers.map(({ error }) => error.code)), new Set(['insufficient_aal']))
      assert.equal(asked.length, 1)
      assert.equal(requests.length, 5)
      const page = browser({ code: undefined })
      const late = await overtaken(page)
      assert.deepEqual(
        late.map(({ value }) => value.error.code),
        ['insufficient_aal', 'insufficient_aal'],
      )
      assert.equal(page.asked.length, 1)
    })

    test('after a closed dialog, the next request asks again', async () => {
      const codes = [undefined, '123456']
      const { stepUp, supabase } = browser({ code: () => codes.shift() })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).error.code, 'insufficient_aal')
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
    })

    test('a failure is the failure of all of them', async () => {
      const page = browser(right)
      page.auth.errors.verify = ['over_request_rate_limit']
      const answers = await Promise.allSettled(Array.from({ length: 5 }, () => page.stepUp.withStepUp(() => write(page.supabase))))
      assert.deepEqual(new Set(answers.map(({ reason }) => reason.code)), new Set(['over_request_rate_limit']))
      assert.equal(page.requests.length, 5)
      page.auth.errors.verify = ['over_request_rate_limit']
      const late = await overtaken(page)
      assert.deepEqual(
        late.map(({ reason }) => reason.code),
        ['over_request_rate_limit', 'over_request_rate_limit'],
      )
    })

    test('one that needs an older factor is content with the newest', async () => {
      const { stepUp, supabase, asked } = browser(right)
      const answers = await Promise.all(['payments', 'transfers', 'payments'].map((table) => stepUp.withStepUp(() => write(supabase, table))))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
      assert.deepEqual(names(asked), ['code'])
    })

    test('one that needs another step gets it after the first', async () => {
      let payment
      const { stepUp, supabase, asked, requests } = browser({
        ...right,
        signIn: async () => {
          payment = stepUp.withStepUp(() => write(supabase))
          await new Promise((resolve) => setTimeout(resolve, 200))
          return { email: 'jane', password: 'right' }
        },
      })
      assert.equal((await stepUp.withStepUp(() => write(supabase, 'logins'))).status, 201)
      assert.equal((await payment).status, 201)
      assert.deepEqual(names(asked), ['signIn', 'code'])
      assert.equal(requests.length, 5)
    })

    test('two that need steps which undo each other end', async () => {
      const { stepUp, supabase, asked } = browser({ ...right, signIn: { email: 'jane', password: 'right' } }, { signedIn: false, factors: [totp] })
      const answers = await Promise.all(['payments', 'logins', 'transfers'].map((table) => stepUp.withStepUp(() => write(supabase, table))))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
      assert.deepEqual(names(asked), ['signIn', 'code'])
    })
  })

  describe('comes to an end', () => {
    test('a wrong code is told, and asked for again', async () => {
      const codes = ['000000', '123 456']
      const { stepUp, supabase, asked } = browser({ code: () => codes.shift() })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(
        asked.map(({ problem }) => problem),
        [null, 'wrong'],
      )
    })

    test('giving up after a wrong code returns the refusal', async () => {
      const codes = ['000000', undefined]
      const { stepUp, supabase, requests } = browser({ code: () => codes.shift() })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).error.code, 'insufficient_aal')
      assert.equal(requests.length, 1)
    })

    test('five wrong codes are an error', async () => {
      const { stepUp, supabase, asked } = browser({ code: '000000' })
      await assert.rejects(
        stepUp.withStepUp(() => write(supabase)),
        (error) => error instanceof StepUpError && error.code === 'too_many_tries',
      )
      assert.equal(asked.length, 5)
    })

    test('a wrong password is told, and five are an error', async () => {
      const passwords = ['wrong', 'right']
      const user = { signedIn: false, factors: [totp] }
      const { stepUp, supabase, asked } = browser({ ...right, signIn: () => ({ email: 'jane', password: passwords.shift() }) }, user)
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(
        asked.map(({ wrong }) => wrong),
        [false, true, undefined],
      )
      const other = browser({ signIn: { email: 'jane', password: 'wrong' } }, user)
      await assert.rejects(
        other.stepUp.withStepUp(() => write(other.supabase)),
        { code: 'too_many_tries' },
      )
      assert.equal(other.asked.length, 5)
    })

    test("an expired code of a phone is told, and a new one is sent; an app's challenge is made when the code is there", async () => {
      const page = browser(right, { factors: [phone] })
      page.auth.errors.verify = ['mfa_challenge_expired', 'mfa_verification_failed']
      assert.equal((await page.stepUp.withStepUp(() => write(page.supabase))).status, 201)
      assert.deepEqual(
        page.asked.map(({ problem }) => problem),
        [null, 'expired', 'wrong'],
      )
      assert.deepEqual(page.auth.calls, ['listFactors', 'challenge', 'verify', 'challenge', 'verify', 'verify'])
      const app = browser({ code: undefined })
      await app.stepUp.withStepUp(() => write(app.supabase))
      assert.deepEqual(app.auth.calls, ['listFactors'])
    })

    test('too many SMS, and every other error of Supabase Auth, are an error with its code', async () => {
      for (const [call, code] of [
        ['challenge', 'over_sms_send_rate_limit'],
        ['verify', 'mfa_verification_rejected'],
        ['listFactors', 'request_timeout'],
      ]) {
        const page = browser(right, { factors: [phone] })
        page.auth.errors[call] = [code]
        await assert.rejects(
          page.stepUp.withStepUp(() => write(page.supabase)),
          (error) => error instanceof StepUpError && error.code === code && error.cause.code === code,
        )
        assert.equal(page.requests.length, 1)
      }
    })

    test('a level that no step gives is asked for once', async () => {
      const { stepUp, supabase, asked, requests } = browser(right)
      assert.equal((await stepUp.withStepUp(() => write(supabase, 'vaults'))).error.code, 'insufficient_aal')
      assert.deepEqual(names(asked), ['code'])
      assert.equal(requests.length, 2)
    })

    test('refusals that alternate end, too', async () => {
      const { stepUp, asked } = browser({ ...right, signIn: 'signed_in' })
      let sent = 0
      const detail = { code: 'insufficient_aal', required_aal: 'aal2', current_aal: null, max_age: null }
      const details = () => JSON.stringify({ ...detail, action: sent++ % 2 ? 'verify' : 'sign_in' })
      const answer = await stepUp.withStepUp(async () => ({
        error: { code: 'insufficient_aal', message: 'insufficient_aal: …', details: details() },
      }))
      assert.equal(answer.error.code, 'insufficient_aal')
      assert.deepEqual(names(asked), ['signIn', 'code', 'signIn', 'code'])
      assert.equal(sent, 5)
    })

    test('a token without a level is reported, and a step that is not known', async () => {
      const { stepUp, asked } = browser({ ...right, signIn: 'signed_in' })
      const refusal = (fields) => ({
        error: {
          code: 'insufficient_aal',
          message: 'insufficient_aal: …',
          details: JSON.stringify({ code: 'insufficient_aal', required_aal: 'aal2', current_aal: null, max_age: null, ...fields }),
        },
      })
      await assert.rejects(
        stepUp.withStepUp(async () => refusal({ action: 'configure', reason: 'no_level' })),
        { code: 'no_level' },
      )
      await assert.rejects(
        stepUp.withStepUp(async () => refusal({ action: 'dance' })),
        { code: 'unknown_action' },
      )
      assert.deepEqual(asked, [])
    })
  })

  describe('lets the user choose', () => {
    test('among several factors', async () => {
      const { stepUp, supabase, asked, auth } = browser({ ...right, chooseFactor: ({ factors }) => factors[1] }, { factors: [totp, phone] })
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(names(asked), ['chooseFactor', 'code'])
      assert.equal(asked[1].factor.type, 'phone')
      assert.deepEqual(auth.calls, ['listFactors', 'challenge', 'verify'])
    })

    test('one factor needs no choice, and without the dialog an app comes first', async () => {
      const one = browser({ ...right, chooseFactor: assert.fail })
      assert.equal((await one.stepUp.withStepUp(() => write(one.supabase))).status, 201)
      const two = browser(right, { factors: [phone, totp] })
      assert.equal((await two.stepUp.withStepUp(() => write(two.supabase))).status, 201)
      assert.equal(two.asked[0].factor.type, 'totp')
    })

    test('what to enroll', async () => {
      const { stepUp, supabase, asked, auth } = browser({ ...right, chooseEnrollment: { factorType: 'phone', phone: '+1' } }, {})
      assert.equal((await stepUp.withStepUp(() => write(supabase))).status, 201)
      assert.deepEqual(names(asked), ['chooseEnrollment', 'code'])
      assert.deepEqual(auth.calls, ['listFactors', 'enroll', 'challenge', 'verify'])
    })

    test('not to: each dialog can be closed', async () => {
      for (const [dialogs, session] of [
        [{ chooseFactor: undefined }, { factors: [totp, phone] }],
        [{ chooseEnrollment: undefined }, {}],
        [{ signIn: undefined }, { signedIn: false }],
      ]) {
        const { stepUp, supabase, requests } = browser(dialogs, session)
        assert.equal((await stepUp.withStepUp(() => write(supabase))).error.code, 'insufficient_aal')
        assert.equal(requests.length, 1)
      }
    })
  })

  describe('keeps to the user', () => {
    const signIn = { email: 'joe', password: 'right' }

    test("another user's sign-in sends nothing again", async () => {
      const { stepUp, supabase, requests } = browser({ ...right, signIn })
      await assert.rejects(
        stepUp.withStepUp(() => write(supabase, 'logins')),
        { code: 'other_user' },
      )
      assert.equal(requests.length, 1)
    })

    test('nor the requests that were refused meanwhile', async () => {
      const { stepUp, supabase, requests } = browser({ ...right, signIn })
      const first = stepUp.withStepUp(() => write(supabase, 'logins'))
      const late = stepUp.withStepUp(async () => {
        const answer = await write(supabase, 'logins')
        await first.catch(() => {})
        return answer
      })
      const settled = await Promise.allSettled([first, late])
      assert.deepEqual(
        settled.map(({ reason }) => reason?.code),
        ['other_user', 'other_user'],
      )
      assert.equal(requests.length, 2)
    })

    test('a user who was anonymous, or nobody, may sign in as anybody', async () => {
      const nobody = browser({ ...right, signIn }, { signedIn: false, factors: [totp] })
      assert.equal((await nobody.stepUp.withStepUp(() => write(nobody.supabase))).status, 201)
      const anonymous = browser({ ...right, signIn })
      anonymous.auth.user.is_anonymous = true
      assert.equal((await anonymous.stepUp.withStepUp(() => write(anonymous.supabase, 'logins'))).status, 201)
      assert.equal(anonymous.asked[0].anonymous, true)
    })
  })

  describe('that leaves the page', () => {
    // What sessionStorage is for the tab, this is for the test.
    class Tab extends Map {
      getItem = (key) => this.get(key) ?? null
      setItem = (key, value) => void this.set(key, value)
      removeItem = (key) => void this.delete(key)
    }

    // A user performs an action and leaves for the sign-in. `back` is the page after that, for a session.
    async function left({ session = { signedIn: false, factors: [totp] }, table = 'payments', ...settings } = {}) {
      const storage = new Tab()
      const open = (dialogs, session) => {
        const page = browser(dialogs, session, { storage, actions: { pay: (amount) => page.supabase.from(table).insert({ amount }) }, ...settings })
        return page
      }
      let there = false
      const { stepUp, asked } = open({ signIn: { leave: () => void (there = true) } }, session)
      const answer = await stepUp.perform('pay', 42)
      assert.equal(answer.error.code, 'insufficient_aal')
      assert.ok(there)
      assert.equal(asked.length, 1)
      return { storage, back: (session) => open({ ...right, signIn: { email: 'jane', password: 'right' } }, session) }
    }

    test('keeps the action by name and arguments, and no secrets', async () => {
      const { storage } = await left()
      const [[key, text], ...others] = [...storage]
      assert.deepEqual(others, [])
      assert.equal(key, 'pg_aal.pending')
      const { at, ...kept } = JSON.parse(text)
      assert.deepEqual(kept, { actions: [{ name: 'pay', args: [42] }], user: null })
      assert.ok(Math.abs(Date.now() - at) < 5000)
    })

    test('sends it again once', async () => {
      const { storage, back } = await left()
      const { stepUp, auth } = back({ factors: [totp] })
      const [{ name, args, answer }, ...others] = await stepUp.resume()
      assert.deepEqual([name, args, answer.status, others], ['pay', [42], 201, []])
      assert.deepEqual([...storage], [])
      assert.deepEqual(await stepUp.resume(), [])
      const rows = await database.cluster.query('postgres', 'select amount::int from payments where user_id = $1', [auth.user.id])
      assert.deepEqual(rows, [{ amount: 42 }])
    })

    test('sends it once, even if the page resumes twice at the same time', async () => {
      const { back } = await left()
      const { stepUp } = back({ factors: [totp] })
      const both = await Promise.all([stepUp.resume(), stepUp.resume()])
      assert.deepEqual(
        both.map((resumed) => resumed.length),
        [1, 0],
      )
    })

    const dropped = async ({ stepUp, requests }) => {
      const resumed = await stepUp.resume()
      assert.deepEqual(requests, [])
      assert.deepEqual(await stepUp.resume(), [])
      return resumed.map(({ dropped }) => dropped)
    }

    test('drops it for another user and for nobody, and sends it for the same user', async () => {
      const jane = { user: { id: '11111111-1111-4111-8111-111111111111' }, factors: [totp] }
      const leave = () => left({ session: jane, table: 'logins' })
      assert.deepEqual(await dropped((await leave()).back({ factors: [totp] })), ['other_user'])
      assert.deepEqual(await dropped((await leave()).back({ ...jane, signedIn: false })), ['signed_out'])
      const [{ answer }] = await (await leave()).back(jane).stepUp.resume()
      assert.equal(answer.status, 201)
    })

    test('drops it after its time', async () => {
      const { storage, back } = await left({ pendingMaxAge: 60 })
      const [[key, text]] = [...storage]
      for (const at of [Date.now() - 61_000, Date.now() + 60_000, 'yesterday', null]) {
        storage.set(key, JSON.stringify({ ...JSON.parse(text), at }))
        assert.deepEqual(await dropped(back({ factors: [totp] })), ['too_old'])
      }
    })

    test('drops an action that the page does not have, and what is none', async () => {
      const { storage, back } = await left()
      const [[key, text]] = [...storage]
      for (const name of ['refund', 'toString', '__proto__']) {
        storage.set(key, JSON.stringify({ ...JSON.parse(text), actions: [{ name, args: [] }] }))
        assert.deepEqual(await dropped(back({ factors: [totp] })), ['unknown_action'])
      }
      for (const junk of ['', 'null', '{}', '[]', '{"actions":1}', '{"actions":[1,null,{"name":"pay"},{"name":1,"args":[]}]}', 'not JSON']) {
        storage.set(key, junk)
        assert.deepEqual(await dropped(back({ factors: [totp] })), [])
      }
    })

    test('keeps all actions that wait, and none if the page could not be left', async () => {
      const storage = new Tab()
      const page = browser({}, { signedIn: false })
      const leave = () => {}
      const actions = { pay: (amount) => page.supabase.from('payments').insert({ amount }) }
      const stepUp = new StepUp({ auth: page.auth }, { signIn: async () => ({ leave }) }, { storage, actions })
      await Promise.all([stepUp.perform('pay', 1), stepUp.perform('pay', 2), stepUp.withStepUp(() => write(page.supabase))])
      const kept = JSON.parse(storage.get('pg_aal.pending')).actions
      assert.deepEqual(kept.map(({ args }) => args[0]).sort(), [1, 2])
      const blocked = new StepUp(
        { auth: page.auth },
        { signIn: async () => ({ leave: () => Promise.reject(new Error('blocked')) }) },
        { storage, actions },
      )
      await assert.rejects(blocked.perform('pay', 1), { message: 'blocked' })
      assert.deepEqual([...storage], [])
    })

    test('a closed dialog keeps nothing', async () => {
      const storage = new Tab()
      const page = browser({ signIn: undefined }, { signedIn: false }, { storage, actions: { pay: () => write(page.supabase) } })
      await page.stepUp.perform('pay')
      assert.deepEqual([...storage], [])
    })
  })
})
