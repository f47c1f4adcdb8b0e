// The steps of one step-up: signing in, enrolling a factor, verifying one.

import type { Factor, MFAEnrollParams, SupabaseClient } from '@supabase/supabase-js'
import type { CodeQuestion, Dialogs, Leave } from './dialogs.js'
import { failed, StepUpError } from './error.js'
import type { StepUpNeeded } from './refusal.js'

export type Step = 'sign_in' | 'factor'
/** The step that was taken, or why none was. */
export type Outcome = Step | 'closed' | 'left'

export interface Context {
  supabase: Pick<SupabaseClient, 'auth'>
  dialogs: Dialogs
  need: StepUpNeeded
  /** Keeps the actions that wait, and leaves the page. */
  leave(leave: Leave['leave']): Promise<'left'>
}

/** How often one dialog asks for the same thing. */
const maxTries = 5

/** The step that a refusal demands. At aal1, only signing in again proves a level anew. */
export function stepOf(need: StepUpNeeded): Step {
  return need.action === 'sign_in' || need.requiredLevel === 'aal1' ? 'sign_in' : 'factor'
}

export async function take(context: Context): Promise<Outcome> {
  if (stepOf(context.need) === 'sign_in') return signIn(context)
  const { data, error } = await context.supabase.auth.mfa.listFactors()
  // The session has ended: by a sign-out, or because the user stepped up on another device.
  if (error?.name === 'AuthSessionMissingError') return signIn(context)
  if (error) throw failed(error)
  const verified = data.all.filter(({ status }) => status === 'verified')
  return verified.length > 0 ? verify(context, verified) : enroll(context, data.all)
}

/** The user who is signed in, or null. */
export async function currentUser(supabase: Context['supabase']) {
  const { data } = await supabase.auth.getSession()
  return data.session?.user ?? null
}

async function signIn(context: Context): Promise<Outcome> {
  const { supabase, dialogs, need } = context
  const anonymous = (await currentUser(supabase))?.is_anonymous ?? false
  let wrong = false
  for (let tries = 0; tries < maxTries; tries++) {
    const answer = await dialogs.signIn({ need, wrong, anonymous })
    if (answer === undefined) return 'closed'
    if (answer === 'signed_in') return 'sign_in'
    if ('leave' in answer) return context.leave(answer.leave.bind(answer))
    if ('provider' in answer) {
      return context.leave(async () => {
        const { error } = await supabase.auth.signInWithOAuth(answer)
        if (error) throw failed(error)
      })
    }
    const { error } = await supabase.auth.signInWithPassword(answer)
    if (!error) return 'sign_in'
    if (error.code !== 'invalid_credentials') throw failed(error)
    wrong = true
  }
  throw new StepUpError('too_many_tries', 'too many wrong passwords')
}

async function verify(context: Context, factors: Factor[]): Promise<Outcome> {
  const { dialogs, need } = context
  const factor = factors.length > 1 && dialogs.chooseFactor ? await dialogs.chooseFactor({ need, factors }) : preferred(factors)
  if (factor === undefined) return 'closed'
  if ('leave' in factor) return context.leave(factor.leave.bind(factor))
  const { id, friendly_name: name } = factor
  if (factor.factor_type === 'webauthn') return useKey(context, id, name)
  return enterCodes(context, { id, type: factor.factor_type, name }, null)
}

function preferred(factors: Factor[]): Factor | undefined {
  const ofType = (type: string) => factors.find(({ factor_type }) => factor_type === type)
  return ofType('totp') ?? ofType('phone') ?? factors[0]
}

const appByDefault: MFAEnrollParams = { factorType: 'totp' }

async function enroll(context: Context, unverified: Factor[]): Promise<Outcome> {
  const { supabase, dialogs, need } = context
  const params = dialogs.chooseEnrollment ? await dialogs.chooseEnrollment({ need }) : appByDefault
  if (params === undefined) return 'closed'
  if ('leave' in params) return context.leave(params.leave.bind(params))
  // An earlier attempt was given up. As long as its factor is there, its name is taken.
  for (const { id } of unverified) {
    const { error } = await supabase.auth.mfa.unenroll({ factorId: id })
    if (error) throw failed(error)
  }
  const { data: factor, error } = await supabase.auth.mfa.enroll(params)
  if (error) throw failed(error)
  const { id, friendly_name: name } = factor
  if (factor.type === 'webauthn') return useKey(context, id, name)
  return enterCodes(context, { id, type: factor.type, name }, factor.type === 'totp' ? factor.totp : null)
}

async function enterCodes(context: Context, factor: CodeQuestion['factor'], totp: CodeQuestion['totp']): Promise<Outcome> {
  const { supabase, dialogs, need } = context
  // The challenge sends a phone's code. An app needs none until the code is there, so its challenge never expires.
  let challengeId = factor.type === 'phone' ? await challenge(context, factor.id) : null
  let problem: CodeQuestion['problem'] = null
  for (let tries = 0; tries < maxTries; tries++) {
    const answer = await dialogs.code({ need, factor, totp, problem })
    if (answer === undefined) return 'closed'
    if (typeof answer !== 'string') return context.leave(answer.leave.bind(answer))
    challengeId ??= await challenge(context, factor.id)
    const { error } = await supabase.auth.mfa.verify({ factorId: factor.id, challengeId, code: answer.replace(/\s/g, '') })
    if (!error) return 'factor'
    problem = problemOf(error)
    if (factor.type === 'totp') challengeId = null
    else if (problem === 'expired') challengeId = await challenge(context, factor.id)
  }
  throw new StepUpError('too_many_tries', 'too many wrong codes')
}

async function challenge({ supabase }: Context, factorId: string): Promise<string> {
  const { data, error } = await supabase.auth.mfa.challenge({ factorId })
  if (error) throw failed(error)
  return data.id
}

function problemOf(error: Error & { code?: string | undefined }): 'wrong' | 'expired' {
  switch (error.code) {
    case 'mfa_verification_failed':
    case 'otp_expired': // Twilio Verify's word for both, wrong and expired.
    case 'validation_failed': // An empty code.
      return 'wrong'
    case 'mfa_challenge_expired':
    case 'mfa_ip_address_mismatch': // Also of a challenge that was used.
      return 'expired'
    default:
      throw failed(error)
  }
}

// A security key or passkey: the browser shows the dialog. The challenge of an unverified factor registers the key.
async function useKey({ supabase }: Context, factorId: string, friendlyName = 'Security key'): Promise<Outcome> {
  const { webauthn } = supabase.auth.mfa
  const relyingParty = { rpId: location.hostname, rpOrigins: [location.origin] }
  const { data, error } = await webauthn.challenge({ factorId, friendlyName, webauthn: relyingParty })
  // The user closed the browser's dialog, or it timed out.
  if (error?.name === 'NotAllowedError') return 'closed'
  if (error) throw failed(error)
  const verified = await webauthn.verify({ factorId, challengeId: data.challengeId, webauthn: { ...relyingParty, ...data.webauthn } })
  if (verified.error) throw failed(verified.error)
  return 'factor'
}
