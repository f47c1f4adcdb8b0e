//! What the server's log says of a refusal, and no client: one line of JSON.

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};
use std::io;

use crate::action::Action;
use crate::command::Command;
use crate::denial::{CODE, Denial};
use crate::level::Level;
use crate::liveness::NotLive;
use crate::reason::Reason;
use crate::requirement::FixedRequirement;
use crate::token::InvalidToken;

/// The object of a refusal: in words for a message, and by its parts for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    /// In words: `update on table "payments"`.
    pub words: String,
    /// The full name of the table, if it was one.
    pub table: Option<String>,
    /// The command on it.
    pub command: Option<Command>,
}

impl From<String> for What {
    fn from(words: String) -> What {
        What { words, table: None, command: None }
    }
}

/// Who asked, and by which request. Nothing else of the claims or of the token belongs here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The claim `sub`, of claims that can be read.
    pub subject: Option<String>,
    /// The name of the session, likewise: the claim `session_id`, or without it `sid`.
    pub session_id: Option<String>,
    /// The role of the session.
    pub role: Option<String>,
    /// The method of the request, as a gateway says it.
    pub method: Option<String>,
    /// The path of the request, likewise.
    pub path: Option<String>,
}

/// The longest of each text that somebody else chooses, in characters.
const LONGEST_WORD: usize = 200;
const LONGEST_PATH: usize = 500;

