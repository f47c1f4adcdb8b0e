//! Texts whose every character can be seen.

use std::fmt::Write;

/// A text whose every character can be seen. A character that has no shape of its own, or changes the order of others,
/// or passes for a space, is spelled out, as `<U+202E>`.
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if is_visible(character) {
            visible.push(character);
        } else {
            let _ = write!(visible, "<U+{:04X}>", u32::from(character));
        }
    }
    visible
}

/// Whether it has a shape of its own: neither control nor separator, nor a noncharacter, nor one of Unicode's
/// Default_Ignorable_Code_Point.
fn is_visible(character: char) -> bool {
    let hidden = character.is_control()
        || character.is_whitespace()
        || matches!(
            u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xfffe..=0xffff
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        );
    character == ' ' || !hidden
}
