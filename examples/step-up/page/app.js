// The page: shows payments, sends what the user asks for, and takes the step that the server demands for it.

import { readChallenge } from './challenge.js'
import { dropPending, keepPending, pendingOf } from './pending.js'

const config = await (await fetch('config.json')).json()
// Yours needs one of the two.
const { Session } = await import(config.supabase ? './supabase.js' : './session.js')
const session = new Session(config)
const element = (id) => document.getElementById(id)

// What users can do, by name: a pending action is kept as its name and arguments.
const actions = {
  pay: {
    send: ({ payee, amount }) => request('POST', '/payments', { payee, amount }),
    describe: ({ payee, amount }) => `pay ${amount} to ${payee}`,
  },
  remove: {
    send: ({ id }) => request('DELETE', `/payments?id=eq.${encodeURIComponent(id)}`),
    describe: ({ payee, amount }) => `delete the payment of ${amount} to ${payee}`,
  },
}

async function request(method, path, body) {
  const user = await session.user()
  const headers = { 'Content-Type': 'application/json' }
  if (user) headers.Authorization = 'Bearer ' + user.token
  return fetch(config.api + path, { method, headers, body: body && JSON.stringify(body) })
}

// Sends an action. If the server demands a step-up first, the action waits, and the page is left for it.
async function perform({ name, args, tries = 0 }) {
  say('')
  const user = await session.user()
  const answer = await actions[name].send(args)
  if (answer.ok) {
    await show()
    return say(`Done: ${actions[name].describe(args)}.`)
  }
  const challenge = readChallenge(answer)
  const expired = answer.status === 401 && !challenge
  if ((!challenge && !expired) || tries === 2 || (await nothingHelps(answer))) {
    await show()
    return say(`Not done: ${actions[name].describe(args)}. ${await reasonOf(answer)}`)
  }
  const pending = { name, args, user: user?.id, tries: tries + 1, mark: crypto.randomUUID() }
  if (user) keepPending(pending)
  const done = await (expired || !user ? session.signIn(pending.mark) : session.stepUp(challenge, pending.mark, tries > 0))
  // Only a step that doesn't leave the page comes back here with an answer.
  if (done === undefined) return
  dropPending()
  return done ? perform(pending) : say(`Not done: ${actions[name].describe(args)}. The second step was cancelled.`)
}

const bodyOf = (answer) =>
  answer
    .clone()
    .json()
    .catch(() => ({}))

// The token lacks what the server reads, and no step of the user's changes that.
async function nothingHelps(answer) {
  const { details } = await bodyOf(answer)
  return typeof details === 'string' && details.includes('"action":"configure"')
}

async function reasonOf(answer) {
  const { message, hint } = await bodyOf(answer)
  return hint ?? message ?? `The server answered ${answer.status}.`
}

// Takes up what waited, if the user comes back from the step that was begun for it. Else the user decides.
async function resume({ began, refused }) {
  const user = await session.user()
  const pending = user && pendingOf(user)
  if (!pending) return
  if (refused && began === pending.mark) {
    dropPending()
    return say(`Not done: ${actions[pending.name].describe(pending.args)}. The second step was cancelled.`)
  }
  if (began === pending.mark) {
    dropPending()
    return perform(pending)
  }
  element('waiting').hidden = false
  element('waiting-what').textContent = `You wanted to ${actions[pending.name].describe(pending.args)}. It needs a second step.`
  element('go-on').onclick = () => settle(() => perform({ ...pending, tries: 0 }))
  element('discard').onclick = () => settle(() => say(`Discarded: ${actions[pending.name].describe(pending.args)}.`))
}

function settle(then) {
  dropPending()
  element('waiting').hidden = true
  return then()
}

// Shows who is signed in, their payments, and which actions need a second step now.
async function show() {
  const user = await session.user()
  const [standing, payments] = user ? await Promise.all([read('/rpc/standing'), read('/payments?order=id')]) : []
  // Without a level the sign-in is too old, and the list would be empty.
  const signedIn = Boolean(standing?.status.currentLevel)
  for (const id of ['sign-out', 'user', 'payments', 'pay']) element(id).hidden = !signedIn
  element('sign-in').hidden = signedIn
  element('waiting').hidden = true
  if (!signedIn) return
  element('user').textContent = user.name
  element('list').replaceChildren(...payments.map((payment) => row(payment, standing.operations.remove)))
  element('pay-note').textContent = note(standing.operations.pay)
}

async function read(path) {
  const answer = await request('GET', path)
  return answer.ok ? answer.json() : undefined
}

const note = ({ ready, needs }) => (ready ? 'No second step is needed now.' : `You will be asked for a second step: ${stepOf(needs)}.`)

// In words: "aal2 within 00:15:00" is a second factor of the last minutes.
const stepOf = ({ minutes }) =>
  minutes ? `a code from your authenticator app, unless you typed one in the last ${minutes} minutes` : 'a code from your authenticator app'

function row({ id, payee, amount }, operation) {
  const item = document.createElement('li')
  const button = Object.assign(document.createElement('button'), { className: 'quiet', textContent: 'Delete' })
  button.setAttribute('aria-label', `Delete ${payee}, ${amount}. ${note(operation)}`)
  button.title = note(operation)
  button.onclick = () => busy(() => perform({ name: 'remove', args: { id, payee, amount } }))
  const text = (content) => Object.assign(document.createElement('span'), { textContent: content })
  item.append(text(payee), text(amount), button)
  return item
}

function say(text) {
  element('message').textContent = text
  if (text) element('message').focus()
}

// One action at a time.
async function busy(action) {
  const buttons = document.querySelectorAll('button')
  for (const button of buttons) button.disabled = true
  try {
    await action()
  } catch (error) {
    say(`That didn't work: ${error.message}`)
  } finally {
    for (const button of buttons) button.disabled = false
  }
}

for (const id of ['sign-in', 'sign-out']) {
  element(id).onclick = () =>
    busy(async () => {
      say('')
      await (id === 'sign-in' ? session.signIn() : session.signOut())
      await show()
    })
}
element('pay').onsubmit = (event) => {
  event.preventDefault()
  const { payee, amount } = Object.fromEntries(new FormData(event.target))
  return busy(() => perform({ name: 'pay', args: { payee, amount: Number(amount) } }))
}
session.onSignedOut(() => {
  dropPending()
  return show()
})

const start = () =>
  busy(async () => {
    const returned = await session.load()
    await show()
    await resume(returned)
  })
// The browser may bring the page back as it was left, if the user returns by the button Back.
addEventListener('pageshow', (event) => event.persisted && start())
await start()
