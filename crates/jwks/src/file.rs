//! The file of several issuers: what it held before, and how it is replaced.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aal::WritableKeys;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The owner writes it, and the group reads it.
const MODE: u32 = 0o640;

/// An issuer's keys, as they are written.
pub struct Entry<'a> {
    pub issuer: &'a str,
    pub audience: Option<&'a str>,
    /// Whether its keys may be HMAC secrets.
    pub secrets: bool,
    pub keys: Vec<Box<RawValue>>,
}

/// The file as it was.
#[derive(Default)]
pub struct Before {
    text: Vec<u8>,
    issuers: Vec<Kept>,
}

#[derive(Deserialize)]
struct Document {
    issuers: Vec<Kept>,
}

#[derive(Deserialize)]
struct Kept {
    issuer: String,
    keys: Box<RawValue>,
}

impl Before {
    /// Reads what an earlier run wrote. A file that isn't there, or is something else, holds nothing to keep.
    ///
    /// # Errors
    /// Where it is there and can't be read: it would be lost.
    pub fn read(path: &Path) -> io::Result<Before> {
        // Opening a pipe would wait for a writer.
        if std::fs::metadata(path).is_ok_and(|it| !it.is_file()) {
            return Err(io::Error::other("it is no regular file"));
        }
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::default()),
            read => read?,
        };
        let issuers = serde_json::from_slice(&text).map(|document: Document| document.issuers).unwrap_or_default();
        Ok(Before { text, issuers })
    }

    /// The keys of an issuer. They are checked again, as if they were read now.
    pub fn keys_of(&self, issuer: &str, secrets: bool) -> Vec<Box<RawValue>> {
        let check = if secrets { WritableKeys::of_administrator } else { WritableKeys::published };
        let kept = self.issuers.iter().find(|kept| kept.issuer == issuer);
        let set = kept.map(|kept| format!("{{\"keys\":{}}}", kept.keys.get()));
        set.and_then(|set| check(set.as_bytes()).ok()).unwrap_or_default().keys
    }

    /// Whether it is this text already.
    pub fn is(&self, text: &str) -> bool {
        self.text == text.as_bytes()
    }
}

/// The text of the file: one key in a line.
pub fn text_of(entries: &[Entry<'_>]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let entry = |entry: &Entry<'_>| {
        let mut members = vec![format!("\"issuer\": {}", quoted(entry.issuer))];
        members.extend(entry.audience.map(|audience| format!("\"audience\": {}", quoted(audience))));
        members.extend(entry.secrets.then(|| "\"secrets\": true".to_owned()));
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("    {}", key.get())).collect();
        format!("  {{{}, \"keys\": [\n{}\n  ]}}", members.join(", "), keys.join(",\n"))
    };
    let entries: Vec<String> = entries.iter().map(entry).collect();
    format!("{{\"issuers\": [\n{}\n]}}\n", entries.join(",\n"))
}

/// The folder of the file, locked against other runs until it is dropped. It waits for them: each takes a bounded time. `None` where
/// the file system can't lock it, which is said.
pub fn lock_folder(path: &Path) -> Option<File> {
    let folder = folder_of(path);
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    let unlocked =
        |error: &io::Error| eprintln!("{}: cannot be locked against a second run: {error}", folder.display());
    locked.inspect_err(unlocked).ok()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Puts a new file in the place of the old one, so that a reader finds the one or the other whole, also after a crash.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(path);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let beside = folder.join(name);
    let written = write_new(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &PathBuf, text: &str) -> io::Result<()> {
    // Nobody else reads it before it is whole.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"kty":"OKP","kid":"1","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn what_is_written_is_what_pg_aal_reads_and_what_is_kept() {
        let key = || vec![RawValue::from_string(KEY.to_owned()).unwrap()];
        let text = text_of(&[
            Entry { issuer: "https://a", audience: None, secrets: false, keys: key() },
            Entry { issuer: "a \"b\"\n", audience: Some("app"), secrets: true, keys: key() },
        ]);
        let keyring = aal::Keyring::from_setting(text.as_bytes()).unwrap();
        assert_eq!(keyring.summary(), r#""https://a": 1 key: EdDSA "1"; "a \"b\"\n": 1 key: EdDSA "1""#);
        let folder = std::env::temp_dir().join(format!("pg_aal-jwks-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("jwks.json");
        assert!(Before::read(&path).unwrap().keys_of("https://a", false).is_empty());
        for _ in 0..2 {
            replace(&path, &text).unwrap();
            let before = Before::read(&path).unwrap();
            assert!(before.is(&text));
            assert_eq!(before.keys_of("a \"b\"\n", true).iter().map(|key| key.get()).collect::<Vec<_>>(), [KEY]);
            assert!(before.keys_of("https://b", true).is_empty());
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_second_run_waits_for_the_first() {
        let folder = std::env::temp_dir().join(format!("pg_aal-jwks-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("jwks.json");
        let first = lock_folder(&path).unwrap();
        let second = std::thread::spawn({
            let path = path.clone();
            move || lock_folder(&path).is_some_and(|_| path.exists())
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!second.is_finished());
        std::fs::write(&path, "").unwrap();
        drop(first);
        assert!(second.join().unwrap(), "it sees what the first one wrote");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn issuers_with_the_longest_sets_fit_into_the_file() {
        let key = |n: usize| KEY.replace("\"1\"", &format!("\"{n}{}\"", "x".repeat(1_900)));
        let keys: Vec<String> = (0..aal::KeySet::MAX_KEYS).map(key).collect();
        let set = WritableKeys::published(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes()).unwrap();
        let names: Vec<String> =
            (0..aal::Keyring::MAX_ISSUERS).map(|n| format!("https://issuer-{n}.example")).collect();
        let copy = || set.keys.iter().map(|key| RawValue::from_string(key.get().to_owned()).unwrap()).collect();
        let entry = |issuer| Entry { issuer, audience: None, secrets: false, keys: copy() };
        let text = text_of(&names.iter().map(|name| entry(name.as_str())).collect::<Vec<_>>());
        assert!(text.len() > 1024 * 1024 && aal::Keyring::from_setting(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_secret_in_the_old_file_is_not_kept_for_an_issuer_that_is_fetched() {
        let secret = r#"{"kty":"oct","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#;
        let text = format!(r#"{{"issuers":[{{"issuer":"https://a","secrets":true,"keys":[{secret},{KEY}]}}]}}"#);
        let issuers = serde_json::from_str::<Document>(&text).unwrap().issuers;
        let before = Before { text: Vec::new(), issuers };
        assert_eq!(before.keys_of("https://a", false).len(), 1);
        assert_eq!(before.keys_of("https://a", true).len(), 2);
    }
}
