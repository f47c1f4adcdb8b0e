// The action that waits while the page is left for a step-up. It is kept for this tab only, and is taken up once: by the
// user who asked for it, and on the way back from the step-up that was begun for it.

const key = 'pending'
const longest = 10 * 60_000

export function keepPending(pending) {
  sessionStorage.setItem(key, JSON.stringify({ ...pending, at: Date.now() }))
}

// The action that waits, or null. One that waits too long, or for another user, is dropped.
export function pendingOf(user) {
  const pending = JSON.parse(sessionStorage.getItem(key))
  if (pending && pending.user === user.id && Date.now() - pending.at < longest) return pending
  dropPending()
  return null
}

export function dropPending() {
  sessionStorage.removeItem(key)
}
