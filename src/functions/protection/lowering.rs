//! Running again must not lower a protection in silence.

use aal::protection::Protection;
use pgrx::spi::{self, SpiClient};

use super::target::Target;
use crate::catalog::found_protections;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;

/// Raises 55000 if a protection takes something away from one that is on these tables. Each of them counts: a partition can
/// have been protected by itself.
pub fn refuse_to_lower(client: &SpiClient<'_>, targets: &[Target], protection: &Protection) -> Result<(), spi::Error> {
    let protected: Vec<&Target> = targets.iter().filter(|target| !target.existing.is_empty()).collect();
    if protected.is_empty() {
        return Ok(());
    }
    let tables: Vec<_> = protected.iter().map(|target| target.relation.oid).collect();
    let found = found_protections(client, &tables, &protection.bound_roles())?;
    let root = &targets[0].relation;
    let mut lines = Vec::new();
    for (target, found) in protected.iter().zip(&found) {
        let is_root = target.relation.oid == root.oid;
        let of = if is_root { String::new() } else { format!("{}: ", target.relation.display_name()) };
        lines.extend(protection.lowers(found).into_iter().map(|line| format!("{of}{line}")));
    }
    if lines.is_empty() {
        return Ok(());
    }
    raise(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        &format!("this would lower the protection of {}", root.display_name()),
        Some(&lines.join("\n")),
        Some(
            "Repeat the options that are to stay: each call replaces all of them. To lower it on purpose, add lower => true.",
        ),
    )
}
