// Random statements on a real Citus, at each level, by owner and stranger: none does more than the matrix says. Where CITUS names a tree with it.
//
//   CITUS=… TRIALS=2000 SEED=1 node --test citus_trial.test.mjs

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { numbersFrom } from '../differential/random_choices.mjs'
import { claimsOf, connect, levels, matrixOf, skip, startNodes } from './citus_nodes.mjs'

const trials = Number(process.env.TRIALS ?? 60)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const [owner, stranger] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
const sessions = ['none', 'aal1', 'aal2'].flatMap((level) => [owner, stranger].map((sub) => ({ level, sub })))

// A table of each kind. `own`: no session sees or changes rows of others there.
const kinds = [
  { table: 'dist', own: true, distribute: "select create_distributed_table('dist', 'user_id')" },
  { table: 'one_shard', own: true, distribute: "select create_distributed_table('one_shard', 'user_id', shard_count := 1, colocate_with := 'none')" },
  { table: 'strict', own: true, read: 'aal2', distribute: "select create_distributed_table('strict', 'user_id')" },
  { table: 'unguarded', own: true, guard: false, distribute: "select create_distributed_table('unguarded', 'user_id')" },
  { table: 'by_other', own: true, distribute: "select create_distributed_table('by_other', 'id')" },
  { table: 'reference', own: true, distribute: "select create_reference_table('reference')" },
  { table: 'local', own: true, distribute: "select citus_add_local_table_to_metadata('local')" },
  { table: 'tenant.t', own: true },
  { table: 'parts', own: true, partitioned: true, distribute: "select create_distributed_table('parts', 'user_id')" },
  { table: 'plain', own: true },
  // Open, and the matrix says so.
  { table: 'early', early: true, distribute: "select create_distributed_table('early', 'user_id')" },
  { table: 'by_hand', byHand: true, distribute: "select create_distributed_table('by_hand', 'user_id')" },
]

let coordinator, worker, nodes
before(async () => {
  if (skip) return
  ;({ coordinator, worker } = startNodes())
  nodes = [await connect(coordinator), await connect(worker)]
  run(`
    select citus_set_node_property('${coordinator.connection.host}', 5432, 'shouldhaveshards', false);
    revoke execute on function master_run_on_worker, create_distributed_function, assign_distributed_transaction_id from public;
    set citus.enable_schema_based_sharding = on; create schema tenant; grant usage on schema tenant to authenticated`)
  kinds.forEach(make)
})
after(async () => {
  for (const client of nodes ?? []) await client.end()
  worker?.stop()
  coordinator?.stop()
})
const run = (sql) => coordinator.psql('postgres', `set client_min_messages = error; set citus.enable_unsafe_triggers = on; ${sql}`).trim()

function make({ table, distribute = '', read = 'aal1', guard = true, partitioned, early, byHand }) {
  const protect = `select warnings from auth.protect_table('${table}', read => '${read}', owner_column => 'user_id', guard => ${guard});`
  const key = 'primary key (id, user_id)'
  const policies = `
    alter table ${table} enable row level security;
    create policy own on ${table} using (user_id = auth.subject_uuid());
    create policy second_factor on ${table} as restrictive using (auth.has_aal('aal2'));`
  run(`
    create table ${table} (id int, user_id uuid, amount int, ${key}) ${partitioned ? 'partition by range (id)' : ''};
    ${partitioned ? `create table ${table}_1 partition of ${table} for values from (0) to (50); create table ${table}_2 partition of ${table} default;` : ''}
    grant select, insert, update, delete, truncate on ${table} to authenticated;
    ${early ? protect : ''} ${distribute};
    insert into ${table} select n, case n % 2 when 1 then '${owner}'::uuid else '${stranger}'::uuid end, 10 * n from generate_series(1, 4) n;
    ${byHand ? policies : early ? '' : protect}`)
}

