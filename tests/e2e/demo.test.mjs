// KEEP=1 make demo leaves everything running, and prints lines that can be pasted into a shell. They are run here as they stand.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const repo = fileURLToPath(new URL('../../', import.meta.url))

describe('KEEP=1 make demo', () => {
  let lines, stop
  before(async () => {
    const { stdout } = await promisify(execFile)('node', ['examples/demo/demo.mjs'], { cwd: repo, env: { ...process.env, KEEP: '1' } })
    // The lines for a shell aren't indented.
    lines = stdout.split('\n').filter((line) => /^\S/.test(line))
    stop = lines.find((line) => line.startsWith('pgrx-config/cluster.sh stop '))
  })
  after(() => stop && execFileSync('bash', ['-c', stop], { cwd: repo }))

  // Pastes a line below the two tokens.
  const paste = async (line) => (await promisify(execFile)('bash', ['-c', [...lines.slice(0, 2), line].join('\n')], { cwd: repo })).stdout

  test('prints a token of each level', () => {
    const levels = lines.slice(0, 2).map((line) => {
      const [name, token] = line.split('=')
      return [name, JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).aal]
    })
    assert.deepEqual(levels, [
      ['AAL1', 'aal1'],
      ['AAL2', 'aal2'],
    ])
  })

  test('prints requests: a read, a write that is refused, and one that is not', async () => {
    const requests = lines.filter((line) => line.startsWith('curl '))
    const answers = []
    for (const request of requests) answers.push(await paste(request))
    const statuses = answers.map((answer) => answer.match(/^HTTP\S+ (\d+)/)[1])
    assert.deepEqual(statuses, ['200', '401', '204'], answers.join('\n'))
    assert.match(answers[1], /WWW-Authenticate: Bearer error="insufficient_user_authentication"/i)
  })

  test('prints how to look into the database', async () => {
    const psql = lines.find((line) => line.includes('/bin/psql '))
    assert.equal(await paste(psql + " -Atc 'select amount from payments where id = 2'"), '800\n')
  })

  test('prints how to end it', async () => {
    await paste(stop)
    const psql = lines.find((line) => line.includes('/bin/psql '))
    stop = undefined
    await assert.rejects(paste(psql + " -c 'select 1'"))
  })
})
