//! Some of the commands.

use aal::Command;

/// A set of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Commands(u8);

impl Commands {
    pub const NONE: Commands = Commands(0);
    pub const ALL: Commands = Commands(0b1_1111);

    pub fn has(self, command: Command) -> bool {
        self.0 & (1 << command.index()) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of them changes rows.
    pub fn writes(self) -> bool {
        Command::WRITES.into_iter().any(|command| self.has(command))
    }

    pub fn with(self, other: Commands) -> Commands {
        Commands(self.0 | other.0)
    }

    pub fn without(self, other: Commands) -> Commands {
        Commands(self.0 & !other.0)
    }

    pub fn common(self, other: Commands) -> Commands {
        Commands(self.0 & other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Command> {
        Command::ALL.into_iter().filter(move |command| self.has(*command))
    }
}

impl From<Command> for Commands {
    fn from(command: Command) -> Commands {
        Commands(1 << command.index())
    }
}

impl FromIterator<Command> for Commands {
    fn from_iter<I: IntoIterator<Item = Command>>(commands: I) -> Commands {
        commands.into_iter().fold(Commands::NONE, |all, command| all.with(command.into()))
    }
}
