#!/usr/bin/env node
// Holds the SQL of the repository against a few rules: lower-case words, no tabs, no blanks at the end of a line, one
// line break at the end of a file. It rewrites nothing: what a template says stands in the tests' expected output.
//
// usage: sql.mjs FILE …

import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkedArguments } from './usage.mjs'

// Tests whose capitals are their point.
const capitals = new Set(['lint_0014_security_definer_function.sql', 'matrix_answers_whatever_a_policy_costs.sql'])

// Words with capitals that Postgres folds: they aren't in quotes.
export function check(file, text) {
  const problems = []
  text.split('\n').forEach((line, index) => {
    if (line.includes('\t')) problems.push(`${file}:${index + 1}: a tab`)
    if (/\s$/.test(line)) problems.push(`${file}:${index + 1}: a blank at the end of the line`)
  })
  if (!text.endsWith('\n') || text.endsWith('\n\n')) problems.push(`${file}: must end with one line break`)
  if (capitals.has(basename(file))) return problems
  const blank = (part) => part.replace(/[^\n]/g, ' ')
  const bare = text
    // A command of psql, a template's comment and expression, comments, strings, quoted names. Bodies stay.
    .replace(/^\\.*$|\{#[^]*?#\}|\{\{[^]*?\}\}|\{%[^]*?%\}/gm, blank)
    .replace(/--[^\n]*|\/\*[^]*?\*\/|\b[eE]'(?:\\[^]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"/g, blank)
  bare.split('\n').forEach((line, index) => {
    for (const [word] of line.matchAll(/(?<![\w$:.])[A-Z][A-Z_]+\b/g)) problems.push(`${file}:${index + 1}: ${word} in capitals`)
  })
  return problems
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const files = checkedArguments(import.meta.url, (given) => given.length > 0 && given.every(existsSync))
  const problems = files.flatMap((file) => check(file, readFileSync(file, 'utf8')))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