/// The keys in their order. One without a value is `null`, never left out.
#[derive(Serialize)]
struct Entry {
    code: &'static str,
    required_aal: Option<&'static str>,
    current_aal: Option<&'static str>,
    max_age: Option<i64>,
    action: Option<&'static str>,
    reason: String,
    table: Option<String>,
    command: Option<&'static str>,
    role: Option<String>,
    subject: Option<String>,
    session_id: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

impl Denial {
    /// The entry for this denial.
    pub fn log_entry(&self, what: Option<&What>, asker: Asker) -> String {
        of_denial(Some(self.required), self.current.level(), self.action, self.reason(), what, asker)
    }
}

impl NotLive {
    /// The entry for a session that isn't live. `required`: the level that was asked for with it.
    pub fn log_entry(&self, required: Option<FixedRequirement>, what: Option<&What>, asker: Asker) -> String {
        of_denial(required, self.current(), self.action(), self.reason(), what, asker)
    }
}

fn of_denial(
    required: Option<FixedRequirement>,
    current: Option<Level>,
    action: Action,
    reason: Reason,
    what: Option<&What>,
    asker: Asker,
) -> String {
    let Asker { subject, session_id, role, method, path } = asker.shortened();
    in_ascii(&Entry {
        code: CODE,
        required_aal: required.map(|required| required.level.as_str()),
        current_aal: current.map(Level::as_str),
        max_age: required.and_then(|required| required.max_age).map(|max_age| max_age.whole_seconds()),
        action: Some(action.as_str()),
        reason: reason.as_str().to_owned(),
        table: what.and_then(|what| what.table.as_deref()).map(|table| shortened(table, LONGEST_WORD)),
        command: what.and_then(|what| what.command).map(Command::as_str),
        role,
        subject,
        session_id,
        method,
        path,
    })
}

impl InvalidToken {
    /// The entry for a refused token. Nobody knows whose it is: what it says doesn't count.
    pub fn log_entry(&self, asker: Asker) -> String {
        let Asker { role, method, path, .. } = asker.shortened();
        in_ascii(&Entry {
            code: "invalid_token",
            required_aal: None,
            current_aal: None,
            max_age: None,
            action: None,
            reason: self.to_string(),
            table: None,
            command: None,
            role,
            subject: None,
            session_id: None,
            method,
            path,
        })
    }
}

impl Asker {
    fn shortened(self) -> Asker {
        let word = |text: Option<String>| text.map(|text| shortened(&text, LONGEST_WORD));
        Asker {
            subject: word(self.subject),
            session_id: word(self.session_id),
            role: word(self.role),
            method: word(self.method),
            path: self.path.map(|path| shortened(&path, LONGEST_PATH)),
        }
    }
}

/// A text of at most so many characters. One that was cut ends with `...`.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// JSON in printable ASCII: no character that a log, a terminal or another encoding takes for something else.
fn in_ascii(entry: &Entry) -> String {
    let mut line = Vec::new();
    let written = entry.serialize(&mut Serializer::with_formatter(&mut line, InAscii));
    // To write into memory doesn't fail, and it is ASCII.
    written.ok().and_then(|()| String::from_utf8(line).ok()).unwrap_or_default()
}

/// Escapes all that is no printable ASCII.
struct InAscii;

impl Formatter for InAscii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if character == ' ' || character.is_ascii_graphic() {
                writer.write_all(&[character as u8])?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\u0008"),
            CharEscape::FormFeed => writer.write_all(b"\\u000c"),
            CharEscape::LineFeed => writer.write_all(b"\\u000a"),
            CharEscape::CarriageReturn => writer.write_all(b"\\u000d"),
            CharEscape::Tab => writer.write_all(b"\\u0009"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;
    use crate::requirement::FixedRequirement;
    use crate::time::{Clock, MaxAge, Timestamp};
    use proptest::prelude::*;

    fn denial() -> Denial {
        let claims = Claims::from_json(br#"{"sub":"jane","aal":"aal1","email":"jane@example.com"}"#).unwrap();
        let required = FixedRequirement { level: Level::Aal2, max_age: Some(MaxAge::from_seconds(900)) };
        let clock = || Clock::new(Timestamp::from_unix_micros(0), 30);
        crate::assess(Some(&claims), required, clock).unwrap_err()
    }

    fn asker() -> Asker {
        let text = |text: &str| Some(text.to_owned());
        Asker {
            subject: text("jane"),
            session_id: text("s1"),
            role: text("authenticated"),
            method: text("PATCH"),
            path: text("/payments"),
        }
    }

    #[test]
    fn the_entry_is_one_line_of_json_with_every_key() {
        let what = What {
            words: "update on table \"payments\"".to_owned(),
            table: Some("public.payments".to_owned()),
            command: Some(Command::Update),
        };
        assert_eq!(
            denial().log_entry(Some(&what), asker()),
            concat!(
                r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low","#,
                r#""table":"public.payments","command":"UPDATE","role":"authenticated","subject":"jane","session_id":"s1","method":"PATCH","path":"/payments"}"#
            )
        );
        assert_eq!(
            denial().log_entry(None, Asker::default()),
            concat!(
                r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low","#,
                r#""table":null,"command":null,"role":null,"subject":null,"session_id":null,"method":null,"path":null}"#
            )
        );
    }

    #[test]
    fn a_refused_token_says_nothing_of_its_user() {
        assert_eq!(
            InvalidToken::Expired.log_entry(asker()),
            concat!(
                r#"{"code":"invalid_token","required_aal":null,"current_aal":null,"max_age":null,"action":null,"reason":"the token has expired","#,
                r#""table":null,"command":null,"role":"authenticated","subject":null,"session_id":null,"method":"PATCH","path":"/payments"}"#
            )
        );
    }

    #[test]
    fn what_somebody_else_chose_is_cut_and_escaped() {
        let hostile = "\"\\/\n\r\t\u{7}\u{7f}\u{85}\u{2028}\u{202e}ü😀".to_owned();
        let path = "/".repeat(10_000);
        let entry = denial().log_entry(None, Asker { subject: Some(hostile), path: Some(path), ..Asker::default() });
        let subject = r#""subject":"\"\\/\u000a\u000d\u0009\u0007\u007f\u0085\u2028\u202e\u00fc\ud83d\ude00""#;
        assert!(entry.contains(subject), "{entry}");
        assert!(entry.ends_with(r#"//..."}"#) && entry.len() < 1_000, "{entry}");
    }

    proptest! {
        /// For all that a token or a request can say: one line of printable ASCII, JSON that reads back, and no longer than this.
        #[test]
        fn an_entry_is_one_short_line_that_reads_back(subject: Option<String>, session_id in ".{0,300}", path in ".{0,2000}", table: String) {
            let what = What { words: String::new(), table: Some(table.clone()), command: Some(Command::Delete) };
            let asker = Asker { subject: subject.clone(), session_id: Some(session_id.clone()), path: Some(path.clone()), ..asker() };
            let entry = denial().log_entry(Some(&what), asker);
            prop_assert!(entry.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", entry);
            prop_assert!(entry.len() < 16_384);
            let read: serde_json::Value = serde_json::from_str(&entry).unwrap();
            for (key, text, longest) in [("session_id", session_id, LONGEST_WORD), ("path", path, LONGEST_PATH), ("table", table, LONGEST_WORD)] {
                let kept: String = text.chars().take(longest).collect();
                prop_assert!(read[key].as_str().unwrap().starts_with(&kept));
                prop_assert_eq!(read[key] == text.as_str(), kept == text);
            }
            prop_assert_eq!(read["subject"].is_null(), subject.is_none());
        }
    }
}
