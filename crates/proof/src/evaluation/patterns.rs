//! LIKE, and regular expressions as far as they are plain: of ASCII, without what a locale or an option decides.

/// Whether a text is like a pattern; `None` where that isn't known.
pub(super) fn is_like(text: &str, pattern: &str, ignores_case: bool) -> Option<bool> {
    if !text.is_ascii() || !pattern.is_ascii() || pattern.contains('\\') {
        return None;
    }
    if ignores_case {
        // Turkish has another pair of letters.
        let has_pair = |it: &str| it.contains(['i', 'I']);
        let lower = (text.to_ascii_lowercase(), pattern.to_ascii_lowercase());
        return if has_pair(text) || has_pair(pattern) { None } else { is_like(&lower.0, &lower.1, false) };
    }
    // For each place of the text, whether the pattern up to here ends there.
    let text = text.as_bytes();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for one in pattern.bytes() {
        let mut next = vec![false; text.len() + 1];
        for place in 0..=text.len() {
            next[place] = match one {
                b'%' => ends[place] || (place > 0 && next[place - 1]),
                _ => place > 0 && ends[place - 1] && (one == b'_' || one == text[place - 1]),
            };
        }
        ends = next;
    }
    Some(ends[text.len()])
}

/// The regular expression of a pattern for SIMILAR TO; `None` where that isn't a plain one.
pub(super) fn regular_expression(pattern: &str) -> Option<String> {
    let mut expression = String::from("^(?:");
    for one in pattern.chars() {
        match one {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            '(' => expression.push_str("(?:"),
            ')' | '|' | '*' | '+' | '?' => expression.push(one),
            _ if one.is_ascii_alphanumeric() => expression.push(one),
            _ => return None,
        }
    }
    expression.push_str(")$");
    Some(expression)
}

/// How long a pattern and a text may be to be matched.
const LONGEST: usize = 200;

/// Whether a text has a part that matches a regular expression; `None` where that isn't known.
pub(super) fn matches(text: &str, pattern: &str, ignores_case: bool) -> Option<bool> {
    if ignores_case {
        // An upper-case letter behind a backslash means another class.
        let is_plain = |it: &str| it.is_ascii() && !it.contains(['i', 'I', '\\']);
        let lower = (text.to_ascii_lowercase(), pattern.to_ascii_lowercase());
        return if is_plain(text) && is_plain(pattern) { matches(&lower.0, &lower.1, false) } else { None };
    }
    if !text.is_ascii() || !pattern.is_ascii() || text.len() > LONGEST || pattern.len() > LONGEST {
        return None;
    }
    let mut parser = Parser { rest: pattern.as_bytes(), depth: 0 };
    let parsed = parser.alternatives().filter(|_| parser.rest.is_empty())?;
    let all: Vec<usize> = (0..=text.len()).collect();
    Some(!parsed.ends(text.as_bytes(), &all).is_empty())
}

/// A part of a regular expression.
enum Part {
    Any,
    Class { negated: bool, members: Vec<(u8, u8)> },
    Start,
    End,
    Sequence(Vec<Part>),
    Alternatives(Vec<Part>),
    Repeated { part: Box<Part>, least: usize, most: Option<usize> },
}

