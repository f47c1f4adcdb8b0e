// What the prose check holds. A group is checked by `make lint` where it is on.

export const longestSentence = 30

export const groups = {
  readme: { on: true, files: /^README\.md$/ },
  docs: { on: true, files: /^(docs\/.*|(clients|crates|examples|sql|tests)\/.*)\.md$/ },
  // Of CHANGELOG.md, what is not released yet.
  contributing: { on: true, files: /^(CONTRIBUTING|CHANGELOG|SECURITY)\.md$/ },
  // `comment on … is '…'`, and comments.
  sql: { on: false, files: /^sql\/.*\.sql$/ },
  // Doc comments and others.
  comments: { on: true, files: /^(src|crates)\/.*\.rs$/ },
}

const verb =
  "(?:is|isn't|are|aren't|was|were|has|hasn't|have|had|can|can't|cannot|may|might|must|mustn't|should|could|would|will|won't|do|does|doesn't|don't|did|needs?|wants?|owns?|holds?|gets?|gives?|makes?|takes?|goes|comes?|runs?|reads?|writes?|calls?|uses?|knows?|says?|stands?|follows?|happens?|counts?|matters?|decides?|works?|installs?)"

// Verbs and prepositions before an indirect question: "says what is wrong", "decides who may".
const asks =
  '(?:says?|said|saying|tells?|told|telling|asks?|asked|asking|knows?|known|knowing|shows?|shown|showing|sees?|seen|seeing|finds?|found|decides?|decided|deciding|checks?|explains?|explained|describes?|states?|reports?|learns?|understands?|lists?|prints?|reads?|determines?|answers?|names?|matter|about|out|on|of|and|or|over|me|us|you|them|clear|exactly|just|is|was)'

// `relative`: counted in the figures as a headless relative. `headings`: not held against headings.
export const rules = [
  {
    name: 'headless relative',
    pattern: /\b(?:whoever|whomever|whosoever|whatever|whatsoever|whichever)\b/gi,
    say: 'name the role, session or expression',
    relative: true,
  },
  {
    name: 'headless relative',
    // At the start of a sentence that is no question, or right after a word that no question hangs on.
    pattern: new RegExp(
      `(?:^|(?<=[:;(] ?)|(?<=, )(?=what)|(?<=\\b(?:to|for|from|with|by|that|than|as|but|if|unless|because|at|in|into|like|all|only|also|so|then|where|when|not|before|after) ))(?:who|what) ${verb}(?![\\w'])(?![^.]*\\?)`,
      'gi',
    ),
    say: 'name the role, session or expression',
    relative: true,
    headings: false,
  },
  {
    name: 'headless relative',
    // "does what is asked": a verb that no question hangs on.
    pattern: new RegExp(`(?<!\\b${asks} )(?<=\\b[a-z']+ )what (?:is|isn't|are|was|were|has|can|can't|must|may) (?![^.]*\\?)`, 'gi'),
    say: 'name the thing',
    relative: true,
    headings: false,
  },
  {
    name: 'it is … that',
    // Not "it is a table that …", which says what the thing is.
    pattern:
      /\bit(?:'s| is| was| isn't| is not) (?!(?:an?|one|part|for|with|in|on|at|by|of|set|made|stored)\b)(?:[\w'-]+ ){1,3}that\b(?! (?:case|level|moment|role|time|way)\b)/gi,
    say: 'begin with the subject',
  },
  { name: 'odd verb', pattern: /\b(?:go|goes|going|gone|went|get|gets|getting) past\b/gi, say: 'bypass' },
  { name: 'odd verb', pattern: /\b(?:let|lets|letting) (?:\w+ ){0,2}in\b(?! (?:the|a|an|this|that|its|one|place) )/gi, say: 'allow, admit' },
  { name: 'odd verb', pattern: /\bask(?:s|ed|ing)? (?:(?:a|the|no|any|which) )?(?:level|aal\d|factor|nothing|no level) of\b/gi, say: 'require … of' },
]
