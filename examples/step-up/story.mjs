// What people do on the page, in a browser: the demo prints the steps, and the tests check them. Each leaves a picture.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AuthenticatorApp } from '../../tests/codes.mjs'
import { launch } from '../../tests/e2e/chromium.mjs'
import { supabaseUser, users } from './bank.mjs'

const pictures = new URL('../../target/step-up/', import.meta.url)
const phone = { width: 390, height: 780 }
// Long enough to come back from the provider on a busy machine.
const shortAge = 15

export class Scene {
  static async open(bank) {
    const scene = new Scene()
    // Tests run the majors of Postgres side by side.
    const folder = fileURLToPath(new URL(`${bank.kind}-pg${process.env.PG ?? 15}/`, pictures))
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    Object.assign(scene, { bank, folder, taken: 0, foreign: [], refusals: [], problems: [] })
    scene.browser = await launch()
    scene.context = await scene.browser.newContext({ viewport: phone })
    scene.context.setDefaultTimeout(30_000)
    scene.context.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url())
      if (protocol !== 'data:' && hostname !== '127.0.0.1') scene.foreign.push(request.url())
    })
    scene.context.on('response', async (response) => {
      const challenge = response.status() === 401 && (await response.headerValue('www-authenticate').catch(() => null))
      if (challenge) scene.refusals.push(challenge)
    })
    scene.tab = await scene.newTab()
    return scene
  }

  async newTab() {
    const tab = await this.context.newPage()
    tab.on('pageerror', (error) => this.problems.push(error))
    await tab.goto(this.bank.url)
    return tab
  }

  async close() {
    await this.browser?.close()
  }

  async picture(name, tab = this.tab) {
    this.taken++
    await tab.screenshot({ path: `${this.folder}/${String(this.taken).padStart(2, '0')}-${name}.png`, fullPage: true })
    // Readable at the width of a phone: nothing is wider.
    if (tab.url().startsWith(this.bank.url)) assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name)
  }

  // At the provider: fills in the form for the password.
  async typePassword({ username, password }, tab = this.tab) {
    await tab.locator('#password').waitFor()
    if (await tab.locator('#username').isVisible()) await tab.locator('#username').fill(username)
    await tab.locator('#password').fill(password)
    await tab.locator('#kc-login').click()
  }

  // At the provider: types a code.
  async typeCode(app, tab = this.tab) {
    const field = tab.locator('#otp, #totp')
    await field.waitFor()
    await field.fill(await app.code())
    await tab.locator('#kc-login, #saveTOTPBtn').click()
  }

  async signIn(user, tab = this.tab) {
    await tab.getByRole('button', { name: 'Sign in' }).click()
    await this.typePassword(user, tab)
    await tab.locator('#pay').waitFor()
  }

  async signOut(tab = this.tab) {
    await tab.getByRole('button', { name: 'Sign out' }).click()
    await tab.getByRole('button', { name: 'Sign in' }).waitFor()
  }

  async pressPay(payee, amount, tab = this.tab) {
    await tab.getByLabel('To', { exact: true }).fill(payee)
    await tab.getByLabel('Amount', { exact: true }).fill(String(amount))
    await tab.getByRole('button', { name: 'Pay', exact: true }).click()
  }

  // Waits until the page says this, at the start of its message.
  async says(text, tab = this.tab) {
    await tab.getByRole('status').filter({ hasText: text }).waitFor()
  }

  async paid(user, ...payees) {
    const rows = await this.bank.payments(user)
    assert.deepEqual(
      rows.map(({ payee }) => payee),
      payees,
    )
  }

  challenge() {
    return this.refusals.at(-1)
  }
}

const { jane, joe } = users
const janesApp = new AuthenticatorApp(jane.secret)

