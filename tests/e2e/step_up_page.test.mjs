// The page of examples/step-up in Chromium: at npm's oidc-provider, and at a real Keycloak and a real Supabase Auth server
// where they are there.
// Pictures of the steps: target/step-up/.

import { after, before, describe, test } from 'node:test'
import { Bank } from '../../examples/step-up/bank.mjs'
import { Scene, storyOf } from '../../examples/step-up/story.mjs'
import { skip as withoutKeycloak } from '../keycloak.mjs'
import { skip as withoutBrowser } from './chromium.mjs'
import { skip as withoutSupabase } from './supabase_auth.mjs'

const kinds = {
  'stand-in': ['oidc-provider', withoutBrowser],
  keycloak: ['Keycloak', withoutBrowser || withoutKeycloak],
  supabase: ['Supabase Auth', withoutBrowser || withoutSupabase],
}

for (const [kind, [provider, skip]] of Object.entries(kinds)) {
  describe(`the page, with ${provider}`, { skip }, () => {
    let bank, scene, failed
    before(async () => {
      bank = await Bank.start(kind)
      scene = await Scene.open(bank)
    })
    after(async () => {
      await scene?.close()
      bank?.stop()
    })
    // A story: after a step that failed, the next make no sense.
    for (const { name, run } of storyOf(kind)) {
      test(name, async (t) => {
        if (failed) return t.skip(`after "${failed}"`)
        failed = name
        await run(scene)
        failed = undefined
      })
    }
  })
}
