//! What a guard requires, as its trigger's arguments say it.

use std::fmt;

use crate::command::Command;
use crate::level::Level;
use crate::requirement::FixedRequirement;
use crate::requirement::Requirement;
use crate::time::MaxAge;

/// One argument of a guard trigger: `insert=aal2` or `insert=aal2,max_age=900 seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GuardArgument {
    pub(super) command: Command,
    pub(super) required: Requirement,
}

impl fmt::Display for GuardArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, max_age) = match self.required {
            Requirement::Fixed(FixedRequirement { level, max_age }) => (level.as_str(), max_age),
            Requirement::Enrolled(max_age) => ("enrolled", max_age),
        };
        write!(f, "{}={level}", self.command.in_lower_case())?;
        match max_age {
            Some(max_age) => write!(f, ",max_age={max_age}"),
            None => Ok(()),
        }
    }
}

/// The argument by which a guard asks this for a command.
pub fn guard_argument(command: Command, required: Requirement) -> String {
    GuardArgument { command, required }.to_string()
}

/// The argument by which a guard exempts the sessions that the table's policies exempt. They name the function of `applies_when`,
/// and Postgres keeps track of it there, also when it gets another name.
pub const EXEMPTS_BY_POLICY: &str = "applies_when=policy";

/// Whether a guard trigger with these arguments exempts the sessions that the table's policies exempt.
///
/// # Errors
/// [`InvalidGuard`] where the argument stands twice, or names something else than the policies.
pub fn guard_exempts<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<bool, InvalidGuard> {
    let mut found = arguments.into_iter().filter(|argument| argument.starts_with("applies_when="));
    match (found.next(), found.next()) {
        (None, _) => Ok(false),
        (Some(EXEMPTS_BY_POLICY), None) => Ok(true),
        _ => Err(InvalidGuard),
    }
}

/// The argument by which a guard asks for a live session, too.
pub const LIVE_ONLY: &str = "live=true";

/// Whether a guard trigger with these arguments asks for a live session.
///
/// # Errors
/// [`InvalidGuard`] where the argument stands twice, or says something else.
pub fn guard_asks_for_live<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<bool, InvalidGuard> {
    let mut found = arguments.into_iter().filter(|argument| argument.starts_with("live="));
    match (found.next(), found.next()) {
        (None, _) => Ok(false),
        (Some(LIVE_ONLY), None) => Ok(true),
        _ => Err(InvalidGuard),
    }
}

/// Whether a guard trigger has this argument: it refuses statements that read below the level.
pub fn guard_refuses_reads<'a>(arguments: impl IntoIterator<Item = &'a str>) -> bool {
    arguments.into_iter().any(|argument| argument.starts_with("select="))
}

/// A guard trigger's arguments that don't say what the guard must ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidGuard;

impl fmt::Display for InvalidGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arguments of the guard trigger do not say what it must ask for")
    }
}

impl std::error::Error for InvalidGuard {}

/// What a guard trigger with these arguments asks for a command. `None`: nothing, since it is there for reads only, and a trigger
/// must have some event.
///
/// # Errors
/// [`InvalidGuard`] where the command's argument is missing, stands twice or can't be read: a guard that doesn't
/// know its level lets nothing pass.
pub fn guard_requirement<'a>(
    command: Command,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Requirement>, InvalidGuard> {
    let (mut found, mut of_reads, mut of_writes) = (None, false, false);
    for argument in arguments {
        let equals = argument.bytes().position(|byte| byte == b'=').ok_or(InvalidGuard)?;
        let (name, required) = (&argument[..equals], &argument[equals + 1..]);
        if name == command.in_lower_case() && found.replace(parse_requirement(required)?).is_some() {
            return Err(InvalidGuard);
        }
        of_reads |= name == Command::Select.in_lower_case();
        of_writes |= Command::WRITES.into_iter().any(|write| name == write.in_lower_case());
    }
    match found {
        None if !(of_reads && !of_writes && command.writes()) => Err(InvalidGuard),
        found => Ok(found),
    }
}

/// What a guard trigger with these arguments asks of a statement that reads, `None` if nothing. For SELECT it is the level of reads,
/// and for UPDATE that of rows which the statement locks.
///
/// # Errors
/// [`InvalidGuard`] where the argument stands twice or can't be read.
pub fn guard_requirement_of_read<'a>(
    command: Command,
    arguments: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<Option<Requirement>, InvalidGuard> {
    let prefix = format!("{}=", command.in_lower_case());
    let is_told = arguments.clone().into_iter().any(|argument| argument.starts_with(&prefix));
    if !is_told || !guard_refuses_reads(arguments.clone()) {
        return Ok(None);
    }
    guard_requirement(command, arguments)
}

/// `aal2` or `aal2,max_age=900 seconds`, as [`GuardArgument`] writes it.
fn parse_requirement(text: &str) -> Result<Requirement, InvalidGuard> {
    let (level, max_age) = match text.split_once(',') {
        Some((level, max_age)) => {
            let max_age = max_age.strip_prefix("max_age=").ok_or(InvalidGuard)?;
            (level, Some(MaxAge::from_words(max_age).ok_or(InvalidGuard)?))
        }
        None => (text, None),
    };
    match level {
        "enrolled" => Ok(Requirement::Enrolled(max_age)),
        _ => Ok(Requirement::Fixed(FixedRequirement { level: Level::from_claim(level).ok_or(InvalidGuard)?, max_age })),
    }
}
