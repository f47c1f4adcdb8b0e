#!/usr/bin/env node
// Holds the prose of the repository against prose_rules.mjs: README, docs, comments on SQL objects, comments in code.
// A wrong hit is passed over with `<!-- prose: off -->` and `<!-- prose: on -->` around the Markdown.
//
// usage: prose.mjs [--figures] [GROUP …]     without groups: those that are on
//        --figures: print words per sentence, sentences too long and headless relatives of every group

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table'
import { gfmTable } from 'micromark-extension-gfm-table'
import { groups, longestSentence, rules } from './prose_rules.mjs'
import { parts } from './rust.mjs'
import { checkedArguments } from './usage.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

// Stands for code in a sentence: one word that no rule knows.
const code = '\u00a4'

// The blocks of Markdown: paragraphs, table cells and headings, as text with the line of each of its characters.
function blocks(text, firstLine = 1) {
  const found = []
  let off = false
  const visit = (node) => {
    if (node.type === 'html') {
      if (/prose: off/.test(node.value)) off = true
      if (/prose: on/.test(node.value)) off = false
    } else if (['paragraph', 'heading', 'tableCell'].includes(node.type)) {
      if (off) return
      const block = { text: '', lines: [], heading: node.type === 'heading' }
      const add = (words, line) => {
        for (const character of words) {
          block.text += character === '\n' ? ' ' : character
          block.lines.push(firstLine + line - 1)
          if (character === '\n') line++
        }
      }
      const inline = (child) => {
        if (child.type === 'text') add(child.value, child.position.start.line)
        else if (child.type === 'inlineCode') add(code, child.position.start.line)
        else if (child.type === 'image') add(child.alt ?? '', child.position.start.line)
        else if (child.type === 'break') add(' ', child.position.start.line)
        else for (const each of child.children ?? []) inline(each)
      }
      for (const child of node.children) inline(child)
      // The head of a column, or a cell of a few words.
      if (node.type === 'tableCell' && words(block.text) < 6) block.heading = true
      if (block.text.trim()) found.push(block)
    } else for (const child of node.children ?? []) visit(child)
  }
  visit(fromMarkdown(text, { extensions: [gfmTable()], mdastExtensions: [gfmTableFromMarkdown()] }))
  return found
}

const abbreviation = /(?:\b(?:e\.g|i\.e|cf|vs|v|etc|rev|sec|no|St)|\b[A-Z])\.$/

