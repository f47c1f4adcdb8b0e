//! The commands of SQL that read or change a table's rows.

/// What a statement does with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// SELECT.
    Select,
    /// INSERT, also MERGE's and the first half of ON CONFLICT.
    Insert,
    /// UPDATE, also MERGE's and ON CONFLICT DO UPDATE's.
    Update,
    /// DELETE, also MERGE's.
    Delete,
    /// TRUNCATE, which row security doesn't see.
    Truncate,
}

impl Command {
    /// Every command, in the order in which they are shown.
    pub const ALL: [Command; 5] =
        [Command::Select, Command::Insert, Command::Update, Command::Delete, Command::Truncate];

    /// Those that change rows: a trigger can fire for them.
    pub const WRITES: [Command; 4] = [Command::Insert, Command::Update, Command::Delete, Command::Truncate];

    /// Those that are done to rows that are there.
    pub const BUT_INSERT: [Command; 4] = [Command::Select, Command::Update, Command::Delete, Command::Truncate];

    /// As SQL spells it, in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Command::Select => "SELECT",
            Command::Insert => "INSERT",
            Command::Update => "UPDATE",
            Command::Delete => "DELETE",
            Command::Truncate => "TRUNCATE",
        }
    }

    /// In lower case, as in `create trigger … before insert`.
    pub const fn in_lower_case(self) -> &'static str {
        match self {
            Command::Select => "select",
            Command::Insert => "insert",
            Command::Update => "update",
            Command::Delete => "delete",
            Command::Truncate => "truncate",
        }
    }

    /// Whether it changes rows.
    pub const fn writes(self) -> bool {
        !matches!(self, Command::Select)
    }

    /// By its name, in any case.
    pub fn from_name(name: &str) -> Option<Command> {
        Command::ALL.into_iter().find(|command| command.as_str().eq_ignore_ascii_case(name))
    }

    /// Its place in [`Command::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
