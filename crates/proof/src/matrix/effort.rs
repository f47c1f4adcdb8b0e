//! How much work weighing may be. The author of a policy must not be able to keep everybody from an answer.

use crate::evaluation::Work;

/// The work that is left, in evaluated nodes.
#[derive(Debug)]
pub(crate) struct Effort {
    /// For telling apart what unknowns come to, how old factors are and which setting holds the claims.
    closely: Work,
    /// For weighing policies as they stand, where the other would take too long.
    coarsely: Work,
}

/// How something was weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weighed {
    Closely,
    Coarsely,
    NotAtAll,
}

impl Effort {
    /// For one expression, or one table's policies for one command and role.
    const MOST_OF_ONE: u64 = 100_000;
    /// For one table.
    const MOST_OF_TABLE: u64 = 1_000_000;
    /// For all tables together.
    const MOST_OF_ALL: u64 = 20_000_000;

    pub(crate) const fn new() -> Effort {
        Effort { closely: Work::new(Self::MOST_OF_ALL), coarsely: Work::new(Self::MOST_OF_ALL) }
    }

    /// One table's share.
    pub(super) fn table_share(&self) -> Effort {
        Effort {
            closely: Work::new(self.closely.left().min(Self::MOST_OF_TABLE)),
            coarsely: Work::new(self.coarsely.left()),
        }
    }

    /// Takes off the used part of a share, given how the share began.
    pub(super) fn take(&self, before: &Effort, share: &Effort) {
        self.closely.take(before.closely.left() - share.closely.left());
        self.coarsely.take(before.coarsely.left() - share.coarsely.left());
    }

    /// Weighs something closely if that is not too much work, else coarsely. `weigh` is told whether to do so closely.
    pub(super) fn weigh<T>(&self, weigh: impl Fn(&Work, bool) -> T) -> (T, Weighed) {
        let closely = Work::new(self.closely.left().min(Self::MOST_OF_ONE));
        let before = closely.left();
        let answer = weigh(&closely, true);
        self.closely.take(before - closely.left());
        if !closely.is_spent() {
            return (answer, Weighed::Closely);
        }
        let answer = weigh(&self.coarsely, false);
        (answer, if self.coarsely.is_spent() { Weighed::NotAtAll } else { Weighed::Coarsely })
    }
}
