// Actions that wait while the page is left: their names and arguments, and for whom.

/** sessionStorage, or another place of the application's choice. */
export type PendingStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export interface PendingAction {
  name: string
  args: unknown[]
}

export interface Pending {
  actions: PendingAction[]
  /** Who was signed in. null: nobody, or an anonymous user. */
  user: string | null
  /** When the page was left, in milliseconds since 1970. */
  at: number
}

const key = 'pg_aal.pending'

export function keep(storage: PendingStorage, pending: Pending): void {
  storage.setItem(key, JSON.stringify(pending))
}

/** The actions that were kept. They are removed at once, so that nothing is resumed twice. */
export function takeOut(storage: PendingStorage): Pending | null {
  const text = storage.getItem(key)
  if (text === null) return null
  storage.removeItem(key)
  try {
    const pending: Pending = JSON.parse(text)
    return { ...pending, actions: pending.actions.filter(isAction) }
  } catch {
    return null
  }
}

function isAction(action: PendingAction | null): boolean {
  return typeof action?.name === 'string' && Array.isArray(action.args)
}
