// Reads Rust as far as the checks need it: what is a comment, a string, a test.

// The comments, strings and characters of a text: {kind, start, end}.
export function* parts(text) {
  const token = /\/\/[^\n]*|\/\*|\b(?:br|cr|r)(#*)"|(?:\b[bc])?"(?:\\[^]|[^"\\])*"|(?:\bb)?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|[^])|[^'\\\n])'/g
  for (let match; (match = token.exec(text)); ) {
    let end = token.lastIndex
    const kind = match[0].startsWith('/') ? 'comment' : 'string'
    if (match[0] === '/*') {
      // Block comments nest.
      const edge = /\/\*|\*\//g
      edge.lastIndex = end
      for (let depth = 1; depth > 0; ) {
        const next = edge.exec(text)
        if (!next) break
        depth += next[0] === '/*' ? 1 : -1
        end = edge.lastIndex
      }
    } else if (match[1] !== undefined) {
      const close = text.indexOf(`"${match[1]}`, end)
      end = close < 0 ? text.length : close + 1 + match[1].length
    }
    token.lastIndex = end
    yield { kind, start: match.index, end }
  }
}

const blank = (text) => text.replace(/[^\n]/g, ' ')

// The text with comments, strings and characters blanked, so that lines stay where they were.
export function blanked(text) {
  let out = ''
  let last = 0
  for (const { start, end } of parts(text)) {
    out += text.slice(last, start) + blank(text.slice(start, end))
    last = end
  }
  return out + text.slice(last)
}

// The blanked text without what only tests compile, and the modules in other files that only tests compile.
export function withoutTests(text) {
  const testModules = []
  for (let start; (start = text.search(/#\s*\[\s*cfg\s*\(\s*test\s*\)\s*\]/)) >= 0; ) {
    const end = itemEnd(text, text.indexOf(']', start) + 1)
    const item = text.slice(start, end)
    const declared = /\bmod\s+(\w+)\s*;$/.exec(item)
    if (declared) testModules.push(declared[1])
    text = text.slice(0, start) + blank(item) + text.slice(end)
  }
  return { text, testModules }
}

// Where an item of blanked code ends: after its braces, or its semicolon.
export function itemEnd(text, start) {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if ('([{'.includes(text[at])) depth++
    if (')]}'.includes(text[at]) && --depth === 0 && text[at] === '}') return at + 1
    if (text[at] === ';' && depth === 0) return at + 1
  }
  return text.length
}
