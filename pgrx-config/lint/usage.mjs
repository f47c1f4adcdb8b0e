// How a script is used, as its head says: printed for --help, and for a wrong call, which ends with status 2.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

// The arguments of the script that is run, if `isRight` finds them so.
export function checkedArguments(script, isRight) {
  const given = process.argv.slice(2)
  if (given.includes('-h') || given.includes('--help')) {
    console.log(usage(script))
    process.exit(0)
  }
  if (!isRight(given)) {
    console.error(usage(script))
    process.exit(2)
  }
  return given
}

function usage(script) {
  const file = fileURLToPath(script)
  const head = readFileSync(file, 'utf8').match(/^\/\/ usage: .*\n(?:\/\/.*\n)*/m)
  return head ? head[0].trimEnd().replace(/^\/\/ /gm, '') : `usage: ${basename(file)}`
}
