// The same as session.js at Supabase Auth, with supabase-js: in dialogs, so that the page isn't left.

import './supabase-js.js'

export class Session {
  constructor({ supabase: { url, key } }) {
    this.client = window.supabase.createClient(url, key, { auth: { storage: window.sessionStorage } })
    this.otherTabs = new BroadcastChannel('session')
  }

  async load() {
    return {}
  }

  async user() {
    const { session } = await answerOf(this.client.auth.getSession())
    return session && { id: session.user.id, name: session.user.email, token: session.access_token }
  }

  // Whether the user did it.
  signIn() {
    const fields = [
      { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username' },
      { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
    ]
    return ask({ title: 'Sign in', fields }, (credentials) => this.client.auth.signInWithPassword(credentials))
  }

  // Whether the user did it. Supabase Auth dates each code, so a new one is fresh.
  async stepUp() {
    const { totp, all } = await answerOf(this.client.auth.mfa.listFactors())
    const enrolled = totp[0] ? null : await this.enroll(all)
    const factorId = (totp[0] ?? enrolled).id
    const fields = [{ name: 'code', label: 'Code from your authenticator app', inputMode: 'numeric', autocomplete: 'one-time-code' }]
    const dialog = enrolled
      ? {
          title: 'Set up an authenticator app',
          picture: enrolled.totp.qr_code,
          text: `Scan the picture, or type this key: ${enrolled.totp.secret}`,
          fields,
        }
      : { title: 'Second step', fields }
    return ask(dialog, ({ code }) => this.client.auth.mfa.challengeAndVerify({ factorId, code }))
  }

  // What an earlier try left is in the way.
  async enroll(factors) {
    for (const { id, status } of factors) if (status === 'unverified') await this.client.auth.mfa.unenroll({ factorId: id })
    return answerOf(this.client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Authenticator app' }))
  }

  async signOut() {
    await this.client.auth.signOut()
    this.otherTabs.postMessage('signed out')
  }

  onSignedOut(then) {
    this.otherTabs.onmessage = async () => {
      await this.client.auth.signOut({ scope: 'local' })
      then()
    }
  }
}

async function answerOf(request) {
  const { data, error } = await request
  if (error) throw error
  return data
}

// Shows a dialog, until what is typed is accepted or the user closes it.
function ask({ title, picture, text, fields }, accept) {
  const dialog = make('dialog', {})
  const form = make('form', {}, make('h2', { id: 'dialog-title', textContent: title }))
  dialog.setAttribute('aria-labelledby', 'dialog-title')
  if (picture) form.append(make('img', { src: picture, alt: 'QR code for your authenticator app', width: 200, height: 200 }))
  if (text) form.append(make('p', { textContent: text }))
  for (const { label, ...input } of fields) form.append(make('label', { textContent: label }, make('input', { required: true, ...input })))
  const problem = make('p', { role: 'alert' })
  const cancel = make('button', { type: 'button', className: 'quiet', textContent: 'Cancel', onclick: () => dialog.close() })
  form.append(problem, make('button', { textContent: 'Go on' }), ' ', cancel)
  dialog.append(form)
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault()
      const { error } = await accept(Object.fromEntries(new FormData(form)))
      if (error) return (problem.textContent = error.message)
      dialog.close('done')
    }
    dialog.onclose = () => {
      dialog.remove()
      resolve(dialog.returnValue === 'done')
    }
  })
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}
