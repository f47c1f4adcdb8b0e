//! The decision about a trigger, kept with the trigger for one statement.

use std::ffi::CStr;

use aal::Command;

use crate::pg::trigger::Trigger;

/// The decision about a trigger: an argument after those of its definition. Only the place where it points counts: one of
/// [`MARKS`], where no argument of a definition points.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark(u8);

/// Empty C strings, one for each set of a mark's bits.
static MARKS: [u8; 32] = [0; 32];

impl Mark {
    /// The trigger was added: it refuses where a sensitive column changes.
    const ADDED: u8 = 8;

    /// The trigger belongs to a partition that rows were routed to: it was marked after its events had been queued.
    const ROUTED: u8 = 16;

    /// The mark of a trigger, if it has one.
    pub fn on(trigger: &Trigger<'_>) -> Option<Mark> {
        let bits = (trigger.last_argument() as usize).checked_sub(MARKS.as_ptr() as usize)?;
        (bits < MARKS.len()).then_some(Mark(bits as u8))
    }

    /// For a role that is bound for these commands. It has no others: none of the statement's triggers fires for them, or the role isn't
    /// bound.
    pub fn binding(commands: impl Iterator<Item = Command>) -> Mark {
        Mark(commands.fold(0, |bits, command| bits | bit(command)))
    }

    /// For a trigger that is added.
    pub fn added(self) -> Mark {
        Mark(self.0 | Self::ADDED)
    }

    /// For a trigger of a partition that rows were routed to in ways with these marks.
    pub fn routed(ways: impl Iterator<Item = Mark>) -> Mark {
        Mark(ways.fold(Self::ROUTED, |bits, mark| bits | mark.0))
    }

    /// Whether the statement's role is bound for this command.
    pub fn binds(self, command: Command) -> bool {
        self.0 & bit(command) != 0
    }

    /// Whether an update that was queued for an AFTER trigger is by a role that is bound. A statement may reach a table twice, as two
    /// roles, and Postgres then takes the trigger of either. But for a role that isn't bound it is switched off, and nothing queued.
    pub fn binds_queued_update(self) -> bool {
        self.0 & Self::ROUTED == 0 || self.binds(Command::Update)
    }

    /// Whether the trigger was added.
    pub fn is_added(self) -> bool {
        self.0 & Self::ADDED != 0
    }

    /// A trigger's own arguments, and this mark behind them.
    pub fn behind<'a>(self, trigger: &Trigger<'a>) -> Vec<&'a CStr> {
        let place = usize::from(self.0);
        let mark = CStr::from_bytes_with_nul(&MARKS[place..=place]).unwrap_or_default();
        defined_arguments(trigger).chain([mark]).collect()
    }
}

fn bit(command: Command) -> u8 {
    match command {
        Command::Insert => 1,
        Command::Update => 2,
        Command::Delete => 4,
        // No trigger fires for SELECT, and the executor doesn't see TRUNCATE.
        Command::Select | Command::Truncate => 0,
    }
}

/// The arguments of a trigger's definition, without the mark.
pub fn defined_arguments<'a>(trigger: &Trigger<'a>) -> impl Iterator<Item = &'a CStr> + Clone + use<'a> {
    let all = trigger.arguments();
    let marks = usize::from(Mark::on(trigger).is_some());
    let defined = all.len() - marks;
    all.take(defined)
}
