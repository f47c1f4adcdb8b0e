//! Tables that Citus holds: whether a protection can hold in their shards.

use aal::protection::Protection;
use pgrx::pg_sys::GucContext::PGC_USERSET;
use pgrx::spi::{self, SpiClient};

use super::connection::run;
use super::target::Target;
use crate::catalog::Relation;
use crate::citus::{self, Held};
use crate::pg::elog::raise;
use crate::pg::guc::SettingsLevel;
use crate::pg::sqlstate::SqlState;

/// Whether Citus holds these tables, a table and its partitions. Raises where it holds some of them, or it can't be told.
pub fn has_shards(client: &SpiClient<'_>, relations: &[Relation]) -> Result<bool, spi::Error> {
    let held = Held::read();
    if held.is_nothing() {
        return Ok(false);
    }
    let mut in_shards = Vec::new();
    for relation in relations {
        in_shards.push(relation.is_held(client, &held)?);
    }
    let root = relations[0].display_name();
    if held.is_unknown() {
        let message = format!("{root} cannot be protected: which tables Citus holds cannot be read");
        raise(SqlState::FEATURE_NOT_SUPPORTED, &message, None, Some("This version of Citus is not known."))
    }
    match relations.iter().zip(&in_shards).find(|(_, is_held)| **is_held != in_shards[0]) {
        None => Ok(in_shards[0]),
        Some((partition, _)) => {
            let message = format!("{} is a Citus table, and {root} is not", partition.display_name());
            let hint = "Distribute the partitioned table, or call undistribute_table() for the partition.";
            raise(SqlState::FEATURE_NOT_SUPPORTED, &message, None, Some(hint))
        }
    }
}

/// Raises 0A000 for tables that Citus holds where a protection wouldn't hold in the shards.
pub fn require_to_fit_shards(
    client: &SpiClient<'_>,
    targets: &[Target],
    protection: &Protection,
) -> Result<(), spi::Error> {
    let root = &targets[0];
    if !root.table.has_shards {
        return Ok(());
    }
    let name = root.relation.display_name();
    if let Err(unfit) = protection.fits_shards() {
        let message = format!("{name} is a Citus table: {unfit}");
        raise(SqlState::FEATURE_NOT_SUPPORTED, &message, Some(unfit.detail()), Some(unfit.hint()));
    }
    require_propagation(targets);
    if protection.guard && !citus::allows_triggers() {
        let message = format!("{name} is a Citus table, on which a guard needs citus.enable_unsafe_triggers");
        let detail = "The policies decide without it, except about TRUNCATE.";
        let hint = "set citus.enable_unsafe_triggers = on, or leave the guard out: guard => false.";
        raise(SqlState::FEATURE_NOT_SUPPORTED, &message, Some(detail), Some(hint));
    }
    for target in targets {
        let others = target.relation.other_policies(client)?.join(", ");
        if !others.is_empty() {
            let message = format!("{} is a Citus table with other policies: {others}", target.relation.display_name());
            let detail = "In shards every policy is permissive, and permissive policies add up.";
            let hint = "Drop them: the policies of auth.protect_table allow each session its own rows.";
            raise(SqlState::FEATURE_NOT_SUPPORTED, &message, Some(detail), Some(hint));
        }
    }
    Ok(())
}

/// Runs statements that Citus is not to hand on: a watch is of the node that takes commands. A function that depends on an
/// extension could not be on the others.
pub fn run_on_this_node(client: &mut SpiClient<'_>, statements: &[String]) -> Result<(), spi::Error> {
    let _settings = citus::is_there().then(|| {
        let level = SettingsLevel::keeping_nothing();
        level.set(c"citus.enable_ddl_propagation", c"off", PGC_USERSET);
        level
    });
    run(client, statements)
}

/// Raises 0A000 where Citus would hand nothing on to the shards of these tables.
pub fn require_propagation(targets: &[Target]) {
    if let Some(target) = targets.iter().find(|target| target.table.has_shards)
        && !citus::hands_on_commands()
    {
        let message =
            format!("{} is a Citus table, and citus.enable_ddl_propagation is not on", target.relation.display_name());
        let detail = "Its shards would stay as they are.";
        raise(SqlState::FEATURE_NOT_SUPPORTED, &message, Some(detail), Some("set citus.enable_ddl_propagation = on"));
    }
}
