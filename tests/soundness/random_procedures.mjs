// Random schemas in which remote procedures (RPCs) write to and read protected tables, most of them as their owner, past the policies.
// Their gates are those of random_gate.mjs.

import fc from 'fast-check'
import { oneOf, quoted, rarely } from './random_condition.mjs'
import { gate, makeGates, makeProcedure, procedure } from './random_gate.mjs'

export const roles = ['trial_user', 'trial_anon']
const aged = (levels) => fc.tuple(levels, oneOf([5, null], [1, '15 minutes'])).map(([level, age]) => (age ? `${level} within ${age}` : level))
const table = fc.record({
  read: aged(oneOf([3, 'aal1'], [3, 'aal2'], [1, 'enrolled'])),
  write: aged(oneOf([5, 'aal2'], [1, 'aal1'], [1, 'enrolled'], [1, 'aal3'])),
  protected: oneOf([6, true], [1, false]),
})

const nth = fc.nat(2)
const callable = fc.record({
  draft: procedure,
  definer: oneOf([10, true], [1, false]),
  owner: oneOf([12, null], [1, 'trial_bypass'], [1, 'trial_group']),
  open: oneOf([4, 'public'], [1, 'trial_user']),
  reads: oneOf([2, null], [2, nth]),
  writes: nth,
  command: oneOf([4, 'UPDATE'], [2, 'DELETE'], [2, 'INSERT']),
  writesToo: rarely(70),
  calls: rarely(15),
  // A function of a trigger on a table of its own.
  fires: rarely(15),
})

const draft = fc.record({
  tables: fc.tuple(table, table, table),
  gates: fc.array(gate, { maxLength: 2 }),
  callables: fc.array(callable, { minLength: 1, maxLength: 3 }),
})

// Whether a level asks for at least as much as another in everything.
function isAbove(high, low) {
  const [[level, age], [other, otherAge]] = [high, low].map((text) => text.split(' within '))
  const ranks = ['aal1', 'enrolled', 'aal2', 'aal3']
  return ranks.indexOf(level) >= ranks.indexOf(other) && (age !== undefined || otherAge === undefined)
}

export const procedureSchema = draft.map((draft) => new ProcedureSchema(draft))

class ProcedureSchema {
  constructor(draft) {
    this.statements = []
    this.run('create schema s', 'grant usage on schema s to public')
    this.tables = draft.tables.map(({ read, write, ...table }, nr) => ({
      ...table,
      read,
      // What changes rows also reads them.
      write: isAbove(write, read) ? write : read,
      name: `s.t${nr + 1}`,
    }))
    for (const table of this.tables) this.create(table)
    const { made, gates, raisers } = makeGates(draft.gates)
    this.run(...made)
    this.procedures = []
    for (const one of draft.callables) this.createProcedure(one, gates, raisers)
  }

  run(...statements) {
    for (const statement of statements) this.statements.push(statement + ';')
  }

  get sql() {
    return this.statements.join('\n')
  }

  create({ name, read, write, ...table }) {
    this.run(`create table ${name} (id int, label text)`, `create policy everybody on ${name} using (true)`)
    this.run(`insert into ${name} values (1, 'secret of ${name}'), (2, 'secret of ${name}')`)
    if (table.protected) this.run(`select auth.protect_table(${quoted(name)}, read => ${quoted(read)}, write => ${quoted(write)})`)
  }

  createProcedure({ draft, definer, owner, open, reads, writes, command, writesToo, calls, fires }, gates, raisers) {
    const name = `s.rpc${this.procedures.length + 1}`
    const written = { table: this.tables[writes].name, command }
    // What is read isn't written, so that one tells the scans apart.
    const others = this.tables.filter((table) => table.name !== written.table)
    const read = reads === null ? [] : [{ table: others[reads % others.length].name }]
    const triggerOn = fires && draft.language === 'plpgsql' ? `s.fires${this.procedures.length + 1}` : null
    if (triggerOn) this.run(`create table ${triggerOn} (id int)`, `grant insert on ${triggerOn} to ${open}`)
    const around = {
      gates,
      raisers,
      reads: read,
      writes: reads === null || writesToo ? [written] : [],
      calls: calls ? this.procedures.filter(({ triggerOn }) => !triggerOn).map(({ name }) => name) : [],
      definer,
      triggerOn,
    }
    const made = makeProcedure(name, draft, around)
    this.run(...made.statements)
    const it = `function ${name}`
    if (owner) this.run(`grant all on ${this.tables.map(({ name }) => name).join(', ')} to ${owner}`, `alter ${it} owner to ${owner}`)
    if (open !== 'public') this.run(`revoke execute on ${it} from public`, `grant execute on ${it} to ${open}`)
    // Those that it calls may filter, and policies bind one of the owners.
    const filters = made.filters || owner === 'trial_group' || (calls && this.procedures.some(({ filters }) => filters))
    this.procedures.push({ ...made, language: draft.language, triggerOn, definer, owner, filters })
  }

  // What protect_table made of a command on a table: a level, and the age in seconds; null where nothing is asked.
  required({ name }, command) {
    const table = this.tables.find((one) => one.name === name)
    if (!table.protected) return null
    const [level, age] = (command === 'SELECT' ? table.read : table.write).split(' within ')
    return { level, age: age ? 900 : Infinity }
  }
}