impl Part {
    /// Where matches end that begin at one of these places, in order.
    fn ends(&self, text: &[u8], from: &[usize]) -> Vec<usize> {
        let mut ends: Vec<usize> = match self {
            Part::Any => from.iter().filter(|place| **place < text.len()).map(|place| place + 1).collect(),
            Part::Class { negated, members } => {
                let is_one = |it: u8| members.iter().any(|(first, last)| (*first..=*last).contains(&it)) != *negated;
                let here = from.iter().filter(|place| text.get(**place).is_some_and(|it| is_one(*it)));
                here.map(|place| place + 1).collect()
            }
            Part::Start => from.iter().copied().filter(|place| *place == 0).collect(),
            Part::End => from.iter().copied().filter(|place| *place == text.len()).collect(),
            Part::Sequence(parts) => parts.iter().fold(from.to_vec(), |from, part| part.ends(text, &from)),
            Part::Alternatives(parts) => parts.iter().flat_map(|part| part.ends(text, from)).collect(),
            Part::Repeated { part, least, most } => {
                let mut here = from.to_vec();
                let mut all = if *least == 0 { here.clone() } else { Vec::new() };
                // So many times are more than there are places to end at.
                for count in 1..=most.unwrap_or(least + text.len() + 1) {
                    here = part.ends(text, &here);
                    if here.is_empty() {
                        break;
                    }
                    if count >= *least {
                        all.extend(&here);
                    }
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, one: u8) -> bool {
        let is_next = self.rest.first() == Some(&one);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn alternatives(&mut self) -> Option<Part> {
        let mut all = vec![self.sequence()?];
        while self.take(b'|') {
            all.push(self.sequence()?);
        }
        Some(Part::Alternatives(all))
    }

    fn sequence(&mut self) -> Option<Part> {
        let mut parts = Vec::new();
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            let part = self.part()?;
            parts.push(self.repeated(part)?);
        }
        Some(Part::Sequence(parts))
    }

    fn part(&mut self) -> Option<Part> {
        Some(match self.next()? {
            b'.' => Part::Any,
            b'^' => Part::Start,
            b'$' => Part::End,
            b'[' => self.class()?,
            b'(' => {
                // Options and look-around begin like this, too.
                if self.rest.first() == Some(&b'?') && !(self.take(b'?') && self.take(b':')) {
                    return None;
                }
                self.depth += 1;
                let inner = self.alternatives().filter(|_| self.depth < 20)?;
                self.depth -= 1;
                if !self.take(b')') {
                    return None;
                }
                inner
            }
            b'\\' if self.take(b'd') => Part::Class { negated: false, members: vec![(b'0', b'9')] },
            one if one.is_ascii_alphanumeric()
                || matches!(one, b'"' | b'-' | b'_' | b':' | b' ' | b'/' | b'@' | b',') =>
            {
                Part::Class { negated: false, members: vec![(one, one)] }
            }
            _ => return None,
        })
    }

    fn class(&mut self) -> Option<Part> {
        let negated = self.take(b'^');
        let mut members = Vec::new();
        loop {
            match self.next()? {
                b']' if !members.is_empty() => return Some(Part::Class { negated, members }),
                first if first.is_ascii_alphanumeric() => {
                    let last = if self.take(b'-') { self.next()? } else { first };
                    // Letters of a range can depend on the locale, digits can't.
                    let is_plain = first == last || (first.is_ascii_digit() && last.is_ascii_digit() && first < last);
                    members.push((first, last));
                    if !is_plain {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }

    fn repeated(&mut self, part: Part) -> Option<Part> {
        let (least, most) = match self.rest.first() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return None,
            _ => return Some(part),
        };
        if matches!(part, Part::Start | Part::End) {
            return None;
        }
        self.next();
        // A second one makes it reluctant, or is an error.
        if matches!(self.rest.first(), Some(b'*' | b'+' | b'?' | b'{')) {
            return None;
        }
        Some(Part::Repeated { part: Box::new(part), least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched_as_postgres_does() {
        let like = |text, pattern| is_like(text, pattern, false).unwrap();
        assert!(like("aal2", "aal_") && like("aal2", "%2") && like("aal2", "%a%") && like("", "%"));
        assert!(!like("aal2", "aal") && !like("aal2", "aal__") && !like("aal2", "AAL2") && !like("", "_"));
        assert_eq!(is_like("aal2", "AAL_", true), Some(true));
        assert_eq!(is_like("id", "ID", true), None);
        assert_eq!(is_like("aal2", r"aal\2", false), None);
    }

    #[test]
    fn plain_regular_expressions_are_matched() {
        let found = |pattern| matches("aal2", pattern, false).unwrap();
        assert!(
            found("^aal[23]$") && found("aal") && found("^aal(2|3)$") && found("2$") && found(r"^aal\d$") && found("")
        );
        assert!(found("^a+l?2$") && found("^aal[^1]$") && found("^(?:aal(?:2|3))$") && found("^x*a") && found("a|b"));
        assert!(!found("^aal[13]$") && !found("^2") && !found("aal$") && !found("^aal[^2]$") && !found("^(a|l)*$"));
        assert_eq!(matches("aaaa", "^(a*)*$", false), Some(true));
        for odd in
            ["(?i)AAL2", "***=aal2", "a{4}", "[[:alpha:]]", "(", "a)", "a**", r"\w", "[a-z]", "(?=a)", "^*", "[]a]"]
        {
            assert_eq!(matches("aal2", odd, false), None, "{odd}");
        }
    }

    #[test]
    fn a_regular_expression_may_ignore_case() {
        let found = |pattern| matches("aal2", pattern, true);
        assert_eq!(found("^AAL[23]$"), Some(true));
        assert_eq!(found("^AAL[13]$"), Some(false));
        // Turkish has another pair of letters, and an escape in upper case another meaning.
        assert_eq!(found("I|AAL2"), None);
        assert_eq!(found(r"AAL\D"), None);
    }

    #[test]
    fn similar_to_is_a_regular_expression_of_the_whole() {
        let similar = |pattern| matches("aal2", &regular_expression(pattern).unwrap(), false);
        assert_eq!(similar("aal(2|3)"), Some(true));
        assert_eq!(similar("aal_"), Some(true));
        assert_eq!(similar("%2"), Some(true));
        assert_eq!(similar("aal"), Some(false));
        assert_eq!(regular_expression("aal[23]"), None);
    }
}
