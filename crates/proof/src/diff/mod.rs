//! What changed between two snapshots, and which of the changes take protection away.

mod cells;
mod change;
mod findings;

use std::collections::BTreeSet;

use crate::gate::{Breach, Verdict};
use crate::snapshot::{Settings, Snapshot};
use aal::Command;
use cells::{calls, matrix, open_new_tables};
use findings::findings;

pub use change::{Change, Kind, What};
pub use findings::{fails, new_findings};

/// Every change between two snapshots. Those that take protection away come first.
pub fn changes(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let mut changes = settings(before.settings, now.settings);
    changes.extend(matrix(before, now));
    changes.extend(calls(before, now));
    changes.extend(findings(before, now));
    changes.sort_by(|one, other| {
        let place = |it: &Change| (!it.fails, it.what, it.kind);
        place(one).cmp(&place(other)).then_with(|| {
            let names =
                |it: &Change| (it.target.clone(), it.role.clone(), it.command.map(Command::index), it.key.clone());
            names(one).cmp(&names(other))
        })
    });
    changes
}

/// Those that take protection away, without the accepted ones.
pub fn check(changes: &[Change], accepted: &[String]) -> Verdict {
    let failing = || changes.iter().filter(|change| change.fails);
    let found: BTreeSet<&str> = failing().map(|change| change.key.as_str()).collect();
    let stale = accepted.iter().filter(|key| !found.contains(key.as_str())).cloned().collect();
    let breach = |change: &Change| Breach {
        detail: format!("{}: {}", change.kind.as_str(), change.in_words()),
        key: change.key.clone(),
    };
    let breaches = failing().filter(|change| !accepted.contains(&change.key)).map(breach).collect();
    Verdict { breaches, stale, unbound: Vec::new() }
}

/// The names of tables that weren't there before and of which some command needs nothing.
pub fn new_and_open(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    open_new_tables(before, now)
}

/// The settings, of which each can be trusted less far than before.
fn settings(before: Settings, now: Settings) -> Vec<Change> {
    let lowers = [now.trusts_gateway && !before.trusts_gateway, now.guests_have_level && !before.guests_have_level];
    let both = before.named().into_iter().zip(now.named()).zip(lowers);
    let changed = both.filter(|(((_, was), (_, is)), _)| was != is);
    changed
        .map(|(((name, was), (_, is)), lowers)| Change {
            what: What::Setting,
            target: format!("pg_aal.{name}"),
            role: None,
            command: None,
            kind: if lowers { Kind::Lowered } else { Kind::Raised },
            before: Some(was.to_owned()),
            now: Some(is.to_owned()),
            decided_before: Vec::new(),
            decided_now: Vec::new(),
            severity: None,
            fails: lowers,
            key: format!("aal_setting_{name}_{is}"),
        })
        .collect()
}

#[cfg(test)]
mod tests;
