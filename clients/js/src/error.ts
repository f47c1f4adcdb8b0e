/** A step-up that failed. A dialog that the user closed is no failure: the refused answer is returned then. */
export class StepUpError extends Error {
  /**
   * - `no_level`: the token has no assurance level, and signing in again won't give it one.
   * - `no_session_id`: the token names no session, and signing in again won't give it one.
   * - `other_user`: another user signed in, so the request wasn't sent again.
   * - `too_many_tries`: too many wrong codes or passwords.
   * - `unknown_action`: the database names a step that this module doesn't know.
   * - Else the code of Supabase Auth's error, which is the `cause`: `over_sms_send_rate_limit`, for example.
   */
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'StepUpError'
    this.code = code
  }
}

/** The failure that an error of supabase-js means. */
export function failed(error: Error & { code?: string | undefined }): StepUpError {
  return new StepUpError(error.code ?? error.name, error.message, error)
}
