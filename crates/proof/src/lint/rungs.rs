//! Sessions of one user at each level, beside each other.

use crate::evaluation::{Asked, Residues, SessionClass};
use crate::session_kind::LevelClaim;
use crate::{Age, Catalog, Enrolled, Evaluation, Expression, RoleIndex, Session, Work};
use aal::{Level, MaxAge};

/// A session, and what else tells it from others of the same user.
pub(super) struct Rung<'e> {
    pub session: Session,
    pub evaluation: Evaluation<'e>,
    pub class: SessionClass,
}

impl<'e> Rung<'e> {
    /// Sessions of one user with a role, from the lowest: that of a token without a level. Their factors are fresh, but for one.
    pub fn of_user(catalog: &'e Catalog, role: RoleIndex, enrolled: Enrolled, work: &'e Work) -> [Rung<'e>; 5] {
        let fresh = Age::AtMost(MaxAge::from_seconds(0));
        let at = |level| Session { enrolled, ..Session::at(level) };
        let rung = |session: Session, level, methods| {
            let role = &catalog.roles[role];
            let evaluation = Evaluation::new(session, Some(&role.name), Some(&role.readable), catalog.trusts_settings)
                .by_profiles(&catalog.profiles, catalog.level_of_guests())
                .with_claims_in_each_setting()
                .of_signed_in_user()
                .within(work, true);
            Rung { session, evaluation, class: SessionClass { level, methods } }
        };
        let without = rung(Session { enrolled, ..Session::NOBODY }.aged(fresh), 0, 0);
        [
            Rung { evaluation: without.evaluation.with_level_claim(LevelClaim::Missing), ..without },
            rung(at(Level::Aal1).aged(fresh), 1, 0),
            rung(at(Level::Aal2).aged(Age::Older), 2, 2),
            rung(at(Level::Aal2).aged(fresh), 3, 3),
            rung(at(Level::Aal3).aged(fresh), 4, 4),
        ]
    }

    /// What this session leaves of an expression.
    pub fn left<'x>(&self, residues: &mut Residues<'x>, expression: &'x Expression) -> Asked<'e> {
        residues.of(expression, &self.evaluation, self.class)
    }
}
