//! A fingerprint of claims that were handed on to other nodes, to be compared with those in force later.

use aws_lc_rs::digest::{Context, SHA256};

/// A fingerprint of settings and their values.
pub fn fingerprint<'a>(settings: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut context = Context::new(&SHA256);
    for (name, value) in settings {
        for part in [name.as_bytes(), value] {
            // With its length, so that no two lists make one text.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn other_names_other_values_and_other_divisions_have_other_fingerprints() {
        let lists: [&[(&str, &[u8])]; 6] =
            [&[], &[("a", b"")], &[("a", b"b")], &[("ab", b"")], &[("a", b""), ("b", b"")], &[("b", b""), ("a", b"")]];
        let all: Vec<String> = lists.iter().map(|list| fingerprint(list.iter().copied())).collect();
        for (place, one) in all.iter().enumerate() {
            assert!(one.len() == 64 && !all[..place].contains(one), "{place}");
            assert_eq!(*one, fingerprint(lists[place].iter().copied()));
        }
    }
}
