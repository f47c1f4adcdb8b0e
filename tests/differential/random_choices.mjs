// A sequence of random choices, from which a generator makes something. The same sequence makes the same thing again, and a smaller
// sequence makes a smaller thing: so what is made can be made smaller without knowing what it is.

export class Choices {
  made = []

  // Random where there is no recorded choice and a generator of numbers; else the simplest, which is 0.
  constructor(recorded = [], random = () => 0) {
    this.recorded = recorded
    this.random = random
  }

  // One of 0 … count - 1, the simplest first.
  below(count) {
    const nr = this.made.length
    const choice = nr < this.recorded.length ? Math.min(this.recorded[nr], count - 1) : Math.floor(this.random() * count)
    this.made.push(choice)
    return choice
  }

  // True in so many of a hundred.
  percent(wanted) {
    return this.below(100) >= 100 - wanted
  }

  of(list) {
    return list[this.below(list.length)]
  }

  // One of [weight, value] …, the simplest first.
  weighted(...choices) {
    let rest = this.below(choices.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, value] of choices) {
      if (rest < weight) return value
      rest -= weight
    }
  }

  some(list, percent) {
    return list.filter(() => this.percent(percent))
  }
}

// Numbers from 0 to 1 that follow from a seed (mulberry32).
export function numbersFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// The smallest sequence found that still fails. fails(sequence) answers what was really used of a sequence that does, else undefined.
export async function smallestSequence(sequence, fails, until) {
  let best = sequence
  const accept = async (candidate) => {
    if (Date.now() > until) return false
    const used = await fails(candidate)
    if (used === undefined || !isSmaller(used, best)) return false
    best = used
    return true
  }
  for (let improved = true; improved && Date.now() < until; ) {
    const before = best
    for (let size = 64; size >= 1; size = Math.floor(size / 2)) {
      for (let end = best.length; end > 0; end -= Math.max(1, size)) {
        const start = Math.max(0, end - size)
        await accept([...best.slice(0, start), ...best.slice(end)])
      }
    }
    for (let size = 16; size >= 1; size = Math.floor(size / 4)) {
      for (let start = 0; start < best.length; start += size) {
        if (best.slice(start, start + size).some(Boolean)) await accept(best.map((choice, nr) => (nr >= start && nr < start + size ? 0 : choice)))
      }
    }
    for (let nr = 0; nr < best.length; nr++) {
      const smaller = (choice) => best.map((old, other) => (other === nr ? choice : old))
      while (best[nr] > 1 && (await accept(smaller(Math.floor(best[nr] / 2))))) continue
      if (best[nr] > 0) await accept(smaller(best[nr] - 1))
    }
    improved = isSmaller(best, before)
  }
  return best
}

// Shorter, or as long and smaller.
function isSmaller(one, other) {
  if (one.length !== other.length) return one.length < other.length
  const nr = one.findIndex((choice, nr) => choice !== other[nr])
  return nr >= 0 && one[nr] < other[nr]
}

// The fewest of a list with which something still fails.
export async function fewest(list, fails, until) {
  let best = list
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = best.length; end > 0 && Date.now() < until; end -= size) {
      const candidate = [...best.slice(0, Math.max(0, end - size)), ...best.slice(end)]
      if (await fails(candidate)) best = candidate
    }
  }
  return best
}
