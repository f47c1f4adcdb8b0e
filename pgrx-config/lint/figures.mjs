#!/usr/bin/env node
// Prints for each folder of Rust: files, lines, the longest file and function, and how often it says `unsafe`.
// Functions and `unsafe` are counted without tests.
//
// usage: figures.mjs [FOLDER]

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { blanked, itemEnd, withoutTests } from './rust.mjs'
import { checkedArguments } from './usage.mjs'

const [folder] = checkedArguments(import.meta.url, (given) => given.length <= 1 && given.every(existsSync))
const root = resolve(folder ?? fileURLToPath(new URL('../..', import.meta.url)))

function rustFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['target', 'node_modules'].includes(entry.name) ? [] : rustFiles(path)
    return entry.name.endsWith('.rs') ? [path] : []
  })
}

const lines = (text) => text.split('\n').length - 1

// The functions of a file with a body, and their lines.
function* functions(code) {
  for (const match of code.matchAll(/\bfn\s+(\w+)/g)) {
    const end = itemEnd(code, match.index)
    if (code[end - 1] === '}') yield [match[1], lines(code.slice(match.index, end)) + 1]
  }
}

const folders = new Map()
const longest = (known, name, length) => (known && known.length >= length ? known : { name, length })
const found = ['src', 'crates', 'benches'].flatMap((folder) => rustFiles(join(root, folder)))
for (const path of found) {
  const file = relative(root, path)
  const text = readFileSync(path, 'utf8')
  const code = /(^|\/)tests?(\.rs|\/)/.test(file) ? '' : withoutTests(blanked(text)).text
  for (const name of new Set([dirname(file), 'all'])) {
    if (!folders.has(name)) folders.set(name, { files: 0, lines: 0, unsafe: 0 })
    const folder = folders.get(name)
    folder.files++
    folder.lines += lines(text)
    folder.longestFile = longest(folder.longestFile, file, lines(text))
    for (const [function_, length] of functions(code)) folder.longestFunction = longest(folder.longestFunction, `${file}: ${function_}`, length)
    // #[unsafe(no_mangle)] is an attribute.
    folder.unsafe += code.match(/\bunsafe\b(?!\s*\()/g)?.length ?? 0
  }
}
const short = (each, folder) => (each ? `${each.length} (${each.name.replace(`${folder}/`, '')})` : '')
console.log('| folder | files | lines | longest file | longest function | unsafe |\n| --- | --- | --- | --- | --- | --- |')
for (const [name, each] of [...folders].sort(([a], [b]) => (a === 'all') - (b === 'all') || a.localeCompare(b))) {
  console.log(
    `| ${name} | ${each.files} | ${each.lines} | ${short(each.longestFile, name)} | ${short(each.longestFunction, name)} | ${each.unsafe} |`,
  )
}
