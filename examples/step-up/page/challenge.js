// The challenge of RFC 9470, with which the server refuses a request until the user has taken a further step.

// What the server demands, as { acrValues, maxAge }, or null if the answer is no such refusal.
export function readChallenge(response) {
  const header = response.headers.get('WWW-Authenticate') ?? ''
  if (response.status !== 401 || !header.includes('error="insufficient_user_authentication"')) return null
  const value = (name) => header.match(new RegExp(`[ ,]${name}="([^"]*)"`))?.[1]
  const maxAge = value('max_age')
  return { acrValues: value('acr_values'), maxAge: maxAge === undefined ? undefined : Number(maxAge) }
}