// A statement about a table: its text, the commands that it surely needs where it does something, and whether its rows are the table's.
function statementAbout(table, next) {
  const pick = (list) => list[Math.floor(next() * list.length)]
  const uuid = () => pick([owner, owner, stranger])
  const id = () => pick([1, 2, 3, 4, 20, 60])
  const condition = (t, depth = 0) => {
    const simple = [
      `${t}.id = ${id()}`,
      `${t}.user_id = '${uuid()}'`,
      `${t}.id = ${id()} and ${t}.user_id = '${uuid()}'`,
      `${t}.amount > 5`,
      `${t}.id in (1, 2, 3)`,
      `${t}.user_id in ('${owner}', '${stranger}')`,
      `${t}.amount is not null`,
    ]
    if (depth > 1 || next() < 0.6) return pick(simple)
    return pick([
      () => `(${condition(t, depth + 1)} or ${condition(t, depth + 1)})`,
      () => `(${condition(t, depth + 1)} and ${condition(t, depth + 1)})`,
      () => `not coalesce(${condition(t, depth + 1)}, false)`,
      () => `exists (select from ${table} x where x.user_id = ${t}.user_id and ${condition('x', depth + 1)})`,
      () => `${t}.user_id in (select user_id from ${table} x where ${condition('x', depth + 1)})`,
    ])()
  }
  const values = () => `(${pick([7, 8, 9, 70])}, '${uuid()}', ${pick([1, 2])})`
  const returning = () => (next() < 0.5 ? ' returning *' : '')
  const reads = () =>
    pick([
      () => `select * from ${table} t where ${condition('t')}`,
      () => `select * from ${table} t where ${condition('t')} order by id limit 3`,
      () => `select t.* from ${table} t join ${table} u on t.user_id = u.user_id and t.id = u.id where ${condition('u')}`,
      () => `select t.* from ${table} t left join ${table} u using (user_id, id) where ${condition('t')}`,
      () => `with a as materialized (select * from ${table} t where ${condition('t')}) select * from a`,
      () => `with a as not materialized (select * from ${table} t where ${condition('t')}) select * from a where amount > 0`,
      () => `select * from (select *, row_number() over (partition by user_id order by id) n from ${table} t where ${condition('t')}) s`,
      () => `select max(id) id, user_id, sum(amount) amount from ${table} t where ${condition('t')} group by user_id`,
      () => `select distinct user_id from ${table} t where ${condition('t')}`,
      () => `select * from ${table} t where ${condition('t')} union select * from ${table} u where ${condition('u')}`,
      () => `select (select user_id from ${table} t where ${condition('t')} limit 1) user_id where exists (select from ${table})`,
      () => `select t.* from generate_series(1, 4) g, lateral (select * from ${table} t where t.id = g and ${condition('t')}) t`,
    ])()
  const kind = pick([
    'read',
    'read',
    'read',
    'lock',
    'insert',
    'insert',
    'insert of rows',
    'upsert',
    'update',
    'update',
    'delete',
    'delete',
    'merge',
    'truncate',
  ])
  const change = () => {
    switch (kind) {
      case 'insert':
        return [
          ['INSERT'],
          `insert into ${table} as t values ${values()}${next() < 0.3 ? ', ' + `(71, '${uuid()}', 1)` : ''}${pick(['', ' on conflict do nothing'])}`,
        ]
      case 'insert of rows':
        return pick([
          [['INSERT'], `insert into ${table} as t select g, '${uuid()}', g from generate_series(30, 32) g`],
          [['SELECT', 'INSERT'], `insert into ${table} as t select id + 100, user_id, amount from ${table} u where ${condition('u')}`],
          [
            ['SELECT', 'INSERT'],
            `with a as (select * from ${table} u where ${condition('u')}) insert into ${table} as t select id + 200, user_id, amount from a`,
          ],
          [
            ['SELECT', 'INSERT'],
            `insert into ${table} as t select max(id) + 300, user_id, 1 from ${table} u where ${condition('u')} group by user_id`,
          ],
          [
            ['SELECT', 'INSERT', 'UPDATE'],
            `insert into ${table} as t select * from ${table} u where ${condition('u')} on conflict (id, user_id) do update set amount = 99`,
          ],
        ])
      case 'upsert':
        return [
          ['INSERT', 'SELECT', 'UPDATE'],
          `insert into ${table} as t values (${pick([1, 3])}, '${owner}', 5) on conflict (id, user_id) do update set amount = excluded.amount`,
        ]
      case 'update':
        return pick([
          [['UPDATE'], `update ${table} t set amount = ${pick([5, 6])}`],
          [['SELECT', 'UPDATE'], `update ${table} t set amount = ${pick([5, 6, 't.amount + 1'])} where ${condition('t')}`],
          [
            ['SELECT', 'UPDATE'],
            `update ${table} t set amount = u.amount + 1 from ${table} u where t.user_id = u.user_id and t.id = u.id and ${condition('u')}`,
          ],
          [
            ['SELECT', 'UPDATE'],
            `with a as (select * from ${table} u where ${condition('u')}) update ${table} t set amount = 3 from a where a.user_id = t.user_id and a.id = t.id`,
          ],
        ])
      case 'delete':
        return pick([
          [['DELETE'], `delete from ${table} t`],
          [['SELECT', 'DELETE'], `delete from ${table} t where ${condition('t')}`],
          [['SELECT', 'DELETE'], `delete from ${table} t using ${table} u where t.user_id = u.user_id and t.id = u.id and ${condition('u')}`],
        ])
    }
  }
  switch (kind) {
    case 'read': {
      const sql = reads()
      const way = pick(['', '', 'cursor', 'prepared', 'copy'])
      if (way === 'cursor') return { needs: ['SELECT'], sql: `declare c cursor for ${sql}; fetch all from c` }
      if (way === 'prepared') return { needs: ['SELECT'], sql: `prepare p as ${sql}; execute p; execute p` }
      if (way === 'copy') return { needs: ['SELECT'], sql: `create temporary table taken on commit drop as ${sql}; select * from taken` }
      return { needs: ['SELECT'], sql }
    }
    case 'lock':
      return {
        needs: ['SELECT', 'UPDATE'],
        sql: `select * from ${table} t where t.id = ${id()} and t.user_id = '${uuid()}' for ${pick(['update', 'share', 'no key update'])}`,
      }
    case 'merge': {
      const source = `(values (${pick([1, 2, 40])}, '${uuid()}'::uuid)) v (id, user_id) on t.id = v.id and t.user_id = v.user_id`
      const [needs, action] = pick([
        [['UPDATE'], 'when matched then update set amount = 4'],
        [['DELETE'], 'when matched then delete'],
        [['INSERT'], 'when not matched then insert values (v.id, v.user_id, 1)'],
      ])
      return { needs: ['SELECT', ...needs], sql: `merge into ${table} t using ${source} ${action}` }
    }
    case 'truncate':
      return { needs: ['TRUNCATE'], sql: `truncate ${table}` }
    default: {
      const [needs, text] = change()
      const back = returning()
      if (back && next() < 0.5) return { needs, sql: `with changed as (${text}${back}) select * from changed`, writes: true }
      return { needs, sql: text + back, writes: true }
    }
  }
}

