// The code of docs/guide.md and of the client module's README: the Next.js app type-checks as it stands there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const repo = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(repo + 'docs/guide.md', 'utf8')
const packages = fileURLToPath(new URL('next_app/', import.meta.url))
const tsc = repo + 'clients/js/node_modules/typescript/bin/tsc'

// The blocks of the page that begin with a file's name: [name, code].
const files = [...guide.matchAll(/```tsx?\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name, code]) => [name, code])

// As create-next-app writes it.
const tsconfig = {
  compilerOptions: {
    target: 'ES2017',
    lib: ['dom', 'dom.iterable', 'esnext'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    esModuleInterop: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: 'preserve',
    paths: { '@/*': ['./*'] },
  },
  include: ['**/*.ts', '**/*.tsx'],
  exclude: ['node_modules'],
}

// Writes the app to a new folder, installs the client module and checks the types. change: what a test changes in a file.
function check(change = (name, code) => code) {
  const folder = mkdtempSync(packages + 'app-')
  try {
    // As npm pack has it. A link would have supabase-js' types twice.
    for (const name of ['package.json', 'dist'])
      cpSync(`${repo}clients/js/${name}`, `${folder}/node_modules/pg-aal-client/${name}`, { recursive: true })
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    writeFileSync(join(folder, 'next-env.d.ts'), '/// <reference types="next" />\n')
    for (const [name, code] of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), change(name, code))
    }
    return execFileSync('node', [tsc, '--project', folder], { encoding: 'utf8' })
  } catch (error) {
    return error.stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("the guide's Next.js app has every file, and its types are right", () => {
  assert.deepEqual(
    files.map(([name]) => name),
    [
      'lib/browser.ts',
      'lib/server.ts',
      'app/actions.ts',
      'components/step-up.tsx',
      'app/page.tsx',
      'app/auth/callback/route.ts',
      'app/api/payments/[id]/route.ts',
    ],
  )
  assert.equal(check(), '')
})

test('a mistake in it would be found', () => {
  const mistake = check((name, code) =>
    name === 'app/page.tsx' ? code.replace("perform('deletePayment', id)", "perform('deletePayments', id)") : code,
  )
  assert.match(mistake, /app\/page\.tsx.*error TS2345.*deletePayments/)
})