// The sentences of a block: {text, line}.
function sentences(block) {
  const found = []
  let start = 0
  for (const match of block.text.matchAll(/[.!?\u2026]["'\u201d\u2019)\]]*(?=\s|$)/g)) {
    const end = match.index + match[0].length
    if (abbreviation.test(block.text.slice(start, match.index + 1)) && end < block.text.length) continue
    found.push([start, end])
    start = end
  }
  if (start < block.text.length) found.push([start, block.text.length])
  return found
    .map(([from, to]) => {
      const raw = block.text.slice(from, to)
      const indent = raw.length - raw.trimStart().length
      return { text: raw.trim().replace(/\s+/g, ' '), line: block.lines[from + indent] }
    })
    .filter(({ text }) => text)
}

export const words = (text) => text.split(/\s+/).filter((word) => /[\p{L}\p{N}\u00a4]/u.test(word)).length

const lineOf = (text, at) => text.slice(0, at).split('\n').length

// Comments that stand on lines one below the other are one text.
function joined(comments) {
  const texts = []
  for (const { line, mark, text } of comments) {
    const last = texts[texts.length - 1]
    if (last && last.mark === mark && last.line + last.count === line) {
      last.text += `\n${text}`
      last.count++
    } else texts.push({ mark, line, count: 1, text })
  }
  return texts
}

function rustTexts(text) {
  const comments = []
  for (const { kind, start, end } of parts(text)) {
    if (kind !== 'comment') continue
    const [, mark, words] = /^(\/\/[/!]?|\/\*[*!]?) ?([^]*?)(?:\*\/)?$/.exec(text.slice(start, end))
    comments.push({ line: lineOf(text, start), mark, text: words })
  }
  return joined(comments)
}

function sqlTexts(text) {
  const comments = []
  const quoted = []
  for (const match of text.matchAll(/--[^\n]*|\{#[^]*?#\}|'(?:[^']|'')*'/g)) {
    const line = lineOf(text, match.index)
    if (match[0].startsWith('--')) comments.push({ line, mark: '--', text: match[0].slice(2).trim() })
    else if (match[0].startsWith('{#')) comments.push({ line, mark: '{#', text: match[0].replace(/^\{#-? ?|-?#\}$/g, '').replace(/\n +/g, '\n') })
    else if (/\bcomment\s+on\s[^;']*\sis\s*$/i.test(text.slice(0, match.index))) {
      quoted.push({ line, text: match[0].slice(1, -1).replaceAll("''", "'") })
    }
  }
  return [...joined(comments), ...quoted]
}

// The blocks of prose in a file.
export function prose(file, text) {
  if (file.endsWith('.rs')) return rustTexts(text).flatMap((each) => blocks(each.text, each.line))
  if (file.endsWith('.sql')) return sqlTexts(text).flatMap((each) => blocks(each.text, each.line))
  if (/CHANGELOG\.md$/.test(file)) text = text.replace(/\n## \[\d[^]*$/, '\n')
  return blocks(text)
}

// What the rules hold against a file, and its figures.
export function check(file, text) {
  const result = { problems: [], words: 0, sentences: 0, long: 0, relatives: 0 }
  for (const block of prose(file, text)) {
    for (const sentence of sentences(block)) {
      const length = words(sentence.text)
      const shown = sentence.text.replaceAll(code, '`…`')
      result.words += length
      if (!block.heading) {
        result.sentences++
        if (length > longestSentence) {
          result.long++
          result.problems.push(`${file}:${sentence.line}: a sentence of ${length} words: ${shown}`)
        }
      }
      const seen = new Set()
      for (const { name, pattern, say, relative, headings } of rules) {
        if (block.heading && headings === false) continue
        for (const match of sentence.text.matchAll(pattern)) {
          const at = match.index + match[0].search(/\b(?:who|what)/i)
          if (relative && seen.has(at)) continue
          if (relative) (seen.add(at), result.relatives++)
          result.problems.push(`${file}:${sentence.line}: ${name} "${match[0].trim().replaceAll(code, '`…`')}" (${say}): ${shown}`)
        }
      }
    }
  }
  return result
}

export function files() {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file && existsSync(root + file))
}

function main(names) {
  const figures = names.includes('--figures')
  names = names.filter((name) => !name.startsWith('--'))
  if (figures)
    console.log(
      '| group | words | sentences | words per sentence | over 30 words | relatives per 10,000 words |\n| --- | --- | --- | --- | --- | --- |',
    )
  for (const [name, group] of Object.entries(groups)) {
    if (!figures && !(names.length > 0 ? names.includes(name) : group.on)) continue
    const results = files()
      .filter((file) => group.files.test(file))
      .map((file) => check(file, readFileSync(root + file, 'utf8')))
    if (figures) {
      const sum = (field) => results.reduce((total, result) => total + result[field], 0)
      const share = (part, whole, digits) => (whole ? part / whole : 0).toFixed(digits)
      const columns = [name, sum('words'), sum('sentences'), share(sum('words'), sum('sentences'), 1)]
      columns.push(`${share(100 * sum('long'), sum('sentences'), 1)} %`, share(10000 * sum('relatives'), sum('words'), 1))
      console.log(`| ${columns.join(' | ')} |`)
      continue
    }
    for (const problem of results.flatMap((result) => result.problems)) {
      console.error(problem)
      process.exitCode = 1
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main(checkedArguments(import.meta.url, (given) => given.every((each) => each === '--figures' || groups[each])))
}
