// The browser of this machine.

import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome']
const executablePath = process.env.PATH.split(':')
  .flatMap((folder) => names.map((name) => `${folder}/${name}`))
  .find(existsSync)

// Why tests that need it are skipped, or false.
export const skip = executablePath ? false : `no browser here: none of ${names.join(', ')} is in PATH`

export const launch = () => chromium.launch({ executablePath })