const withProvider = [
  {
    name: 'Jane signs in with her password, sees her payments, and is told which buttons need a second step',
    async run(scene) {
      await scene.picture('before')
      await scene.signIn(jane)
      assert.deepEqual(await scene.tab.locator('#list li span:first-child').allTextContents(), ['Bakery', 'Landlord'])
      const note = 'You will be asked for a second step: a code from your authenticator app, unless you typed one in the last 15 minutes.'
      assert.equal(await scene.tab.locator('#pay-note').textContent(), note)
      assert.equal(await scene.tab.getByRole('button', { name: 'Delete Bakery' }).getAttribute('aria-label'), `Delete Bakery, 25. ${note}`)
      await scene.picture('payments')
    },
  },
  {
    name: 'a second tab is signed in without asking',
    async run(scene) {
      scene.second = await scene.newTab()
      await scene.second.getByRole('button', { name: 'Sign in' }).click()
      await scene.second.locator('#pay').waitFor()
    },
  },
  {
    name: 'she presses Pay, is refused with the challenge, types a code, and the payment is done once',
    async run(scene) {
      await scene.pressPay('Florist', 50)
      await scene.tab.locator('#otp').waitFor()
      assert.match(scene.challenge(), /^Bearer error="insufficient_user_authentication", .*acr_values="aal2", max_age="900"/)
      await scene.paid(jane, 'Bakery', 'Landlord')
      await scene.picture('code')
      await scene.typeCode(janesApp)
      await scene.says('Done: pay 50 to Florist.')
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist')
      await scene.picture('paid')
      await scene.tab.reload()
      await scene.tab.locator('#pay').waitFor()
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist')
    },
  },
  {
    name: 'the next payment needs no further step, and the page says so',
    async run(scene) {
      assert.equal(await scene.tab.locator('#pay-note').textContent(), 'No second step is needed now.')
      await scene.pressPay('Grocer', 20)
      await scene.says('Done: pay 20 to Grocer.')
      await scene.tab.getByRole('button', { name: 'Delete Grocer' }).click()
      await scene.says('Done: delete the payment of 20 to Grocer.')
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist')
    },
  },
  {
    name: 'in the second tab, whose token is older, the step is taken without typing',
    async run(scene) {
      const refusals = scene.refusals.length
      await scene.pressPay('Baker', 3, scene.second)
      await scene.says('Done: pay 3 to Baker.', scene.second)
      assert.equal(scene.refusals.length, refusals + 1)
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist', 'Baker')
      await scene.picture('second-tab', scene.second)
    },
  },
  {
    name: 'a code that is too old: she proves it anew, and the payment is done',
    async run(scene) {
      scene.bank.setMaxAge(`${shortAge} seconds`)
      await new Promise((resolve) => setTimeout(resolve, (shortAge + 1) * 1000))
      await scene.tab.reload()
      await scene.pressPay('Plumber', 70)
      await scene.typePassword(jane)
      assert.match(
        scene.challenge(),
        new RegExp(`error_description="More recent authentication is required", acr_values="aal2", max_age="${shortAge}"`),
      )
      await scene.typeCode(janesApp)
      await scene.says('Done: pay 70 to Plumber.')
      await scene.picture('again')
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist', 'Baker', 'Plumber')
    },
  },
  {
    name: 'she comes back without the step: nothing is paid, and she is asked what to do',
    async run(scene) {
      await new Promise((resolve) => setTimeout(resolve, (shortAge + 1) * 1000))
      await scene.pressPay('Regretted', 1)
      await scene.tab.locator('#password').waitFor()
      await scene.tab.goBack()
      await scene.tab.getByRole('heading', { name: 'Not done yet' }).waitFor()
      assert.equal(await scene.tab.locator('#waiting-what').textContent(), 'You wanted to pay 1 to Regretted. It needs a second step.')
      await scene.picture('cancelled')
      await scene.tab.getByRole('button', { name: 'Discard' }).click()
      await scene.says('Discarded: pay 1 to Regretted.')
      await scene.tab.reload()
      await scene.tab.locator('#pay').waitFor()
      assert.ok(await scene.tab.locator('#waiting').isHidden())
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist', 'Baker', 'Plumber')
    },
  },
  {
    name: 'she cancels at the provider: nothing is paid',
    only: 'stand-in',
    async run(scene) {
      await scene.pressPay('Regretted', 1)
      await scene.tab.locator('#cancel').click()
      await scene.says('Not done: pay 1 to Regretted. The second step was cancelled.')
      await scene.paid(jane, 'Bakery', 'Landlord', 'Florist', 'Baker', 'Plumber')
    },
  },
  {
    name: 'she signs out, and the other tab is signed out, too',
    async run(scene) {
      scene.bank.setMaxAge('15 minutes')
      await scene.signOut()
      await scene.second.getByRole('button', { name: 'Sign in' }).waitFor()
      // A step that was begun and left may stay: it holds no token, and no action.
      const kept = () => Object.values(sessionStorage).filter((value) => /access_token|pay/.test(value.replaceAll(/payments-(page|api)/g, '')))
      for (const tab of [scene.tab, scene.second]) assert.deepEqual(await tab.evaluate(kept), [])
      await scene.second.close()
      await scene.picture('signed-out')
    },
  },
  {
    name: 'Joe has no second factor: he enrolls one on the way, from a picture, and his payment is done',
    async run(scene) {
      await scene.signIn(joe)
      await scene.pressPay('Garage', 80)
      await scene.tab.locator('#otp, #totp').waitFor()
      scene.joesApp = await appFromKey(scene)
      await scene.typeCode(scene.joesApp)
      await scene.says('Done: pay 80 to Garage.')
      await scene.paid(joe, 'Bookshop', 'Garage')
    },
  },
  {
    name: 'Joe forgot his password: the link in a mail gives him a new one, and no second factor',
    only: 'keycloak',
    async run(scene) {
      await scene.signOut()
      await scene.tab.getByRole('button', { name: 'Sign in' }).click()
      await scene.tab.getByRole('link', { name: 'Forgot Password?' }).click()
      await scene.tab.locator('#username').fill(joe.username)
      await scene.tab.locator('[type=submit]').click()
      await scene.tab.goto(await scene.bank.outbox.link())
      await scene.tab.locator('#password-new').fill('a new password')
      await scene.tab.locator('#password-confirm').fill('a new password')
      await scene.picture('new-password')
      await scene.tab.locator('[type=submit]').first().click()
      await scene.tab.waitForLoadState()
      await scene.tab.goto(scene.bank.url)
      await scene.signIn({ ...joe, password: 'a new password' })
      await scene.pressPay('Dentist', 90)
      await scene.tab.locator('#otp').waitFor()
      await scene.paid(joe, 'Bookshop', 'Garage')
      await scene.typeCode(scene.joesApp)
      await scene.says('Done: pay 90 to Dentist.')
    },
  },
]

