//! What a new protection takes away from the one that is on a table.

use super::levels::TableLevel;
use super::made::Made;
use super::record::RecordedProtection;
use super::request::Protection;

/// The protection that is on a table: its records, and its policies and triggers, which may have been altered by hand.
#[derive(Clone, Debug, Default)]
pub struct FoundProtection {
    /// The options of the last call, by the records that it left.
    pub records: Vec<RecordedProtection>,
    /// The restrictive policies that `protect_table` made, and what each requires.
    pub policies: Vec<(Made, FoundLevel)>,
    /// Whom those policies bind; `None` if there are none.
    pub bound: Option<FoundRoles>,
    /// The column of `aal_owner`.
    pub owner_column: Option<String>,
    /// The columns that need more than others for an update, and what they need.
    pub sensitive: Option<(Vec<String>, TableLevel)>,
    /// By which function each of those policies exempts sessions, if it does.
    pub applies_when: Vec<Option<String>>,
    /// Whether the guard is there.
    pub guard: bool,
    /// Whether one of them asks for a live session.
    pub live: bool,
    /// Whether its guard refuses statements that read below the level.
    pub refuse_reads: bool,
    /// Where it doesn't hold.
    pub gaps: Gaps,
}

/// Where a protection doesn't hold as its records, its guard or most of its policies say. A new protection is held against those, so
/// that nothing is lowered in silence; and what is on a table must hold in each part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Whether row security is off, so that no policy counts.
    pub row_security_off: bool,
    /// The restrictive policies that aren't there.
    pub missing: Vec<Made>,
    /// Whether the policies bind different roles.
    pub uneven_roles: bool,
    /// Whether a policy asks for a level and no live session.
    pub not_live: bool,
}

/// What a policy requires that is on a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundLevel {
    /// These, all of them: USING and WITH CHECK may differ.
    Requires(Vec<TableLevel>),
    /// Something that `protect_table` doesn't make.
    Altered,
}

/// Whom the policies that are on a table bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundRoles {
    /// Everybody.
    Everybody,
    /// Named roles. These of them a new protection wouldn't bind, neither by their names nor as members of the roles that it names.
    Named {
        /// Their names.
        unbound: Vec<String>,
    },
}

impl Protection {
    /// What this takes away from a protection, each in a line with the old and the new: `update: aal2 -> aal1`.
    pub fn lowers(&self, found: &FoundProtection) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, policy, new) in [("read", Made::Read, self.read), ("insert", Made::Insert, self.insert)] {
            lines.extend(lowered(name, &found.required(policy), &[new]));
        }
        lines.extend(self.lowered_updates(found));
        lines.extend(lowered("delete", &found.required(Made::Delete), &[self.delete]));
        for (policy, level) in &found.policies {
            if *level == FoundLevel::Altered {
                let kind = if policy.is_policy() { "policy" } else { "trigger" };
                lines.push(format!("{kind} {}: altered by hand -> as protect_table makes it", policy.name()));
            }
        }
        lines.extend(self.unbound_roles(found));
        lines.extend(self.exempt_sessions(found));
        let owner_column = self.owner.as_ref().map(|owner| &owner.column);
        if let Some(old) = &found.owner_column
            && owner_column != Some(old)
        {
            let new = owner_column.map_or("none", |new| new);
            lines.push(format!("owner_column: {old} -> {new}"));
        }
        let had_guard = found.guard || found.records.iter().any(|record| record.guard && record.requires_writes());
        if had_guard && !self.guard {
            lines.push("guard: true -> false".to_owned());
        }
        if (found.live || found.records.iter().any(|record| record.live)) && !self.live {
            lines.push("live: true -> false".to_owned());
        }
        lines
    }

    /// The updates that need less. Those of sensitive columns, and those of others, are compared each by itself.
    fn lowered_updates(&self, found: &FoundProtection) -> Vec<String> {
        let others = found.required(Made::Update);
        let Some((old_columns, sensitive)) = &found.sensitive else {
            let name = if self.sensitive_columns.is_empty() { "update" } else { "update of other columns" };
            return lowered(name, &others, &[self.update_of_others()])
                .into_iter()
                .chain(self.lowered_columns(&self.sensitive_columns, &others))
                .collect();
        };
        let is_new = |column: &&String| !old_columns.contains(column);
        let new_columns: Vec<String> = self.sensitive_columns.iter().filter(is_new).cloned().collect();
        let mut of_sensitive = vec![*sensitive];
        of_sensitive.extend(found.records.iter().filter(|record| record.sensitive).map(|record| record.update));
        of_sensitive.extend(&others);
        let mut lines = self.lowered_columns(old_columns, &of_sensitive);
        lines.extend(lowered("update of other columns", &others, &[self.update_of_others()]));
        lines.extend(self.lowered_columns(&new_columns, &others));
        lines
    }

    /// The columns of these whose updates need less.
    fn lowered_columns(&self, columns: &[String], old: &[TableLevel]) -> Vec<String> {
        let is_sensitive =
            |column: &String| self.sensitive_columns.is_empty() || self.sensitive_columns.contains(column);
        let (sensitive, others): (Vec<String>, Vec<String>) = columns.iter().cloned().partition(is_sensitive);
        // The policy holds for updates of sensitive columns, too.
        [(sensitive, vec![self.update, self.update_of_others()]), (others, vec![self.update_of_others()])]
            .into_iter()
            .filter(|(columns, _)| !columns.is_empty())
            .filter_map(|(columns, new)| lowered(&format!("update of {}", columns.join(", ")), old, &new))
            .collect()
    }

    /// What an update needs that changes no sensitive column.
    fn update_of_others(&self) -> TableLevel {
        if self.sensitive_columns.is_empty() { self.update } else { self.read }
    }

    /// Sessions that are exempt now. Those that another function exempts may be others.
    fn exempt_sessions(&self, found: &FoundProtection) -> Option<String> {
        let new = &self.applies_when.as_ref()?.display_name;
        let is_another = |old: &&Option<String>| old.as_ref() != Some(new);
        let was_for_all = found.records.iter().any(|record| !record.for_some).then_some(&None);
        let old = was_for_all.or_else(|| found.applies_when.iter().find(is_another))?;
        Some(format!("applies_when: {} -> {new}", old.as_deref().unwrap_or("all sessions")))
    }

    fn unbound_roles(&self, found: &FoundProtection) -> Option<String> {
        match found.bound.as_ref()? {
            FoundRoles::Everybody if !self.binds_everybody() => {
                Some(format!("roles: public -> {}", self.roles.join(", ")))
            }
            FoundRoles::Named { unbound } if !unbound.is_empty() && !self.binds_everybody() => {
                Some(format!("roles: {} no longer bound", unbound.join(", ")))
            }
            _ => None,
        }
    }
}

impl FoundProtection {
    /// All that a policy requires, or was asked to.
    fn required(&self, made: Made) -> Vec<TableLevel> {
        let recorded = self.records.iter().map(|record| record.level(made));
        let found = self.policies.iter().filter(|(policy, _)| *policy == made).flat_map(|(_, level)| match level {
            FoundLevel::Requires(levels) => levels.clone(),
            FoundLevel::Altered => Vec::new(),
        });
        recorded.chain(found).collect()
    }
}

/// The line for something that needed all of `old`, and needs less now: all of `new`.
fn lowered(name: &str, old: &[TableLevel], new: &[TableLevel]) -> Option<String> {
    let old = old.iter().find(|old| !new.iter().any(|new| new.implies(**old)))?;
    Some(format!("{name}: {old} -> {}", new.first()?))
}
