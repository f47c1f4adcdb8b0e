// Runs random queries in each variant, and tells whether the answers are equal. See random_queries.test.mjs.

import { readFileSync } from 'node:fs'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { Choices, fewest, numbersFrom, smallestSequence } from './random_choices.mjs'
import { users, variants as usual, written } from './random_expression.mjs'
import { QueryWriter } from './random_query.mjs'
import { World } from './random_world.mjs'

export const major = Number(process.env.PG ?? '15')
const shrinkingTime = Number(process.env.SHRINK ?? 120) * 1000

// How long ago factors were verified: an age that no query's max_age is near to, as long as the test runs.
const now = Math.floor(Date.now() / 1000)
const hours = 3600
const amr = (second, age) => [{ method: 'password', timestamp: now - 40 * 24 * hours }, ...(second ? [{ method: second, timestamp: now - age }] : [])]
// Some sessions are live: see random_queries.sql.
const claims = (sub, aal, second, age) =>
  JSON.stringify({ sub, aal, role: 'authenticated', n: 1, amr: amr(second, age), session_id: `5${aal.at(-1)}${sub.slice(2)}` })
const sessions = [
  { rank: 1, claims: claims(users.enrolled, 'aal1') },
  { rank: 2, claims: claims(users.enrolled, 'aal2', 'totp', 60) },
  { rank: 0, claims: '' },
  { rank: 2, claims: claims(users.enrolled, 'aal2', 'totp', 8 * 24 * hours) },
  { rank: 1, claims: claims(users.factorless, 'aal1') },
  { rank: 3, claims: claims(users.factorless, 'aal3', 'mfa/webauthn', 60) },
  { rank: 1, claims: claims('x', 'aal1') },
  { rank: 0, claims: '{"role": "anon"}' },
]

// What the planner and the executor may be told. Each is used only where the server has it.
const switches = [
  'hashjoin',
  'mergejoin',
  'nestloop',
  'memoize',
  'material',
  'hashagg',
  'sort',
  'seqscan',
  'indexscan',
  'bitmapscan',
  'indexonlyscan',
  'incremental_sort',
  'gathermerge',
  'parallel_append',
  'parallel_hash',
  'partition_pruning',
  'presorted_aggregate',
  'group_by_reordering',
  'distinct_reordering',
  'self_join_elimination',
  'async_append',
]
const parallel = [
  'parallel_setup_cost = 0',
  'parallel_tuple_cost = 0',
  'min_parallel_table_scan_size = 0',
  'min_parallel_index_scan_size = 0',
  'max_parallel_workers_per_gather = 2',
]

export class Laboratory {
  variants = usual

  static async start() {
    const laboratory = new Laboratory()
    laboratory.cluster = new Cluster()
    try {
      for (const file of ['../supabase_stand_in.sql', 'random_queries.sql']) {
        laboratory.cluster.psql('postgres', readFileSync(new URL(file, import.meta.url), 'utf8'))
      }
      await laboratory.connect()
      const { rows } = await laboratory.client.query("select name from pg_settings where name like 'enable_%'")
      laboratory.switches = switches.filter((name) => rows.some(([known]) => known === `enable_${name}`))
      laboratory.hasJit = (await laboratory.client.query('begin; set local jit = on; select pg_jit_available(); rollback'))[2].rows[0][0] === 't'
    } catch (error) {
      laboratory.cluster.stop()
      throw error
    }
    return laboratory
  }

  // What the server's log says that no query should lead to.
  get complaints() {
    return this.cluster
      .log()
      .split('\n')
      .filter((line) => /PANIC|TRAP|terminated by signal|WARNING: .*(leak|still referenced|not closed)|panicked/.test(line))
  }

  async stop() {
    await this.disconnect()
    this.cluster.stop()
  }

