#!/usr/bin/env node
// Holds the direction in which the rooms of the code use one another: imports.allowed names the rooms and their uses.
// Reads `use` lines and the paths written inline, in src/ and in every crate of crates/.
//
// usage: imports.mjs [--graph] [FOLDER]
//        --graph: print what each room and file uses, and every cycle

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { blanked, withoutTests } from './rust.mjs'
import { checkedArguments } from './usage.mjs'

const repository = fileURLToPath(new URL('../..', import.meta.url))

// ---- Reading Rust ----------------------------------------------------------------------------------------------

function tokens(text) {
  const found = []
  let line = 1
  let last = 0
  for (const match of text.matchAll(/\$?\b(?:r#)?[A-Za-z_]\w*|::|[^\s\w]/g)) {
    for (let at = last; at < match.index; at++) if (text[at] === '\n') line++
    last = match.index
    found.push({ text: match[0].replace(/^r#/, '').replace('$crate', 'crate'), line })
  }
  return found
}

const isName = (token) => token !== undefined && /^\w/.test(token.text)
const definers = new Set(['fn', 'struct', 'enum', 'trait', 'type', 'const', 'static', 'union'])

// What one file declares and uses: modules, names, imports and inline paths, each with the module it stands in.
function read(text, module) {
  const { text: code, testModules } = withoutTests(blanked(text))
  const all = tokens(code)
  const file = { modules: [module], imports: [], paths: [], defined: [], exported: [], names: new Map(), testModules }
  const nested = [{ module, depth: 0 }]
  let depth = 0
  const here = () => nested[nested.length - 1].module
  for (let at = 0; at < all.length; at++) {
    const token = all[at]
    const next = all[at + 1]
    if (token.text === '{') depth++
    else if (token.text === '}') {
      depth--
      if (nested.length > 1 && depth < nested[nested.length - 1].depth) nested.pop()
    } else if (token.text === 'mod' && isName(next)) {
      if (all[at + 2]?.text === '{') {
        depth++
        nested.push({ module: [...here(), next.text], depth })
        file.modules.push(here())
        at += 2
      }
    } else if (token.text === 'use' && (isName(next) || next?.text === '::' || next?.text === '{') && startsItem(all, at)) {
      const found = []
      at = readTree(all, at + 1, [], found)
      for (const each of found) file.imports.push({ ...each, module: here(), line: token.line })
    } else if (token.text === 'macro_rules' && next?.text === '!') {
      file.defined.push({ module: here(), name: all[at + 2].text })
      const attributes = all.slice(Math.max(0, at - 8), at).map((each) => each.text)
      if (attributes.includes('macro_export')) file.exported.push(all[at + 2].text)
    } else if (definers.has(token.text) && isName(next)) {
      file.defined.push({ module: here(), name: next.text })
    } else if (isName(token)) {
      if (all[at - 1]?.text !== '.') file.names.set(token.text, (file.names.get(token.text) ?? 0) + 1)
      if (next?.text !== '::') continue
      // `::a::b` begins in no module; `Self::a` and `<…>::a` don't begin a path that names a module.
      const rooted = all[at - 1]?.text === '::' && !isName(all[at - 2]) && all[at - 2]?.text !== '>'
      const path = [token.text]
      while (all[at + 1]?.text === '::' && isName(all[at + 2])) {
        path.push(all[at + 2].text)
        at += 2
      }
      if (path[0] === 'in' || restricts(all, at - 2 * (path.length - 1))) continue
      file.paths.push({ path, rooted, module: here(), line: token.line })
    }
  }
  return file
}

// Whether the path at this token is the one of `pub(in path)`.
const restricts = (all, at) => all[at - 1]?.text === 'in' && all[at - 2]?.text === '('

// Whether a `use` begins an item: it isn't the `use<'a>` of a bound.
function startsItem(all, at) {
  const before = all[at - 1]?.text
  return before === undefined || [';', '{', '}', ']', ')', 'pub'].includes(before)
}

// Reads a use tree up to its end and returns where that is.
function readTree(all, at, prefix, found) {
  const path = [...prefix]
  let rooted = false
  if (all[at].text === '::') {
    rooted = true
    at++
  }
  for (;;) {
    const token = all[at]
    if (token.text === '{') {
      at++
      while (all[at].text !== '}') {
        at = readTree(all, at, path, found)
        if (all[at].text === ',') at++
      }
      return at + 1
    }
    if (token.text === '*') {
      found.push({ path, glob: true, rooted })
      return at + 1
    }
    if (!(token.text === 'self' && path.length > 0)) path.push(token.text)
    at++
    if (all[at].text === '::') {
      at++
      continue
    }
    let name = path[path.length - 1]
    if (all[at].text === 'as') {
      name = all[at + 1].text
      at += 2
    }
    found.push({ path, name, rooted })
    return at
  }
}

// ---- Resolving paths -------------------------------------------------------------------------------------------

function rustFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'bin' ? [] : rustFiles(path)
    return entry.name.endsWith('.rs') && entry.name !== 'main.rs' ? [path] : []
  })
}

const key = (module) => module.join('::')

// A crate's files by module, and what a path in it names.
class Crate {
  constructor(root, crates, folder) {
    this.crates = crates // the other crates of ours
    this.files = new Map() // file -> what it declares and uses
    this.modules = new Map() // module -> file
    this.names = new Map() // module -> name -> where it comes from
    this.problems = []
    const tests = new Set()
    for (const path of rustFiles(folder)) {
      const parts = relative(folder, path).replace(/\.rs$/, '').split('/')
      if (['mod', 'lib'].includes(parts[parts.length - 1])) parts.pop()
      const text = readFileSync(path, 'utf8')
      const file = relative(root, path)
      if (/#\s*!?\[\s*path\b/.test(blanked(text))) this.problems.push(`${file}: #[path] hides a module from this check`)
      const declared = read(text, parts)
      this.files.set(file, declared)
      for (const module of declared.modules) this.modules.set(key(module), file)
      for (const each of declared.testModules) tests.add(key([...parts, each]))
    }
    for (const [file, { modules }] of this.files) {
      if (modules[0].some((_, index, all) => tests.has(key(all.slice(0, index + 1))))) {
        this.files.delete(file)
        for (const module of modules) this.modules.delete(key(module))
      }
    }
    for (const file of this.files.values()) {
      for (const { module, name } of file.defined) this.learn(module, name, { module })
      for (const name of file.exported) this.learn([], name, { module: file.modules[0] })
      for (const each of file.imports) {
        if (each.glob) this.learn(each.module, `*${key(each.path)}`, { glob: each.path, from: each.module })
        else if (each.name !== '_') this.learn(each.module, each.name, { path: each.path, from: each.module })
      }
    }
  }

  learn(module, name, origin) {
    if (!this.names.has(key(module))) this.names.set(key(module), new Map())
    const names = this.names.get(key(module))
    if (!names.has(name)) names.set(name, origin)
  }

  // The module that a path leads to, or nothing where it leaves the crate. Imports on the way are followed.
  resolve(path, from, seen = new Set()) {
    const visit = `${key(from)} ${key(path)}`
    // Imports that lead round and round name nothing.
    if (seen.has(visit) || seen.size > 50) return null
    seen.add(visit)
    let [module, rest] = this.start(path, from)
    if (!module) {
      const origin = this.origin(from, path[0], seen)
      if (!origin) return null
      if (origin.module) return this.within(origin.module, path.slice(1), seen)
      // `use report::report`: a crate of the name that it imports.
      if (origin.path[0] === path[0] && key(origin.from) === key(from)) return null
      return this.resolve([...origin.path, ...path.slice(1)], origin.from, seen)
    }
    return this.within(module, rest, seen)
  }

  // The module that a path starts from, if its first word says so.
  start(path, from) {
    let rest = path
    if (rest[0] === 'crate') return [[], rest.slice(1)]
    let module = from
    if (rest[0] === 'self') return [module, rest.slice(1)]
    if (rest[0] !== 'super') return this.modules.has(key([...from, rest[0]])) ? [from, rest] : [null, rest]
    while (rest[0] === 'super') {
      module = module.slice(0, -1)
      rest = rest.slice(1)
    }
    return [module, rest]
  }

  within(module, rest, seen) {
    while (rest.length > 0 && this.modules.has(key([...module, rest[0]]))) {
      module = [...module, rest[0]]
      rest = rest.slice(1)
    }
    if (rest.length === 0) return module
    const origin = this.origin(module, rest[0], seen)
    if (!origin || origin.module) return module
    // A name from another crate of ours leads there; one from elsewhere belongs to the module that imports it.
    return this.resolve([...origin.path, ...rest.slice(1)], origin.from, seen) ?? (this.crates.has(origin.path[0]) ? [`/${origin.path[0]}`] : module)
  }

  origin(module, name, seen) {
    const names = this.names.get(key(module))
    if (!names) return null
    if (names.has(name)) return names.get(name)
    for (const { glob, from } of names.values()) {
      if (!glob) continue
      const source = this.resolve(glob, from, new Set(seen))
      if (source && (this.modules.has(key([...source, name])) || this.names.get(key(source))?.has(name))) {
        return { path: ['crate', ...source, name], from: [] }
      }
    }
    return null
  }

  // Each use of another file or another crate: [file, used file or crate, line].
  *uses() {
    for (const [file, { imports, paths, names }] of this.files) {
      for (const { path, name, glob, rooted, module, line } of [...imports, ...paths]) {
        const resolved = rooted ? null : this.resolve(path, module)
        if (!resolved) {
          if (this.crates.has(path[0])) yield [file, `crates/${path[0]}`, line]
          continue
        }
        if (resolved[0]?.startsWith('/')) {
          yield [file, `crates${resolved[0]}`, line]
          continue
        }
        const used = this.modules.get(key(resolved))
        if (used === undefined || used === file) continue
        // `pub use child::Name`: a module shows what its own child has. It uses it only where it says the name again.
        const shows = name !== undefined || glob
        const child = resolved.length > module.length && module.every((each, index) => resolved[index] === each)
        if (shows && child && !names.has(name)) continue
        yield [file, used, line]
      }
    }
  }
}

// ---- Rooms and cycles ------------------------------------------------------------------------------------------

// The allowed uses: "room: room room …". A room is a folder or file below src/ or a crate's src/; `*` is every room.
export function allowances(text) {
  const allowed = new Map()
  for (const line of text.split('\n')) {
    const [, room, uses] = /^([^#\s:]+):\s*([^#]*)/.exec(line) ?? []
    if (room) allowed.set(room, uses.trim().split(/\s+/).filter(Boolean))
  }
  return allowed
}

// A file as a room would be named: src/pg/node.rs is pg/node, crates/aal/src/level.rs is aal/level.
function place(file) {
  return file
    .replace(/^crates\/([^/]+)\/src\//, '$1/')
    .replace(/^src\//, '')
    .replace(/(\/mod)?\.rs$/, '')
}

function roomOf(file, allowed) {
  if (!file.endsWith('.rs')) return file
  for (let name = place(file); name !== '.'; name = dirname(name)) if (allowed.has(name)) return name
  // A room that nobody declared: the file or folder at the top.
  const parts = place(file).split('/')
  return file.startsWith('crates/') ? parts.slice(0, 2).join('/') : parts[0]
}

// Every set of two or more that reach one another.
export function cycles(graph) {
  const index = new Map()
  const low = new Map()
  const stack = []
  const found = []
  const visit = (node) => {
    index.set(node, index.size)
    low.set(node, index.get(node))
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next)
        low.set(node, Math.min(low.get(node), low.get(next)))
      } else if (stack.includes(next)) low.set(node, Math.min(low.get(node), index.get(next)))
    }
    if (low.get(node) === index.get(node)) {
      const component = stack.splice(stack.indexOf(node))
      if (component.length > 1) found.push(component.sort())
    }
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}

// A module's folder is the one of its files: pg.rs and pg/mod.rs are both in pg, where pg has other files.
function folderOf(file, files) {
  const own = file.replace(/(\/mod)?\.rs$/, '')
  return files.some((other) => other !== file && other.startsWith(`${own}/`)) ? own : dirname(file)
}

export function check(root, text) {
  const allowed = allowances(text)
  // A crate that is only a program, as the benchmark is, nobody uses.
  const names = existsSync(join(root, 'crates'))
    ? readdirSync(join(root, 'crates')).filter((name) => existsSync(join(root, 'crates', name, 'src/lib.rs')))
    : []
  const crates = [new Crate(root, new Set(names), join(root, 'src'))]
  for (const name of names) crates.push(new Crate(root, new Set(names.filter((other) => other !== name)), join(root, 'crates', name, 'src')))
  const files = crates.flatMap((crate) => [...crate.files.keys()])
  const graph = new Map(files.map((file) => [file, new Set()]))
  const rooms = new Map()
  const problems = crates.flatMap((crate) => crate.problems)
  for (const crate of crates) {
    for (const [file, used, line] of crate.uses()) {
      if (graph.get(file).has(used)) continue
      graph.get(file).add(used)
      const [from, to] = [roomOf(file, allowed), roomOf(used, allowed)]
      if (from === to) continue
      if (!rooms.has(from)) rooms.set(from, new Set())
      rooms.get(from).add(to)
      const may = allowed.get(from)
      if (may && !may.includes('*') && !may.includes(to)) problems.push(`${file}:${line}: ${from} must not use ${to} (${used})`)
    }
  }
  for (const file of files) {
    if (!allowed.has(roomOf(file, allowed))) problems.push(`${file}: its room, ${roomOf(file, allowed)}, isn't in imports.allowed`)
  }
  const isFolder = (room) => files.some((file) => place(file).startsWith(`${room}/`))
  for (const cycle of cycles(new Map([...allowed].map(([room, uses]) => [room, uses.filter((each) => each !== '*')])))) {
    // Two files side by side may use one another.
    if (cycle.length === 2 && !cycle.some(isFolder) && dirname(cycle[0]) === dirname(cycle[1])) continue
    problems.push(`imports.allowed lets rooms use one another: ${cycle.join(', ')}`)
  }
  const circles = cycles(graph)
  for (const circle of circles) {
    const folders = new Set(circle.map((file) => folderOf(file, files)))
    if (folders.size > 1) problems.push(`a cycle between files of different folders: ${circle.join(', ')}`)
    else if (circle.length > 2)
      problems.push(`a cycle of more than two files: ${circle.slice(0, 8).join(', ')}${circle.length > 8 ? ` and ${circle.length - 8} others` : ''}`)
  }
  return { allowed, rooms, graph, cycles: circles, problems: [...new Set(problems)] }
}

function print({ allowed, rooms, graph, cycles: circles }) {
  console.log('Rooms:')
  for (const [room, uses] of [...rooms].sort()) console.log(`  ${room} -> ${[...uses].sort().join(', ')}`)
  const unused = [...allowed].flatMap(([room, may]) =>
    may.filter((each) => each !== '*' && !rooms.get(room)?.has(each)).map((each) => `${room} -> ${each}`),
  )
  if (unused.length > 0) console.log(`Allowed, and not used: ${unused.join('; ')}`)
  console.log('Files:')
  for (const [file, uses] of [...graph].sort()) if (uses.size > 0) console.log(`  ${place(file)} -> ${[...uses].map(place).sort().join(', ')}`)
  console.log(`Cycles: ${circles.length || 'none'}`)
  for (const circle of circles) console.log(`  ${circle.map(place).join(', ')}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const isFolder = (each) => each !== '--graph'
  const given = checkedArguments(import.meta.url, (given) => given.filter(isFolder).length <= 1 && given.filter(isFolder).every(existsSync))
  const graph = given.includes('--graph')
  const root = resolve(given.find(isFolder) ?? repository)
  const file = [root, repository].map((each) => join(each, 'pgrx-config/lint/imports.allowed')).find(existsSync)
  const result = check(root, readFileSync(file, 'utf8'))
  if (graph) print(result)
  for (const problem of result.problems) console.error(problem)
  process.exitCode = result.problems.length > 0 ? 1 : 0
}
