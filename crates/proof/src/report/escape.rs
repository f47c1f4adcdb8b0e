//! Texts made safe to show.

use std::fmt::Write;

use minijinja::HtmlEscape;

use crate::visible::visible;

/// A text as HTML: inert, visible and in ASCII.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in HtmlEscape(&visible(text)).to_string().chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(character));
        }
    }
    escaped
}
