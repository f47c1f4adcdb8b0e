//! Notes in lines that leave a row of psql within 120 columns.

/// The longest line, in characters.
const WIDTH: usize = 50;
/// The longest note.
const LONGEST: usize = 400;

/// A text in lines, broken where it has spaces. One that is too long is cut.
pub fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in shortened(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_no_longer_than_psql_has_room_for() {
        let text = wrapped(&"a condition of many words ".repeat(100));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.ends_with("..."));
    }
}
