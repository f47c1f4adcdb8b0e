// make demo-oidc: walks through the step-up of RFC 9470 in a browser, at a real OpenID provider. Exits with 1 if any step
// isn't as it should be. KEEP=1 leaves everything running for a person, until Ctrl-C.

import { once } from 'node:events'
import { relative } from 'node:path'
import { AuthenticatorApp } from '../../tests/codes.mjs'
import { skip as withoutBrowser } from '../../tests/e2e/chromium.mjs'
import { Bank, supabaseUser, users } from './bank.mjs'
import { Scene, storyOf } from './story.mjs'

// Supabase Auth where it is named; else Keycloak, or where that can't be had the stand-in.
async function open() {
  if (process.env.SUPABASE_AUTH) return Bank.start('supabase')
  if (process.env.PROVIDER !== 'stand-in') {
    try {
      return await Bank.start('keycloak')
    } catch (error) {
      console.error(`\n  Keycloak can't be had here: ${String(error.message).split('\n')[0]}`)
    }
  }
  return Bank.start('stand-in')
}

const provider = { keycloak: 'Keycloak', supabase: 'Supabase Auth', 'stand-in': "npm's oidc-provider, which stands in for Keycloak" }

async function walk(bank) {
  const steps = storyOf(bank.kind)
  const scene = await Scene.open(bank)
  const folder = relative(process.cwd(), scene.folder)
  try {
    for (const { name, run } of steps) {
      await run(scene)
      console.log(`  ✓ ${name}`)
    }
    console.log(`\n  all ${steps.length} steps are as they should be; pictures: ${folder}/\n`)
  } finally {
    await scene.close()
  }
}

async function keep(bank) {
  const app = new AuthenticatorApp(users.jane.secret)
  const people =
    bank.kind === 'supabase'
      ? `${supabaseUser.email}, "${supabaseUser.password}", has no authenticator app: use one of your own.`
      : `jane, "${users.jane.password}", has an authenticator app. Press Enter here for its code.
    joe, "${users.joe.password}", has none: use one of your own.
    Mails to them are printed here.`
  console.log(`  It is all there for you, until Ctrl-C: ${bank.url}
    ${people}
    ${bank.cluster.folder}/bin/psql -h ${bank.cluster.folder}/socket -U postgres bank\n`)
  if (bank.outbox) bank.outbox.onMail = (mail) => console.log(mail)
  process.stdin.on('data', () => console.log(`    jane's code: ${app.at(Date.now())}`))
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)))
}

let bank
let failed = false
try {
  bank = await open()
  console.log(`\n  The provider is ${provider[bank.kind]}.\n`)
  if (process.env.KEEP) await keep(bank)
  else if (withoutBrowser) throw new Error(withoutBrowser)
  else await walk(bank)
} catch (error) {
  failed = true
  console.error(error)
} finally {
  bank?.stop()
}
process.exit(failed ? 1 : 0)