  // Also waits for a server that starts anew after a crash.
  async connect() {
    for (let tries = 0; ; tries++) {
      try {
        await this.disconnect()
        this.client = await this.session()
        this.other = await this.session()
        return
      } catch (error) {
        if (tries > 100) throw error
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  async session() {
    const client = new pg.Client({ ...this.cluster.connection, database: 'postgres', types: { getTypeParser: () => (value) => value } })
    client.on('error', () => {})
    await client.connect()
    await client.query('set client_min_messages = error; set jit = off; set statement_timeout = 10000; set max_parallel_workers_per_gather = 0')
    return { query: (text) => client.query({ text, rowMode: 'array' }), end: () => client.end() }
  }

  async disconnect() {
    for (const client of [this.client, this.other]) await client?.end().catch(() => {})
  }

  // Makes a world in each variant, from its statements.
  async create(statements) {
    for (const variant of Object.values(this.variants)) await this.client.query(worldSql(statements, variant))
  }

  async drop() {
    await this.client.query(
      Object.values(this.variants)
        .map(({ schema }) => `drop schema if exists ${schema} cascade`)
        .join('; '),
    )
  }

  // What a variant answers: rows, or an error.
  async answer(query, variant) {
    try {
      const results = [await this.run(query, variant)].flat()
      return { results: results.filter(({ command }) => compared.includes(command)).map((result) => shown(result, query)) }
    } catch (error) {
      if (!error.code || error.severity === 'FATAL' || error.code.startsWith('E')) {
        await this.connect()
        return { error: 'crash', message: error.message }
      }
      await this.client.query('rollback; deallocate all')
      return { error: error.code, message: error.message }
    }
  }

  async run(query, variant) {
    const script = query.script(variant)
    return query.meanwhile ? this.runMeanwhile(script, query.meanwhile, variant) : this.client.query(script)
  }

  // Runs a script while another session changes rows of a table, and puts them back.
  async runMeanwhile(script, { table, change }, { schema }) {
    const { other } = this
    await other.query(`set search_path = ${schema}; create temp table before as table ${table}; begin; ${change}`)
    let ended = false
    const running = this.client.query(script).finally(() => (ended = true))
    running.catch(() => {})
    // Until it waits for a row that the other session has changed, or ends without having had to: anything else would be chance.
    const waits = async () => (await other.query("select from pg_locks where not granted and locktype in ('transactionid', 'tuple')")).rowCount > 0
    while (!ended && !(await waits())) await new Promise((resolve) => setTimeout(resolve, 2))
    await other.query('commit')
    try {
      return await running
    } finally {
      await other.query(`delete from ${table}; insert into ${table} table before; drop table before`).catch(() => {})
    }
  }

  async compare(query) {
    const answers = {}
    for (const name of query.variants) answers[name] = await this.answer(query, this.variants[name])
    return verdict(answers)
  }
}

const compared = ['SELECT', 'FETCH', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'EXECUTE']

// An answer's rows, in order where the query gives one.
function shown({ command, rows, rowCount }, query) {
  const lines = rows.map((row) => JSON.stringify(row))
  return [command, rowCount, ...(query.ordered ? lines : lines.sort())].join('\n')
}

// What Postgres itself raises, with or without support: on a few outer joins that call a STABLE function, and where a MERGE's action holds
// a sub-select whose table function is correlated.
const ownToPostgres = ['cannot cope with variable-free clause', 'SubPlan found with no parent plan']

// Internal errors are never right; everything else must be equal.
function verdict(answers) {
  const { bare, plain } = answers
  const text = ({ error, results }) => error ?? results.join('\n')
  for (const [name, answer] of Object.entries(answers)) {
    if (answer.error === 'crash') return { failed: `crash: ${name}`, answers }
    if (answer.error === 'XX000' && plain.error !== 'XX000') return { failed: `${answer.error}: ${answer.message.replace(/\d+/g, '#')}`, answers }
  }
  if (Object.values(answers).some(({ error }) => error === '57014')) return { slow: true, answers }
  if (plain.error === 'XX000') {
    const known = bare.error === 'XX000' && bare.message === plain.message && ownToPostgres.includes(plain.message)
    return known ? { raised: plain.error, message: plain.message, answers } : { failed: `XX000 without support: ${plain.message}`, answers }
  }
  for (const name of ['bare', 'wrapped']) {
    if (!answers[name] || text(answers[name]) === text(plain)) continue
    const error = answers[name].error ?? plain.error
    return { failed: `${name} differs${error ? `: ${error}` : ''}`, answers }
  }
  return { raised: plain.error, message: plain.message, answers }
}

function worldSql(statements, variant) {
  const { schema } = variant
  const made = statements.map((statement) => written(statement.replaceAll(':schema', schema), variant) + ';\n').join('')
  return `create schema ${schema};\ngrant usage on schema ${schema} to authenticated;\nset search_path = ${schema};\nset check_function_bodies = off;\n${made}reset search_path;\n`
}

// A query with all that decides how it is run.
class Query {
  constructor(choices, world, laboratory) {
    this.choices = choices
    this.world = world
    const way = choices.weighted([6, 'simple'], [3, 'prepared'], [2, 'cursor'])
    const raises = choices.percent(3)
    const used = Array.from({ length: 1 + choices.below(2) }, () => choices.of(sessions))
    this.settings = this.chooseSettings(laboratory)
    const writer = new QueryWriter(choices, world, { major, parameters: way === 'prepared' && !raises })
    this.features = writer.features
    this.sessions = used
    this.statement = raises ? raising(writer) : writer.statement(Math.min(...used.map(({ rank }) => rank)))
    this.ordered = this.statement.ordered
    if (laboratory.hasJit) this.chooseJit()
    this.role = choices.percent(90) ? 'authenticated' : 'postgres'
    this.explained = choices.percent(25)
    this.way = way === 'cursor' && (!this.statement.reads || this.statement.changes) ? 'simple' : way
    this.variants = Object.keys(usual).filter((name) => name !== 'wrapped' || (world.wrappable && writer.wrappable && !raises))
    if (this.way === 'simple' && this.statement.locks && choices.percent(35)) this.chooseMeanwhile()
    this.values = `${choices.of(["'aal1'", "'aal2'", "'aal3'"])}, ${choices.of(['1', '2', 'null'])}`
    if (raises) writer.note('raising')
    writer.note(this.way)
    for (const feature of world.features) writer.note(feature)
    this.scroll = this.way === 'cursor' && this.ordered && !/ for (update|share|no key|key)/.test(this.statement.text) && choices.percent(50)
    if (this.scroll) writer.note('scroll')
  }

  chooseSettings({ switches }) {
    const { choices } = this
    const settings = choices.some(switches, 10).map((name) => `enable_${name} = off`)
    this.notes = []
    const some = (percent, feature, lines) => {
      if (!choices.percent(percent)) return
      this.notes.push(feature)
      settings.push(...lines)
    }
    some(30, 'partitionwise', ['enable_partitionwise_join = on', 'enable_partitionwise_aggregate = on'])
    some(8, 'parallel, forced', [`${major >= 16 ? 'debug_parallel_query' : 'force_parallel_mode'} = on`, ...parallel])
    some(8, 'parallel', parallel)
    some(30, 'generic plan', ['plan_cache_mode = force_generic_plan'])
    some(10, 'collapse', ['from_collapse_limit = 1', 'join_collapse_limit = 1'])
    some(5, 'geqo', ['geqo_threshold = 2'])
    return settings
  }

  // What another session does to the rows of the table that the statement locks. An inherited table's rows couldn't be put back.
  chooseMeanwhile() {
    const { choices } = this
    const table = this.statement.locks
    if (this.world.tables.find(({ name }) => name === table).kind === 'inherited') return
    this.notes.push('meanwhile')
    // Postgres 18 crashes, without us, where such a statement's RETURNING has a hashed sub-select within sub-selects of the author's.
    this.variants = this.variants.filter((name) => name !== 'wrapped')
    const change = choices.of([
      `update ${table} set n = n + 1, flag = not flag`,
      `update ${table} set owner = 'x', level = 'aal2'`,
      `delete from ${table} where id % 3 = 0`,
      `update ${table} set owner = '${users.enrolled}', n = 1 where id % 2 = 0`,
    ])
    this.meanwhile = { table, change }
  }

  // Compiling a long query takes seconds.
  chooseJit() {
    const { choices } = this
    if (!choices.percent(3) || this.statement.text.length > 500) return
    this.notes.push('jit')
    const cost = choices.percent(25) ? 0 : -1
    this.settings.push('jit = on', 'jit_above_cost = 0', `jit_inline_above_cost = ${cost}`, `jit_optimize_above_cost = ${cost}`)
  }

  get allFeatures() {
    return [...this.features, ...this.notes]
  }

  // What is sent for a variant, in one piece.
  script(variant) {
    const set = [`search_path = ${variant.schema}`, ...this.settings].map((setting) => `set local ${setting};`)
    const inSession = ({ claims }) => `set local request.jwt.claims = ${pg.escapeLiteral(claims)};`
    const text = written(this.statement.text, variant)
    const lines = [
      ...(this.meanwhile ? [`-- Meanwhile, in a session of its own that commits then: ${this.meanwhile.change}`] : []),
      'begin;',
      ...set,
      `set local role ${this.role};`,
    ]
    if (this.way === 'prepared') lines.push(`prepare q(text, int) as ${text};`)
    const run = this.way === 'prepared' ? `execute q(${this.values});` : `${text};`
    const changed = [...new Set(this.statement.changes ?? [])].map(
      (table) => `select tableoid::regclass, x.* from ${table} x order by 1, 2, 3, 4, 5, 6, 7, 8;`,
    )
    for (const session of this.sessions) {
      lines.push(inSession(session))
      if (this.explained && variant.schema !== 'plain') lines.push(`explain (verbose, costs off) ${run}`)
      if (changed.length > 0) lines.push('savepoint before;', run, 'reset role;', ...changed, 'rollback to before;')
      else lines.push(...(this.way === 'cursor' ? this.fetched(text) : [run]))
    }
    return [...lines, 'rollback;', ...(this.way === 'prepared' ? ['deallocate q;'] : [])].join('\n')
  }

  fetched(text) {
    if (this.scroll)
      return [
        `declare c scroll cursor for ${text};`,
        'fetch 3 from c;',
        'fetch backward 2 from c;',
        'fetch all from c;',
        'fetch first from c;',
        'fetch absolute 2 from c;',
        'close c;',
      ]
    return [`declare c cursor for ${text};`, ...(this.ordered ? ['fetch 2 from c;', 'fetch 1 from c;'] : []), 'fetch all from c;', 'close c;']
  }
}

// A statement that raises where the session doesn't do, or where a level is none.
function raising(writer) {
  const call = writer.choices.of([
    "⟦require_aal('aal2')⟧",
    "⟦require_aal('aal3')⟧",
    "⟦has_aal('aal9')⟧",
    '⟦require_enrolled_aal()⟧',
    "⟦require_aal('aal2', interval '6 hours')⟧",
  ])
  const relation = writer.choices.of(['a', 'b', 'c'])
  const text = writer.choices.of([`select id, ${call} from ${relation} order by 1, 2`, `select id from ${relation} where ${call} order by 1`])
  return { text, ordered: true, reads: true }
}

export class Trial {
  constructor(laboratory, tally, seed) {
    Object.assign(this, { laboratory, tally, seed })
  }

  // Compares so many queries, in worlds of 25 each, until one fails.
  async run(queries) {
    const perWorld = 25
    for (let nr = 0; nr * perWorld < queries; nr++) {
      const random = numbersFrom(this.seed * 7919 + nr)
      const choices = new Choices([], random)
      const world = new World(choices, { major })
      // Caches and plans of dropped tables go with the connection.
      await this.laboratory.connect()
      if (nr % 40 === 39) await this.laboratory.client.query('vacuum')
      await this.laboratory.create(world.statements)
      for (let count = 0; count < Math.min(perWorld, queries - nr * perWorld); count++) {
        const queryChoices = new Choices([], random)
        const query = new Query(queryChoices, world, this.laboratory)
        const outcome = await this.laboratory.compare(query)
        this.tally.add(query, outcome)
        if (outcome.failed) {
          if (this.keepGoing) continue
          return this.shrunk(world, query, queryChoices.made, outcome)
        }
      }
      await this.laboratory.drop()
    }
  }

  // The smallest query and world found that fail in the same way.
  async shrunk(world, query, queryChoices, outcome) {
    const { laboratory } = this
    const until = Date.now() + shrinkingTime
    const kind = outcome.failed
    const at = this.tally.queries
    const seen = new Map()
    let last = { query, outcome }
    const made = (sequence) => {
      const choices = new Choices(sequence)
      return { query: new Query(choices, world, laboratory), used: choices.made }
    }
    const fails = async (sequence) => {
      const { query, used } = made(sequence)
      const key = query.script(usual.bare)
      if (!seen.has(key)) {
        const outcome = await laboratory.compare(query)
        seen.set(key, outcome.failed === kind)
        if (outcome.failed === kind) last = { query, outcome }
      }
      return seen.get(key) ? used : undefined
    }
    const remake = async (statements) => {
      await laboratory.drop()
      try {
        await laboratory.create(statements)
        return true
      } catch {
        await laboratory.client.query('rollback; reset search_path')
        return false
      }
    }
    const sequence = await smallestSequence(queryChoices, fails, until - shrinkingTime / 4)
    last.query = made(sequence).query
    const stillFails = async (statements) => (await remake(statements)) && (await laboratory.compare(last.query)).failed === kind
    const statements = await fewest(world.statements, stillFails, until)
    await remake(statements)
    outcome = await laboratory.compare(last.query)
    await laboratory.drop()
    return { kind, at, statements, query: last.query, outcome, variants: laboratory.variants }
  }
}

// Ready for psql, in a database made by supabase_stand_in.sql and random_queries.sql.
export function counterexample({ kind, at, statements, query, outcome, variants }) {
  const differing = query.variants.filter((name) => name === 'plain' || name === 'bare' || kind.startsWith(name))
  const said = ({ error, message, results }) =>
    (error ? `${error} ${message}` : results.join('\n'))
      .split('\n')
      .map((line) => `--   ${line}`)
      .join('\n')
  return [
    `-- Query ${at}: ${kind}.`,
    ...differing.map(
      (name) =>
        `\n-- ${name}\n${worldSql(statements, variants[name])}${query.script(variants[name])}\n-- answers:\n${said(outcome.answers[name])}\ndrop schema ${variants[name].schema} cascade;`,
    ),
  ].join('\n')
}
