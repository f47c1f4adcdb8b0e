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
    for policy in policies.into_iter().filter(|policy| policy.is_as_made()) {
        match (policy.made(), policy.required_as_made()) {
            (Some(made), Some(required)) => found.policies.push((made, required)),
            _ => found.owner = true,
        }
        found.roles.clone_from(&policy.role_names);
        found.for_some |= policy.expressions().any(|it| it.without_exemption().1.is_some());
        found.live |= policy.expressions().any(|it| it.without_exemption().0.without_liveness().1);
    }
    for guard in guards {
        match guard.made() {
            Some(Made::Guard) => found.guard = guard.recognized(),
            Some(Made::Columns) => found.columns = guard.recognized(),
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
            Some(_) => !self.permissive && self.required_as_made().is_some(),
            None => false,
        }
    }

    /// What it requires, if it has the name, the command and the expressions of a policy that `protect_table` makes restrictive.
    fn required_as_made(&self) -> Option<Requirement> {
        let command = self.made().and_then(Made::command)?;
        let first = self.expressions().next()?;
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
            && self.expressions().all(|expression| *expression == rendered);
        is_as_made.then_some(required)
    }
}

impl Guard {
    /// What it requires, if it is exactly as `protect_table` makes a trigger of this name.
    fn recognized(&self) -> Option<RecognizedGuard> {
        let has_shape = match self.made()? {
            Made::Columns => self.decides_columns && self.commands == [Command::Update],
            _ => self.always_fires,
        };
        if has_shape { RecognizedGuard::from_arguments(&self.commands, &self.arguments) } else { None }
    }
}
