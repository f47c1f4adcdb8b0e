// Scripts say how they are used, and a wrong call does nothing. make names the Postgres majors that it takes, before it installs
// anything.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const repo = fileURLToPath(new URL('../../', import.meta.url))
const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: repo, encoding: 'utf8' })
const isScript = (file) => /\.(sh|mjs)$/.test(file) && existsSync(repo + file) && readFileSync(repo + file, 'utf8').startsWith('#!')
const scripts = listed.split('\n').filter(isScript)

// In their place something that writes down that it was called.
const installers = ['apt-get', 'sudo', 'pip', 'npm', 'cargo', 'curl', 'wget']

describe('scripts', () => {
  let folder, calls
  before(() => {
    folder = mkdtempSync(tmpdir() + '/scripts.')
    calls = folder + '/calls'
    mkdirSync(folder + '/bin')
    for (const name of installers) {
      writeFileSync(`${folder}/bin/${name}`, `#!/bin/sh\necho ${name} "$@" >> ${calls}\nexit 1\n`)
      chmodSync(`${folder}/bin/${name}`, 0o755)
    }
  })
  after(() => rmSync(folder, { recursive: true }))

  // Runs a command that must install nothing.
  function run(command, args) {
    const env = { ...process.env, PATH: `${folder}/bin:${process.env.PATH}`, PG_AAL_CACHE: folder + '/cache' }
    for (const name of ['PG', 'MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'AAL_PG_CONFIG']) delete env[name]
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: repo, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    assert.equal(existsSync(calls) ? readFileSync(calls, 'utf8') : '', '', `${command} ${args.join(' ')} installs nothing`)
    return { status, stdout, stderr }
  }

  test('there are scripts', () => {
    for (const script of ['pgrx-config/setup.sh', 'pgrx-config/lint/sql.mjs', 'tests/run.sh', 'crates/bench/run.sh']) {
      assert.ok(scripts.includes(script), script)
    }
  })

  for (const script of scripts) {
    test(`${script} says how it is used`, () => {
      const help = run(repo + script, ['--help'])
      assert.deepEqual({ ...help, stdout: help.stdout.split(/[ \n]/).slice(0, 2) }, { status: 0, stdout: ['usage:', basename(script)], stderr: '' })
      assert.deepEqual(run(repo + script, ['-h']), help)
      const wrong = run(repo + script, ['--no-such-option'])
      assert.equal(wrong.status, 2, wrong.stderr)
      assert.ok(wrong.stderr.endsWith(help.stdout) || /name 15, 16, 17 or 18\n$/.test(wrong.stderr), wrong.stderr)
    })
  }

  for (const call of ['pgrx-config/build.sh', 'pgrx-config/build.sh 15 fast', 'pgrx-config/build.sh 15 debug more', 'pgrx-config/setup.sh'])
    wrong(call)
  for (const call of ['pgrx-config/setup.sh 15 16', 'pgrx-config/cluster.sh', 'pgrx-config/cluster.sh start', 'pgrx-config/cluster.sh stop'])
    wrong(call)
  for (const call of ['pgrx-config/install.sh', 'pgrx-config/install.sh /no/pg_config', 'pgrx-config/lint.sh', 'pgrx-config/format.sh all'])
    wrong(call)
  for (const call of ['tests/pg_regress/run.sh', 'tests/pg_regress/run.sh 15 no_such_test', 'crates/bench/run.sh 15', 'crates/aal/fuzz/run.sh'])
    wrong(call)
  for (const call of ['crates/aal/fuzz/run.sh soon', 'crates/aal/fuzz/run.sh 1 no_such_target', 'pgrx-config/lint/sql.mjs']) wrong(call)

  function wrong(call) {
    test(`${call} is a wrong call`, () => {
      const [script, ...args] = call.split(' ')
      const { status, stdout, stderr } = run(repo + script, args)
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' })
      assert.ok(stderr.endsWith(run(repo + script, ['--help']).stdout), stderr)
    })
  }

  for (const call of ['demo PG=99', 'test PG=99', 'test PG="15 99"', 'bench PG=99', 'lint PG=99', 'package PG=99', 'demo PG=99 KEEP=1']) {
    test(`make ${call} names the majors in one line`, () => {
      const { status, stdout, stderr } = run('bash', ['-c', `make --no-print-directory ${call}`])
      const said = stderr.split('\n').filter((line) => line && !line.startsWith('make: '))
      assert.deepEqual({ status, stdout, said }, { status: 2, stdout: '', said: ["error: pg_aal doesn't know Postgres 99: name 15, 16, 17 or 18"] })
    })
  }

  test('make install refuses the server of another major', () => {
    const config = folder + '/pg_config'
    writeFileSync(config, '#!/bin/sh\necho PostgreSQL 14.9\n')
    chmodSync(config, 0o755)
    const { status, stderr } = run('make', ['install', 'PG_CONFIG=' + config])
    assert.equal(status, 2)
    assert.match(stderr, /^error: pg_aal doesn't know Postgres 14: name 15, 16, 17 or 18\n/)
  })

  test('the majors are those of Cargo.toml', () => {
    const features = [...readFileSync(repo + 'Cargo.toml', 'utf8').matchAll(/^pg(\d+) = /gm)].map(([, major]) => major)
    const majors = readFileSync(repo + 'pgrx-config/versions.env', 'utf8').match(/^POSTGRES_MAJORS="(.*)"$/m)[1]
    assert.equal(majors, features.join(' '))
  })
})
