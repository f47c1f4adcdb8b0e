// Signing in, stepping up and signing out at an OpenID provider, with oidc-client-ts.

const { UserManager, WebStorageStateStore } = window.oidc

export class Session {
  constructor({ issuer, clientId }) {
    // For this tab only, so that another tab can't take up what this one began.
    const store = new WebStorageStateStore({ store: window.sessionStorage })
    const page = location.origin + location.pathname
    this.manager = new UserManager({
      authority: issuer,
      client_id: clientId,
      scope: 'openid profile',
      redirect_uri: page,
      post_logout_redirect_uri: page,
      userStore: store,
      stateStore: store,
    })
    this.otherTabs = new BroadcastChannel('session')
  }

  // Call it when the page has loaded. The answer is what the user returns from: { began } with the mark that was given to
  // signIn or stepUp, and { refused } if the provider says that the user didn't do it.
  async load() {
    const back = new URL(location.href)
    if (!back.searchParams.has('state')) return {}
    // Reloading the page must not use the code again.
    history.replaceState(null, '', back.pathname)
    try {
      const user = await this.manager.signinCallback(back.href)
      return { began: user?.state }
    } catch (error) {
      if (error.name === 'ErrorResponse') return { began: error.state, refused: error.error }
      // A link that was followed twice: its code and its state are used up.
      return {}
    }
  }

  async user() {
    const user = await this.manager.getUser()
    if (!user) return null
    return { id: user.profile.sub, name: user.profile.name ?? user.profile.preferred_username ?? user.profile.sub, token: user.access_token }
  }

  // This leaves the page, as stepUp and signOut do.
  async signIn(began) {
    await this.manager.signinRedirect({ state: began })
  }

  // Asks the provider for what the challenge demands. again: it was asked before, and that wasn't enough. So the user is to
  // prove everything anew.
  async stepUp({ acrValues, maxAge }, began, again) {
    await this.manager.signinRedirect({ acr_values: acrValues, max_age: maxAge, prompt: again ? 'login' : undefined, state: began })
  }

  async signOut() {
    this.otherTabs.postMessage('signed out')
    await this.manager.signoutRedirect()
  }

  // Another tab has signed out: this one forgets its tokens.
  onSignedOut(then) {
    this.otherTabs.onmessage = async () => {
      await this.manager.removeUser()
      then()
    }
  }
}
