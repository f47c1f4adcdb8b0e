// The forms in which a refusal reaches a client: of pg_aal through PostgREST, through Storage or through a server of the
// application, and of Supabase Auth itself.

export type Level = 'aal1' | 'aal2' | 'aal3'
/** `configure`: no step of the user's helps, because the token states no level. */
export type Action = 'sign_in' | 'enroll' | 'verify' | 'reverify' | 'configure'

/** The next step that a refusal names. It is plain data, so a server can return it. */
export interface StepUpNeeded {
  /** null: the answer doesn't name it, and the user's factors decide. `unknown`: this module doesn't know it. */
  action: Action | 'unknown' | null
  requiredLevel: Level
  /** How old the factor may be, in seconds. null: any age will do. */
  maxAge: number | null
  /** Why the request was refused, as docs/errors.md lists it. null: the answer doesn't say. */
  reason: string | null
  /** For tokens of a claims profile: the parameter `acr_values` of the issuer's sign-in page. */
  acrValues?: string
  /** For Entra: the parameter `claims`, a JSON text, as MSAL takes it. */
  claims?: string
  /** For Clerk: the hint of `useReverification`, which reads it from `{ clerk_error: clerkError }`. */
  clerkError?: Record<string, unknown>
}

type Fields = Record<string, unknown>

/**
 * The step that an answer demands, or null if it is no refusal.
 * answer: what supabase-js returns or throws, a Response of fetch, or what `orStepUp` returned on a server.
 */
export async function readRefusal(answer: unknown): Promise<StepUpNeeded | null> {
  if (answer instanceof Response) return ofResponse(answer)
  if (!isObject(answer)) return null
  if (isObject(answer.stepUp)) return ofPlainData(answer.stepUp)
  const error = answer instanceof Error ? answer : answer.error
  if (!isObject(error)) return null
  // The error of an Edge Function holds the function's response.
  if (error.context instanceof Response) return ofResponse(error.context)
  return ofError(error)
}

/**
 * For servers, which can show no dialog: runs a request, and returns what the user must do instead of a refusal.
 * In the browser, `StepUp.withStepUp` reads that and does it.
 */
export async function orStepUp<T>(request: () => PromiseLike<T>): Promise<T | { stepUp: StepUpNeeded }> {
  try {
    const answer = await request()
    const stepUp = await readRefusal(answer)
    return stepUp ? { stepUp } : answer
  } catch (error) {
    const stepUp = await readRefusal(error)
    if (!stepUp) throw error
    return { stepUp }
  }
}

async function ofResponse(response: Response): Promise<StepUpNeeded | null> {
  if (response.ok) return null
  const body: unknown = response.bodyUsed
    ? null
    : await response
        .clone()
        .json()
        .catch(() => null)
  if (isObject(body)) {
    const need = isObject(body.stepUp) ? ofPlainData(body.stepUp) : ofError(body)
    if (need) return need
  }
  return ofChallenge(response.headers.get('WWW-Authenticate') ?? '')
}

// The body of PostgREST, Storage or Supabase Auth, or the error that supabase-js makes of it.
function ofError({ code, error_code, message, details }: Fields): StepUpNeeded | null {
  const text = typeof message === 'string' ? message : ''
  if (code !== 'insufficient_aal' && error_code !== 'insufficient_aal' && !text.startsWith('insufficient_aal')) return null
  return ofDetail(details) ?? ofMessage(text)
}

// DETAIL: see docs/errors.md.
function ofDetail(details: unknown): StepUpNeeded | null {
  const detail = typeof details === 'string' ? parsed(details) : null
  if (!isObject(detail) || detail.code !== 'insufficient_aal') return null
  const { action, required_aal, max_age, reason, acr_values, claims, clerk_error } = detail
  return ofPlainData({ action, requiredLevel: required_aal, maxAge: max_age, reason, acrValues: acr_values, claims, clerkError: clerk_error })
}

// Storage hands on the message only, and Supabase Auth wants aal2 without saying so.
function ofMessage(message: string): StepUpNeeded {
  const [, requiredLevel, age] = /.* requires (aal[123])(?: verified within the last (\d+) seconds)?/.exec(message) ?? []
  return withoutAction(requiredLevel, age, message)
}

// The challenge of RFC 9470, or Entra's for an authentication context.
function ofChallenge(header: string): StepUpNeeded | null {
  const isOfEntra = /\bBearer\b.*\berror="?insufficient_claims\b/i.test(header) && /\bcc_type="?authcontext\b/.test(header)
  if (!isOfEntra && !/\bBearer\b.*\berror="?insufficient_user_authentication\b/i.test(header)) return null
  const acrValues = /\bacr_values="([^"]*)"/.exec(header)?.[1]
  const requiredLevel = acrValues?.split(' ').find((word) => /^aal[123]$/.test(word))
  const need = withoutAction(requiredLevel, /\bmax_age="?(\d+)/.exec(header)?.[1], header)
  return { ...need, ...whatToAsk({ acrValues, claims: decoded(/\bclaims="([^"]*)"/.exec(header)?.[1]) }) }
}

// Of a token without a level, and of a session that is over, the words say so.
function withoutAction(requiredLevel: string | undefined, age: string | undefined, text: string): StepUpNeeded {
  const [, why] = Object.entries(reasonsInWords).find(([words]) => text.includes(words)) ?? []
  return ofPlainData({ requiredLevel, maxAge: age && Number(age), ...why })
}

const reasonsInWords = {
  'token states no assurance level': { action: 'configure', reason: 'no_level' },
  'token states no authentication level': { action: 'configure', reason: 'no_level' },
  'live session, and the session has ended': { action: 'sign_in', reason: 'session_ended' },
  "live session, and the session's user is not known": { action: 'sign_in', reason: 'unknown_user' },
  'live session, and the factor of the session was removed': { action: 'sign_in', reason: 'factor_removed' },
  "live session, and the session's token names no session": { action: 'configure', reason: 'no_session_id' },
}

function ofPlainData({ action, requiredLevel, maxAge, reason, ...others }: Fields): StepUpNeeded {
  return {
    action: isAction(action) ? action : action === null || action === undefined ? null : 'unknown',
    requiredLevel: requiredLevel === 'aal1' || requiredLevel === 'aal3' ? requiredLevel : 'aal2',
    maxAge: typeof maxAge === 'number' ? maxAge : null,
    reason: typeof reason === 'string' ? reason : null,
    ...whatToAsk(others),
  }
}

// What the client asks another issuer than Supabase Auth for.
function whatToAsk({ acrValues, claims, clerkError }: Fields): Pick<StepUpNeeded, 'acrValues' | 'claims' | 'clerkError'> {
  return {
    ...(typeof acrValues === 'string' && { acrValues }),
    ...(typeof claims === 'string' && { claims }),
    ...(isObject(clerkError) && { clerkError }),
  }
}

// Base64 of a JSON text, or undefined.
function decoded(base64: string | undefined): string | undefined {
  try {
    const text = base64 && atob(base64)
    return text && isObject(JSON.parse(text)) ? text : undefined
  } catch {
    return undefined
  }
}

function isAction(value: unknown): value is Action {
  return ['sign_in', 'enroll', 'verify', 'reverify', 'configure'].some((action) => action === value)
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