// What a session does by a statement: how many rows it reaches, and whose it sees. Rolled back.
async function attempt(client, { level, sub }, { sql }) {
  await client.query('begin')
  try {
    await client.query("select set_config('request.jwt.claims', $1, true)", [claimsOf(level, sub)])
    await client.query('set local role authenticated')
    await client.query('select auth.hand_on_claims()')
    const results = [await client.query(sql)].flat()
    const reached = results.reduce(
      (most, { rowCount, command }) => Math.max(most, command === 'TRUNCATE' ? 1 : command === 'PREPARE' ? 0 : (rowCount ?? 0)),
      0,
    )
    const seen = results.flatMap(({ rows }) => rows.map((row) => row.user_id)).filter(Boolean)
    return { reached, seen }
  } catch (error) {
    if (!error.code || error.code.startsWith('57P')) throw new Error(`the server ended at ${level} ${sub}: ${sql}`)
    return { reached: 0, seen: [], error: error.message }
  } finally {
    await client.query('rollback; deallocate all').catch(() => {})
  }
}

test('random statements do no more than the matrix says, and see nobody else', { skip }, async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const next = numbersFrom(seed)
  const matrices = new Map()
  const tally = { tried: 0, enough: 0, done: 0, below: 0, closed: 0, open: 0 }
  for (let n = 0; n < trials; n++) {
    for (const { table, own } of kinds) {
      // A plain table, and one of the coordinator's metadata, is on the coordinator alone.
      const node = next() < 0.3 && table !== 'plain' && table !== 'local' ? 1 : 0
      const key = table + node
      if (!matrices.has(key)) matrices.set(key, await matrixOf(nodes[node], table))
      const matrix = matrices.get(key)
      const statement = statementAbout(table, next)
      for (const session of sessions) {
        const { reached, seen, error } = await attempt(nodes[node], session, statement)
        const story = `SEED=${seed}: ${table} on node ${node}, ${JSON.stringify(session)}: ${statement.sql}\nreached ${reached}; ${JSON.stringify(matrix)}`
        const needed = Math.max(...statement.needs.map((command) => levels[matrix[command]]))
        const isClosed = levels[session.level] < needed
        assert.ok(!(isClosed && reached > 0), story)
        if (own)
          assert.ok(
            !seen.some((user) => user !== session.sub) || (matrix.INSERT === 'none' && statement.needs.includes('INSERT')),
            `${story}\nsees rows of another`,
          )
        tally.tried++
        if (isClosed) tally.closed++
        else if (session.level !== 'aal2' && needed === 0) tally[reached > 0 ? 'open' : 'below']++
        if (session.level === 'aal2' && session.sub === owner) {
          tally.enough++
          if (reached > 0) tally.done++
          else if (process.env.SHOW) console.log(story, error)
        }
      }
    }
  }
  t.diagnostic(JSON.stringify(tally))
  // It means something only if what may be done is done.
  assert.ok(tally.done > 0.4 * tally.enough, JSON.stringify(tally))
  assert.ok(tally.closed > 0.3 * tally.tried && tally.open > 0, JSON.stringify(tally))
})