// At Supabase Auth, whose page has dialogs.
const withSupabase = [
  {
    name: 'Jane signs in with her password, and sees her payments',
    async run(scene) {
      await scene.tab.getByRole('button', { name: 'Sign in' }).click()
      await scene.tab.getByLabel('E-mail').fill(supabaseUser.email)
      await scene.tab.getByLabel('Password').fill('wrong')
      await scene.tab.getByRole('button', { name: 'Go on' }).click()
      await scene.tab.getByRole('alert').filter({ hasText: 'Invalid login credentials' }).waitFor()
      await scene.picture('sign-in')
      await scene.tab.getByLabel('Password').fill(supabaseUser.password)
      await scene.tab.getByRole('button', { name: 'Go on' }).click()
      await scene.tab.locator('#pay').waitFor()
      assert.deepEqual(await scene.tab.locator('#list li span:first-child').allTextContents(), ['Bakery'])
    },
  },
  {
    name: 'she presses Pay, and closes the dialog: nothing is paid',
    async run(scene) {
      await scene.pressPay('Florist', 50)
      await scene.tab.getByRole('button', { name: 'Cancel' }).click()
      await scene.says('Not done: pay 50 to Florist. The second step was cancelled.')
      await scene.paid(supabaseUser, 'Bakery')
    },
  },
  {
    name: 'she presses Pay, enrolls an app from a picture, types its code, and the payment is done once',
    async run(scene) {
      await scene.pressPay('Florist', 50)
      const picture = scene.tab.getByAltText('QR code for your authenticator app')
      await picture.waitFor()
      assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 100)))
      await scene.picture('enroll')
      const text = await scene.tab.getByText('Scan the picture').textContent()
      await scene.tab.getByRole('textbox', { name: 'Code' }).fill(await AuthenticatorApp.enroll(text.split(': ')[1]).code())
      await scene.tab.getByRole('button', { name: 'Go on' }).click()
      await scene.says('Done: pay 50 to Florist.')
      await scene.paid(supabaseUser, 'Bakery', 'Florist')
      assert.equal(await scene.tab.locator('#pay-note').textContent(), 'No second step is needed now.')
      await scene.picture('paid')
    },
  },
  {
    name: 'she signs out',
    run: (scene) => scene.signOut(),
  },
]

const noRequestLeft = {
  name: 'no request left this machine, and no script failed',
  async run(scene) {
    assert.deepEqual([scene.foreign, scene.problems], [[], []])
  },
}

// The steps of a kind of provider.
export function storyOf(kind) {
  if (kind === 'supabase') return [...withSupabase, noRequestLeft]
  return [...withProvider.filter(({ only }) => !only || only === kind), noRequestLeft]
}

// An app with the key that the provider shows to a user who enrolls. Keycloak's comes as a picture, and as letters on demand.
async function appFromKey(scene) {
  if (scene.bank.kind === 'keycloak') {
    const picture = scene.tab.locator('#kc-totp-secret-qr-code')
    await picture.waitFor()
    assert.ok(await picture.evaluate((image) => image.naturalWidth > 100))
    await scene.picture('enroll')
    await scene.tab.locator('#mode-manual').click()
  } else await scene.picture('enroll')
  return AuthenticatorApp.enroll(await scene.tab.locator('#kc-totp-secret-key, #key').textContent())
}
