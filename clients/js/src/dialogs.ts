// What the application asks its user. It shows the dialogs, and this module calls Supabase Auth.

import type { Factor, MFAEnrollParams, SignInWithOAuthCredentials, SignInWithPasswordCredentials } from '@supabase/supabase-js'
import type { StepUpNeeded } from './refusal.js'

/** What the user entered. undefined: the user closed the dialog. */
export type Answer<T> = Promise<T | Leave | undefined>

/** The dialog is on another page. Before this is called, the actions that wait are kept for `StepUp.resume`. */
export interface Leave {
  leave(): void | Promise<void>
}

/** What every dialog is told. */
export interface Question {
  /** Why it is shown. */
  need: StepUpNeeded
}

export interface SignInQuestion extends Question {
  /** The password that the user entered before was wrong. */
  wrong: boolean
  /** The user is anonymous. Signing in as another user loses their data, so offer `updateUser` or `linkIdentity` first. */
  anonymous: boolean
}

/** `signed_in`: the dialog has called supabase.auth itself. With a provider, the page is left. */
export type SignIn = SignInWithPasswordCredentials | SignInWithOAuthCredentials | 'signed_in'

export interface CodeQuestion extends Question {
  /** An authenticator app's factor, or a phone's, to which Supabase Auth has sent the code. */
  factor: { id: string; type: 'totp' | 'phone'; name: string | undefined }
  /** For a new authenticator app. `qr_code` is the URL of an image. */
  totp: { qr_code: string; secret: string; uri: string } | null
  /** What is wrong with the code that the user entered before. `expired`: a new one was sent. */
  problem: 'wrong' | 'expired' | null
}

export interface Dialogs {
  signIn(question: SignInQuestion): Answer<SignIn>
  code(question: CodeQuestion): Answer<string>
  /** Which of several verified factors to use. Without this dialog: an app, else a phone, else a security key. */
  chooseFactor?(question: Question & { factors: Factor[] }): Answer<Factor>
  /** What to enroll, as `supabase.auth.mfa.enroll` takes it. Without this dialog: an authenticator app. */
  chooseEnrollment?(question: Question): Answer<MFAEnrollParams>
}