// Steps of a transaction: how claims come and go, and when they are handed on. Each by what it does, in SQL.
const claimsNow = () => [claimsOf('none'), claimsOf('aal1', owner), claimsOf('aal2', owner), claimsOf('aal2', stranger)]
const steps = {
  'set by set_config': (pick) => `select set_config('request.jwt.claims', '${pick(claimsNow())}', true)`,
  'set for the session': (pick) => `select set_config('request.jwt.claims', '${pick(claimsNow())}', false)`,
  'set local': (pick) => `set local request.jwt.claims = '${pick(claimsNow())}'`,
  'set local by another spelling': (pick) => `set local "Request.JWT.Claims" = '${pick(claimsNow())}'`,
  'set local to default': () => 'set local request.jwt.claims to default',
  'reset all': () => "reset all; set citus.propagate_set_commands = 'local'",
  'set by the older name': (pick) => `select set_config('request.jwt.claim', '${pick(claimsNow())}', true)`,
  reset: () => 'reset request.jwt.claims',
  'set in a function that fails': (pick) =>
    `do $do$ begin perform set_config('request.jwt.claims', '${pick(claimsNow())}', true); perform auth.hand_on_claims(); raise 'undo'; exception when others then end $do$`,
  'set in a block that passes': (pick) =>
    `do $do$ begin begin perform set_config('request.jwt.claims', '${pick(claimsNow())}', true); perform auth.hand_on_claims(); exception when others then end; end $do$`,
  'a forged fingerprint': (pick) => `select set_config('pg_aal.handed_on', '${pick(['', 'x', 'SHA-256'])}', true)`,
  'hand on': () => 'select auth.hand_on_claims()',
  'hand on again': () => 'select auth.hand_on_claims()',
  savepoint: () => 'savepoint s',
  'rollback to savepoint': () => 'rollback to s',
  release: () => 'release s',
  cursor: () => 'declare c cursor for select auth.aal() as level, user_id from dist',
  'close cursor': () => 'close c',
}
const looks = [
  'select auth.aal() as level, user_id from dist',
  `select auth.aal() as level, user_id from dist where user_id = '${owner}'`,
  'fetch all from c',
  'execute p',
]

test('however claims come and go in a transaction, no other node answers by other ones', { skip }, async (t) => {
  t.diagnostic(`SEED=${seed}`)
  const next = numbersFrom(seed)
  const pick = (list) => list[Math.floor(next() * list.length)]
  const [client] = nodes
  const tally = { answered: 0, refused: 0, changed: 0, within: 0 }
  for (let n = 0; n < trials; n++) {
    const story = []
    const [read, first] = ['select auth.aal() as level, user_id from dist', pick(claimsNow())]
    for (const sql of ['begin', 'set local role authenticated', `prepare p as ${read}`, `select set_config('request.jwt.claims', '${first}', true)`])
      await client.query(sql)
    await client.query('select auth.hand_on_claims()')
    try {
      for (let step = 0; step < 20; step++) {
        const sql = next() < 0.35 ? pick(looks) : steps[pick(Object.keys(steps))](pick)
        story.push(sql)
        const { rows = [], error } = await client.query(sql).catch((error) => ({ error }))
        if (error) {
          if (!error.code) throw error
          story.push(`-- ${error.message}`)
          if (process.env.SHOW) console.log(sql, error.message)
          if (/have changed/.test(error.message)) tally.changed++
          if (/within a savepoint/.test(error.message)) tally.within++
          if (looks.includes(sql)) tally.refused++
          story.push('rollback to s')
          // Without a savepoint the transaction is over.
          if (
            await client.query('rollback to s').then(
              () => false,
              () => true,
            )
          )
            break
          continue
        }
        if (!looks.includes(sql)) continue
        const here = (await client.query('select auth.aal() as level, auth.subject_uuid() as subject')).rows[0]
        if (rows.length > 0) tally.answered++
        for (const { level, user_id } of rows) {
          assert.deepEqual({ level, subject: user_id }, here, `SEED=${seed}\n${story.join(';\n')}`)
        }
      }
    } finally {
      await client.query("rollback; deallocate all; reset request.jwt.claims; select set_config('request.jwt.claims', '', false)")
    }
  }
  t.diagnostic(JSON.stringify(tally))
  assert.ok(tally.answered > 0.2 * trials && tally.changed > 0.2 * trials, JSON.stringify(tally))
})
