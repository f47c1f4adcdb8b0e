//! Which policies and guards have the shape that `protect_table` gives them.

use super::catalog::{Guard, Policy, PolicyCommand};
use super::expression::Expression;
use aal::protection::{Made, Recognized, RecognizedGuard};
use aal::{Command, Requirement};

/// What `protect_table` made of these policies and guards of a table, with or without a record: all that is exactly as it makes it.
pub fn recognize<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    guards: impl IntoIterator<Item = &'a Guard>,
) -> Recognized {
    let mut found = Recognized::default();
    for policy in policies {
        if !policy.is_as_made() {
            found.permissive.extend(policy.made().filter(|_| policy.lost_restrictive()));
            continue;
        }
        match (policy.made(), policy.required_as_made()) {
            (Some(made), Some(required)) => found.policies.push((made, required)),
            _ => found.owner = true,
        }
        // In shards each of them asks for the owner.
        if policy.made() != Some(Made::Owner) && policy.permissive {
            (found.owner, found.in_shards) = (true, true);
        }
        found.roles.clone_from(&policy.role_names);
        found.for_some |= policy.expressions().any(|it| it.without_exemption().1.is_some());
        found.live |= policy.expressions().any(|it| it.without_exemption().0.without_liveness().1);
    }
    for guard in guards {
        match guard.made() {
            Some(Made::Guard) => found.guard = guard.recognized(found.in_shards),
            Some(Made::Columns) => found.columns = guard.recognized(false),
            Some(Made::Truncate) if found.in_shards => found.truncate = guard.recognized(true),
            _ => {}
        }
    }
    found
}

impl Policy {
    /// Whether it is exactly as `protect_table` makes a policy of this name, for any roles.
    pub fn is_as_made(&self) -> bool {
        match self.made() {
            Some(Made::Owner) => self.permissive && self.command == PolicyCommand::All && self.permits_own_rows,
            Some(_) => self.permissive == self.permits_own_rows && self.required_as_made().is_some(),
            None => false,
        }
    }

    /// Whether it is exactly as `protect_table` makes a restrictive policy, except that it is permissive.
    fn lost_restrictive(&self) -> bool {
        self.permissive && !self.permits_own_rows && self.required_as_made().is_some()
    }

    /// Whether it is of the kind that `protect_table` makes on a table that Citus holds: permissive, for own rows from a level on.
    pub fn is_for_shards(&self) -> bool {
        self.permissive && self.permits_own_rows && self.made().and_then(Made::command).is_some()
    }

    /// What its expression asks of a session, beside the owner of the row where it is for shards.
    pub fn beside_owner<'a>(&self, expression: &'a Expression) -> &'a Expression {
        match expression.unwrapped() {
            Expression::And(parts) if self.is_for_shards() => match parts.as_slice() {
                [_, level] => level,
                _ => expression,
            },
            _ => expression,
        }
    }

    /// What it requires, if it has the name, the command and the expressions of a policy that `protect_table` makes for a command.
    fn required_as_made(&self) -> Option<Requirement> {
        let command = self.made().and_then(Made::command)?;
        let first = self.beside_owner(self.expressions().next()?);
        let (condition, exempting) = first.without_exemption();
        let (level, live) = condition.without_liveness();
        let required = level.requirement()?;
        let level = Expression::for_requirement(required, false);
        let condition =
            if live { Expression::And(vec![level, Expression::SessionIsLive { raises: false }]) } else { level };
        let rendered = match exempting {
            Some(function) => Expression::Or(vec![condition, Expression::Exempt(function.to_owned())]),
            None => condition,
        };
        let is_as_made = self.command == PolicyCommand::One(command)
            && self.using.is_some() == (command != Command::Insert)
            && self.check.is_some() == matches!(command, Command::Insert | Command::Update)
            && self.expressions().all(|expression| *self.beside_owner(expression) == rendered);
        is_as_made.then_some(required)
    }
}

impl Guard {
    /// What it requires, if it is exactly as `protect_table` makes a trigger of this name.
    fn recognized(&self, in_shards: bool) -> Option<RecognizedGuard> {
        let has_shape = match self.made()? {
            Made::Columns => self.decides_columns && self.commands == [Command::Update],
            Made::Truncate => self.always_fires && self.commands == [Command::Truncate],
            _ => self.always_fires && !(in_shards && self.commands == [Command::Truncate]),
        };
        if has_shape { RecognizedGuard::from_arguments(&self.commands, &self.arguments, in_shards) } else { None }
    }
}
