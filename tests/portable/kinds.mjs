// The ways in which the portable edition may answer less than the native one. docs/portable_differences.md lists and explains them.

import { isDeepStrictEqual } from 'node:util'

export const major = Number(process.env.PG ?? '15')

const beyondJsonb = /\\u0000|\\u[dD][89a-fA-F]|[eE]\+?\d{5,}/

const refused = (answer) => answer.startsWith('ERROR\n') || ['false', '(null)', ''].includes(answer) || answer.includes('"reason": "invalid_claims"')
const raised = (answer, state, message = '') => answer.startsWith(`ERROR\n${state}\n${message}`)
const notJson = (native) => !raised(native, '42501') && refused(native)

// The native edition reads a number as a double, to fifteen digits or so, and shows none of the methods where one is too large.
const roughly = (value) =>
  JSON.parse(JSON.stringify(value, (_, part) => (typeof part === 'number' && Number.isFinite(part) ? Number(part.toPrecision(12)) : part)))

function sameButNumbers(native, portable, text) {
  const { currentAuthenticationMethods: shown, ...others } = native
  const { currentAuthenticationMethods: written, ...same } = portable
  const isTooLarge = /\d[eE]\+?\d{3}/.test(text)
  return isDeepStrictEqual(others, same) && (isDeepStrictEqual(roughly(shown), roughly(written)) || (shown.length === 0 && isTooLarge))
}

export const kinds = {
  'text that is no JSON raises before Postgres 16': ({ native, portable }) =>
    major < 16 && raised(portable, '22P02', 'invalid input syntax for type json') && notJson(native),
  'text that is no JSON is refused without the place of the fault': ({ native, portable }) =>
    raised(portable, '22P02', 'invalid_claims: the claims are not JSON\n') &&
    raised(native, '22P02', 'invalid_claims: the claims are not JSON (line'),
  'a claim twice in a text that is no JSON either': ({ native, portable }) =>
    raised(portable, '22P02') && raised(native, '22P02', 'invalid_claims: ') && !native.includes('(line'),
  'an escape or a number that jsonb cannot hold is refused': ({ text, portable }) =>
    beyondJsonb.test(text) && (['22P02', '22P05', '22003'].some((state) => raised(portable, state)) || (major >= 16 && refused(portable))),
  'the hint without a store names a function, and no setting': ({ native, portable }) =>
    raised(portable, '55000') && native.split('\nHINT ')[0] === portable.split('\nHINT ')[0],
  'numbers of amr are shown as they are written': ({ question, native, portable, text }) =>
    question.name === 'aal_status()' && !portable.startsWith('ERROR') && sameButNumbers(JSON.parse(native), JSON.parse(portable), text),
  'claims nested too deeply raise': ({ portable }) => raised(portable, '54001'),
}

// The kind of a difference; undefined where it has none, or where the portable edition grants what the native one refuses.
export function kindOf(difference) {
  if (difference.question.booleans && difference.portable === 'true') return undefined
  return Object.keys(kinds).find((kind) => kinds[kind](difference))
}
