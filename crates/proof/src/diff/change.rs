//! One change, and the words for it.

use crate::lint::Severity;
use aal::Command;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A setting that decides what the rest means.
    Setting,
    /// What a command on a table needs of a role.
    Matrix,
    /// What a call of a function needs of a role.
    Function,
    /// A finding.
    Finding,
}

impl What {
    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Setting => "setting",
            What::Matrix => "matrix",
            What::Function => "function",
            What::Finding => "finding",
        }
    }
}

/// How it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It was impossible and is possible now, or it needed a level and needs none now.
    Opened,
    /// It needs less in some way. A finding concerns more.
    Lowered,
    /// It is there, and wasn't.
    New,
    /// It needs more. A finding concerns less.
    Raised,
    /// It was there, and isn't.
    Gone,
}

impl Kind {
    /// Every one.
    pub const ALL: [Kind; 5] = [Kind::Opened, Kind::Lowered, Kind::New, Kind::Raised, Kind::Gone];

    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Opened => "opened",
            Kind::Lowered => "lowered",
            Kind::New => "new",
            Kind::Raised => "raised",
            Kind::Gone => "gone",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub what: What,
    /// The table, the function, what the finding is about, or the setting.
    pub target: String,
    /// The role.
    pub role: Option<String>,
    /// The command.
    pub command: Option<Command>,
    /// How it changed.
    pub kind: Kind,
    /// The need, or the finding's detail.
    pub before: Option<String>,
    /// The same now.
    pub now: Option<String>,
    /// The policies and triggers that decided it before. Of a finding its lint.
    pub decided_before: Vec<String>,
    /// The same now.
    pub decided_now: Vec<String>,
    /// How bad a finding is.
    pub severity: Option<Severity>,
    /// Whether it takes protection away.
    pub fails: bool,
    /// What accepts it. It names the level that is needed now, so that a lower one is another change.
    pub key: String,
}

impl Change {
    /// In one sentence.
    pub fn in_words(&self) -> String {
        let (before, now) = (self.before.as_deref().unwrap_or_default(), self.now.as_deref().unwrap_or_default());
        let decided = |by: &[String]| if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
        let (was, is) = (decided(&self.decided_before), decided(&self.decided_now));
        let subject = match (self.role.as_deref(), self.command) {
            (Some(role), Some(command)) => format!("{} on {} by {role}", command.as_str(), self.target),
            (Some(role), None) => format!("{} by {role}", self.target),
            (None, _) => self.target.clone(),
        };
        match (self.what, self.kind) {
            (What::Finding, Kind::New) => now.to_owned(),
            (What::Finding, Kind::Gone) => format!("not found any more: {before}"),
            (What::Finding, _) => format!("{now}; before: {before}"),
            (What::Setting, _) => format!("{subject} is {now}, and was {before}"),
            (_, Kind::New) => format!("{subject} is new, and needs {now}{is}"),
            (_, Kind::Gone) => format!("{subject} is gone, and needed {before}{was}"),
            _ => {
                let need = |verbs: [&str; 2], level: &str, by: &str| match level {
                    "denied" => format!("{} denied{by}", verbs[0]),
                    _ => format!("{} {level}{by}", verbs[1]),
                };
                let (is, was) = (need(["is", "needs"], now, &is), need(["was", "needed"], before, &was));
                format!("{subject} {is}, and {was}")
            }
        }
    }
}
