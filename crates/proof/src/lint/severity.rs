//! How bad a finding is.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A session can do something that it should not.
    Error,
    /// Something does not do what it seems to do.
    Warn,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// Every one, the worst first.
    pub const ALL: [Severity; 3] = [Severity::Error, Severity::Warn, Severity::Info];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Warn => "WARN",
            Severity::Info => "INFO",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
