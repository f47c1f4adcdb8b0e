//! What a protection that is on a table lacks of another one, and which protection it is.

use super::levels::TableLevel;
use super::lowering::{FoundLevel, FoundProtection, FoundRoles};
use super::made::Made;
use super::request::{AppliesWhen, Owner, Protection};

impl Protection {
    /// What a protection that is on a table lacks of this one, each in a line with both levels:
    /// `update: aal1, not aal2`.
    pub fn shortfall(&self, found: &FoundProtection) -> Vec<String> {
        // A policy can't see which columns change: for sensitive ones a trigger decides, which Postgres copies to partitions.
        let update = if self.sensitive_columns.is_empty() { self.update } else { self.read };
        let levels = [
            ("read", Made::Read, self.read),
            ("insert", Made::Insert, self.insert),
            ("update", Made::Update, update),
            ("delete", Made::Delete, self.delete),
        ];
        let mut lines: Vec<String> = levels.into_iter().filter_map(|it| short_level(it, found)).collect();
        if found.gaps.row_security_off {
            lines.insert(0, "row security: off, not on".to_owned());
        }
        lines.extend(self.short_roles(found));
        let asked = self.applies_when.as_ref().map(|it| &it.display_name);
        if let Some(function) = found.applies_when.iter().flatten().find(|it| Some(*it) != asked) {
            let asked = asked.map_or("for all sessions", |it| it);
            lines.push(format!("applies_when: {function}, not {asked}"));
        }
        if self.live && (!found.live || found.gaps.not_live) {
            lines.push("live: false, not true".to_owned());
        }
        if self.guard && self.requires_writes() && !found.guard {
            lines.push("guard: none".to_owned());
        }
        lines
    }

    /// Whether a protection that is on a table is this one.
    pub fn is(&self, found: &FoundProtection) -> bool {
        let owner = self.owner.as_ref().map(|owner| &owner.column);
        let sensitive = found.sensitive.as_ref().map(|(columns, _)| columns.as_slice()).unwrap_or_default();
        let has_records = found.records.iter().all(|record| record.guard == self.guard);
        owner == found.owner_column.as_ref()
            && sensitive == self.sensitive_columns
            && has_records
            && self.shortfall(found).is_empty()
            && self.lowers(found).is_empty()
    }

    fn short_roles(&self, found: &FoundProtection) -> Option<String> {
        let is_bound = |role: &String| found.records.iter().all(|it| it.roles.is_empty() || it.roles.contains(role));
        let is_enough = match &found.bound {
            Some(FoundRoles::Everybody) => true,
            Some(FoundRoles::Named { .. }) => !self.binds_everybody() && self.roles.iter().all(is_bound),
            None => false,
        };
        let is_enough = is_enough && !found.gaps.uneven_roles;
        (!is_enough).then(|| format!("roles: some, not {}", self.bound_roles().join(", ")))
    }

    fn requires_writes(&self) -> bool {
        [self.insert, self.update, self.delete].iter().any(|level| *level != TableLevel::None)
    }
}

/// The line for a command that needs less than it is asked to.
fn short_level((name, made, asked): (&str, Made, TableLevel), found: &FoundProtection) -> Option<String> {
    if asked == TableLevel::None {
        return None;
    }
    // A guard alone decides nothing.
    if found.gaps.missing.contains(&made) {
        return Some(format!("{name}: no policy, not {asked}"));
    }
    let mut levels: Vec<TableLevel> = Vec::new();
    for (_, level) in found.policies.iter().filter(|(policy, _)| *policy == made) {
        match level {
            FoundLevel::Requires(required) => levels.extend(required),
            FoundLevel::Altered => return Some(format!("{name}: altered by hand, not {asked}")),
        }
    }
    let short = levels.iter().find(|level| !level.implies(asked)).copied();
    let short = if levels.is_empty() { Some(TableLevel::None) } else { short };
    short.map(|level| format!("{name}: {level}, not {asked}"))
}

/// What the catalog knows of a protection, and its records don't.
#[derive(Clone, Debug, Default)]
pub struct FoundNames {
    /// The names of the roles that its policies bind; none: everybody.
    pub roles: Vec<String>,
    /// The function by which its policies exempt sessions.
    pub applies_when: Option<AppliesWhen>,
    /// The column of `aal_owner`, and how it compares.
    pub owner: Option<Owner>,
}

impl FoundProtection {
    /// The protection that it is, for a table that is to have the same. Of a level that was altered by hand the higher one counts.
    pub fn same(&self, names: FoundNames) -> Protection {
        let update = self.sensitive.as_ref().map_or_else(|| self.level(Made::Update), |(_, level)| *level);
        let roles = if names.roles.is_empty() { vec!["public".to_owned()] } else { names.roles };
        Protection {
            read: self.level(Made::Read),
            insert: self.level(Made::Insert),
            update,
            delete: self.level(Made::Delete),
            roles,
            owner: names.owner,
            sensitive_columns: self.sensitive.as_ref().map(|(columns, _)| columns.clone()).unwrap_or_default(),
            guard: self.guard || self.records.iter().any(|record| record.guard),
            applies_when: names.applies_when,
            live: self.live || self.records.iter().any(|record| record.live),
            refuse_reads: self.refuse_reads || self.records.iter().any(|record| record.refuse_reads),
        }
    }

    /// The policies whose levels are unknown: they were altered by hand, and no record says what they were.
    pub fn unknown_levels(&self) -> Vec<Made> {
        let is_unknown = |(made, level): &(Made, FoundLevel)| {
            (*level == FoundLevel::Altered && self.level(*made) == TableLevel::None).then_some(*made)
        };
        self.policies.iter().filter_map(is_unknown).collect()
    }

    /// The level of a command: the highest that the records or the policies ask.
    fn level(&self, made: Made) -> TableLevel {
        let recorded = self.records.iter().map(|record| record.level(made));
        let found = self.policies.iter().filter(|(policy, _)| *policy == made).flat_map(|(_, level)| match level {
            FoundLevel::Requires(levels) => levels.clone(),
            FoundLevel::Altered => Vec::new(),
        });
        recorded.chain(found).fold(TableLevel::None, |highest, it| if it.implies(highest) { it } else { highest })
    }
}
