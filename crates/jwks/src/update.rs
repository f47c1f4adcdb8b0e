//! One run: a new set of each issuer, or else its earlier one, into the file.

use aal::{Keyring, WritableKeys};

use crate::configuration::{Configuration, Issuer, Source};
use crate::fetch::Client;
use crate::file::{self, Before, Entry};

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Each set is as its issuer publishes it.
    AllNew,
    /// An issuer's earlier set was kept.
    SomeKept,
    /// An issuer has no keys.
    SomeMissing,
}

/// Fetches all sets, at once, and replaces the file if anything changed.
///
/// # Errors
/// Where the file can't be read or replaced.
pub fn update(configuration: &Configuration, client: &Client) -> Result<Outcome, String> {
    let path = &configuration.file;
    let named = |error| format!("{}: {error}", path.display());
    // A run that began earlier would put older keys in the place of this one's.
    let _alone = file::lock_folder(path);
    let before = Before::read(path).map_err(named)?;
    let fetched = fetch_all(configuration, client);
    let mut outcome = Outcome::AllNew;
    let mut entries = Vec::new();
    for (issuer, keys) in configuration.issuers.iter().zip(fetched) {
        let secrets = matches!(issuer.keys, Source::File(_));
        let keys = match good(issuer, keys) {
            Ok(keys) => keys,
            Err(fault) => {
                let kept = before.keys_of(&issuer.name, secrets);
                let instead = if kept.is_empty() { "it has no keys" } else { "its earlier keys are kept" };
                eprintln!("{}: {fault}; {instead}", issuer.name);
                outcome = match outcome {
                    Outcome::AllNew | Outcome::SomeKept if !kept.is_empty() => Outcome::SomeKept,
                    _ => Outcome::SomeMissing,
                };
                kept
            }
        };
        // An issuer without keys is written, too: no key that is bound to none counts for it.
        entries.push(Entry { issuer: &issuer.name, audience: issuer.audience.as_deref(), secrets, keys });
    }
    let text = file::text_of(&entries);
    // As pg_aal reads it.
    let read = Keyring::from_setting(text.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
    if before.is(&text) {
        println!("{}: unchanged: {}", path.display(), read.summary());
        return Ok(outcome);
    }
    file::replace(path, &text).map_err(named)?;
    println!("{}: written: {}", path.display(), read.summary());
    Ok(outcome)
}

fn fetch_all(configuration: &Configuration, client: &Client) -> Vec<Result<WritableKeys, String>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = configuration.issuers.iter().map(|issuer| scope.spawn(|| client.keys_of(issuer))).collect();
        let failed = |_| Err("asking it failed".to_owned());
        asked.into_iter().map(|it| it.join().unwrap_or_else(failed)).collect()
    })
}

/// The keys of a set that can be used, if there are any. Those that can't are named.
fn good(issuer: &Issuer, keys: Result<WritableKeys, String>) -> Result<Vec<Box<serde_json::value::RawValue>>, String> {
    let keys = keys?;
    for faulty in &keys.faulty {
        eprintln!("{}: {faulty}; it is left out", issuer.name);
    }
    if keys.keys.is_empty() {
        return Err(format!(
            "its key set holds no key that can be used, and {} others",
            keys.skipped + keys.faulty.len()
        ));
    }
    Ok(keys.keys)
}
