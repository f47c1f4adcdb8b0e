import type { Dialogs } from './dialogs.js'
import { StepUpError } from './error.js'
import { keep, takeOut, type Pending, type PendingAction, type PendingStorage } from './pending.js'
import { readRefusal, type StepUpNeeded } from './refusal.js'
import { currentUser, stepOf, take, type Context, type Outcome, type Step } from './steps.js'

/** Requests by name, which can be resumed after the page was left. Their arguments must be JSON, and hold no secrets. */
export type Actions = Record<string, (...args: never[]) => PromiseLike<unknown>>

export interface Options<A extends Actions> {
  /** For `perform` and `resume`. */
  actions?: A
  /** Where actions wait while the page is left. By default sessionStorage, which is the tab's own. */
  storage?: PendingStorage
  /** How long they wait, in seconds. By default 600. */
  pendingMaxAge?: number
}

/** An action that waited: its answer, or why it wasn't sent again. */
export type Resumed = PendingAction & ({ answer: unknown } | { dropped: 'too_old' | 'other_user' | 'signed_out' | 'unknown_action' })

/** More steps than any policy demands: verify, sign in anew, verify again, and once more if something changed meanwhile. */
const maxSteps = 4

/** Make one for each Supabase client. All requests that are refused at the same time share one step-up. */
export class StepUp<A extends Actions = Actions> {
  readonly #supabase: Context['supabase']
  readonly #dialogs: Dialogs
  readonly #options: Options<A>
  readonly #waiting = new Set<PendingAction>()
  #running: Promise<Outcome> | null = null
  #last: Promise<Outcome> | null = null
  #ended = 0

  constructor(supabase: Context['supabase'], dialogs: Dialogs, options: Options<A> = {}) {
    this.#supabase = supabase
    this.#dialogs = dialogs
    this.#options = options
  }

  /**
   * Sends a request, and steps up as often as the database demands it. Only a refused request is sent again: a refusal
   * undoes all that the request did. So let each request be one call of supabase-js or of fetch.
   *
   * If the user closes a dialog, it returns the refused answer. If a step fails, it throws a `StepUpError`.
   */
  async withStepUp<T>(request: () => PromiseLike<T>): Promise<T> {
    let taken: Step | null = null
    for (let steps = 0; ; steps++) {
      // Asked before it is sent: when it is refused, another user may have signed in. If that fails, only a step-up does, too.
      const user = await currentUser(this.#supabase).catch((error: Error) => error)
      const endedBefore = this.#ended
      const { result, settle } = await attempt(request)
      const need = await readRefusal(result)
      // The same step twice in a row won't help: the clocks differ, for example.
      if (!need || steps === maxSteps || taken === stepOf(need)) return settle()
      mustBePossible(need)
      if (user instanceof Error) throw user
      // A step-up that ended since the request was sent is this request's, too.
      const outcome: Outcome = await (this.#ended > endedBefore && this.#last ? this.#last : this.#share(need))
      if (outcome === 'closed' || outcome === 'left') return settle()
      await this.#mustStillBe(user)
      taken = outcome
    }
  }

  /** Sends one of `actions` by name. If the page is left for the step-up, `resume` sends it again. */
  async perform<N extends keyof A & string>(name: N, ...args: Parameters<A[N]>): Promise<Awaited<ReturnType<A[N]>>> {
    const action = this.#action(name)
    if (!action) throw new TypeError(`no action ${name}`)
    const waiting = { name, args }
    this.#waiting.add(waiting)
    try {
      return (await this.withStepUp(() => action(...args))) as Awaited<ReturnType<A[N]>>
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  /** Call this when a page has loaded: sends the actions that waited while it was left. */
  async resume(): Promise<Resumed[]> {
    const pending = takeOut(this.#storage())
    if (!pending) return []
    const dropped = await this.#whyNot(pending)
    if (dropped) return pending.actions.map((action) => ({ ...action, dropped }))
    return Promise.all(
      pending.actions.map(async ({ name, args }): Promise<Resumed> => {
        if (!this.#action(name)) return { name, args, dropped: 'unknown_action' }
        return { name, args, answer: await this.perform(name, ...(args as Parameters<A[string]>)) }
      }),
    )
  }

  #share(need: StepUpNeeded): Promise<Outcome> {
    if (this.#running) return this.#running
    const context: Context = { supabase: this.#supabase, dialogs: this.#dialogs, need, leave: (leave) => this.#leave(leave) }
    this.#running = take(context).finally(() => {
      this.#running = null
      this.#ended++
    })
    this.#last = this.#running
    return this.#running
  }

  async #leave(leave: () => void | Promise<void>): Promise<'left'> {
    const user = await currentUser(this.#supabase)
    const actions = [...this.#waiting]
    if (actions.length > 0) keep(this.#storage(), { actions, user: user && !user.is_anonymous ? user.id : null, at: Date.now() })
    try {
      await leave()
    } catch (error) {
      if (actions.length > 0) takeOut(this.#storage())
      throw error
    }
    return 'left'
  }

  async #whyNot({ user, at }: Pending): Promise<'too_old' | 'other_user' | 'signed_out' | null> {
    const age = Date.now() - at
    if (!(age >= 0 && age <= 1000 * (this.#options.pendingMaxAge ?? 600))) return 'too_old'
    const now = await currentUser(this.#supabase)
    if (!now) return 'signed_out'
    return user !== null && user !== now.id ? 'other_user' : null
  }

  async #mustStillBe(user: { id: string; is_anonymous?: boolean } | null): Promise<void> {
    if (!user || user.is_anonymous || user.id === (await currentUser(this.#supabase))?.id) return
    throw new StepUpError('other_user', 'another user has signed in, so the request was not sent again')
  }

  #action(name: string): ((...args: Parameters<A[string]>) => PromiseLike<unknown>) | undefined {
    const { actions } = this.#options
    return actions && Object.hasOwn(actions, name) ? actions[name] : undefined
  }

  #storage(): PendingStorage {
    return this.#options.storage ?? globalThis.sessionStorage
  }
}

// An answer or a thrown error, and how to hand it on.
async function attempt<T>(request: () => PromiseLike<T>): Promise<{ result: unknown; settle: () => T }> {
  try {
    const answer = await request()
    return { result: answer, settle: () => answer }
  } catch (error) {
    const settle = () => {
      throw error
    }
    return { result: error, settle }
  }
}

function mustBePossible({ action, reason }: StepUpNeeded): void {
  if (reason === 'no_session_id')
    throw new StepUpError('no_session_id', 'the access token names no session (claim session_id), and no step of a user changes that')
  if (action === 'configure' || reason === 'no_level')
    throw new StepUpError('no_level', 'the access token states no assurance level (claim aal), and no step of a user changes that')
  if (action === 'unknown') throw new StepUpError('unknown_action', 'the database names a step that this version of pg-aal-client does not know')
}
