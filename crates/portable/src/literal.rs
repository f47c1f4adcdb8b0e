//! Literals of SQL, of texts and for the function format.

/// A text as a literal. Without a backslash, which a session could have set to mean something.
///
/// # Panics
/// Where it has one: no text of the crate `aal` that is read here needs it, or it goes through [`escaped`].
pub fn literal(text: &str) -> String {
    assert!(!text.contains('\\'), "a literal without a backslash: {text}");
    format!("'{}'", text.replace('\'', "''"))
}

/// A text as an expression, in which `chr(92)` stands for each backslash.
pub fn escaped(text: &str) -> String {
    let parts: Vec<String> = text.split('\\').map(literal).collect();
    parts.join(" || pg_catalog.chr(92) || ")
}

/// An array of texts.
pub fn array<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| literal(text.as_ref())).collect();
    format!("array[{}]", texts.join(", "))
}

/// An array of texts, of which some may be missing.
pub fn array_or_null(texts: &[Option<&str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| text.map_or("null".to_owned(), literal)).collect();
    format!("array[{}]", texts.join(", "))
}

/// A text in which values come to stand, as format() reads it: the value's `%1$s` in the place of each placeholder.
pub fn format_text(text: &str, placeholders: &[&str]) -> String {
    let mut format = text.replace('%', "%%");
    for (nr, placeholder) in placeholders.iter().enumerate().filter(|(_, placeholder)| !placeholder.is_empty()) {
        format = format.replace(placeholder, &format!("%{}$s", nr + 1));
    }
    format
}

/// What format() makes of it.
pub fn filled(format: &str, values: &[&str]) -> String {
    let mut text = format.to_owned();
    for (nr, value) in values.iter().enumerate() {
        text = text.replace(&format!("%{}$s", nr + 1), value);
    }
    text.replace("%%", "%")
}
