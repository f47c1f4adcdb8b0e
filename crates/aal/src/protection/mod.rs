//! Protecting a table: the request, the SQL that does it, and the record it leaves in the catalog.

mod guard_arguments;
mod levels;
mod lowering;
mod made;
mod recognized;
mod record;
mod render;
mod request;
mod schema;
mod shards;
mod shortfall;
mod statements;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use self::guard_arguments::{EXEMPTS_BY_POLICY, InvalidGuard, guard_argument, guard_exempts, guard_requirement};
pub use self::guard_arguments::{LIVE_ONLY, guard_asks_for_live, guard_refuses_reads, guard_requirement_of_read};
pub use self::levels::{InvalidTableLevel, TableLevel};
pub use self::lowering::{FoundLevel, FoundProtection, FoundRoles, Gaps};
pub use self::made::Made;
pub use self::recognized::{Recognized, RecognizedGuard};
pub use self::record::{Before, RECORD_MARK, RecordedProtection};
pub use self::render::{
    Quote, clear_statements, row_security_off_statement, row_security_on_statement, split_statements,
};
pub use self::request::{AppliesWhen, InvalidProtection, Owner, Protection};
pub use self::schema::{NewTables, SchemaProtection, WATCHED_TAGS, unwatch_statements};
pub use self::shards::UnfitForShards;
pub use self::shortfall::FoundNames;
pub use self::table::Table;
