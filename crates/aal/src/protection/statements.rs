//! The statements that make a protection.

use minijinja::context;

use super::guard_arguments::{EXEMPTS_BY_POLICY, GuardArgument, LIVE_ONLY};
use super::levels::CommandLevels;
use super::made::Made;
use super::render::{Quote, Renderer, and_live, arguments_clause, or_exempt, policy_condition, qualified};
use super::request::Protection;
use super::table::Table;
use crate::command::Command;
use crate::requirement::Requirement;

impl Protection {
    /// The statements that make the protection of one table, in order, after [`clear_statements`] and
    /// [`row_security_on_statement`].
    pub fn statements(&self, table: &Table, quote: &dyn Quote) -> Vec<String> {
        let renderer = Renderer { quote, table: qualified(table, quote), record: quote.literal(&self.record(table)) };
        if table.has_shards {
            return self.statements_for_shards(&renderer);
        }
        let roles = &self.roles_clause(quote);
        let mut statements = Vec::new();
        for policy in Made::LEVEL_POLICIES {
            if let Some(required) = self.requirement(policy) {
                let level = policy_condition(required, quote);
                let condition = if self.live { and_live(&level) } else { level };
                let allowed = match &self.applies_when {
                    Some(applies_when) if self.live => or_exempt(format!("({condition})"), applies_when, quote),
                    Some(applies_when) => or_exempt(condition, applies_when, quote),
                    None => condition,
                };
                statements.extend(renderer.render(policy.template(), context! { roles, allowed }));
            }
        }
        if let Some(owner) = &self.owner {
            let owner_column = quote.identifier(&owner.column);
            let subject = owner.subject();
            statements.extend(renderer.render(Made::Owner.template(), context! { roles, owner_column, subject }));
        }
        if self.guard {
            statements.extend(self.guards(table, &renderer));
        }
        statements
    }

    fn guards(&self, table: &Table, renderer: &Renderer<'_>) -> Vec<String> {
        let argument =
            |command| self.requirement(Made::policy_for(command)).map(|required| GuardArgument { command, required });
        let mut guarded: Vec<GuardArgument> = Command::WRITES.into_iter().filter_map(argument).collect();
        let mut statements = Vec::new();
        if !guarded.is_empty() || self.refuse_reads {
            let mut events: Vec<&str> = guarded.iter().map(|argument| argument.command.in_lower_case()).collect();
            if self.refuse_reads {
                guarded.splice(0..0, argument(Command::Select));
            }
            if events.is_empty() {
                // No trigger fires for SELECT, and each has some event: the rarest.
                events.push(Command::Truncate.in_lower_case());
            }
            let arguments = arguments_clause(&guarded, &self.guarded_besides(), renderer.quote);
            let events = events.join(" or ");
            statements.extend(renderer.render(Made::Guard.template(), context! { events, arguments }));
        }
        let sensitive_update = self.update.requirement();
        if let (false, Some(required)) = (self.sensitive_columns.is_empty(), sensitive_update) {
            let columns: Vec<String> =
                self.sensitive_columns.iter().map(|column| renderer.quote.identifier(column)).collect();
            let columns = columns.join(", ");
            let argument = GuardArgument { command: Command::Update, required };
            let arguments = arguments_clause(&[argument], &self.guarded_besides(), renderer.quote);
            if !table.copies_row_triggers {
                statements.extend(renderer.render(Made::Columns.template(), context! { columns, arguments }));
            }
        }
        statements
    }

    /// What the guards ask besides the levels.
    fn guarded_besides(&self) -> Vec<&'static str> {
        let live = self.live.then_some(LIVE_ONLY);
        live.into_iter().chain(self.applies_when.is_some().then_some(EXEMPTS_BY_POLICY)).collect()
    }

    /// What a policy requires.
    pub(super) fn requirement(&self, policy: Made) -> Option<Requirement> {
        let Protection { read, insert, update, delete, .. } = *self;
        let has_sensitive_columns = !self.sensitive_columns.is_empty();
        CommandLevels { read, insert, update, delete, has_sensitive_columns }.of_policy(policy).requirement()
    }

    /// `public` is a keyword here, not a role's name, and takes in all others.
    pub(super) fn binds_everybody(&self) -> bool {
        self.roles.iter().any(|role| role == "public")
    }

    pub(super) fn roles_clause(&self, quote: &dyn Quote) -> String {
        if self.binds_everybody() {
            return "public".to_owned();
        }
        let roles: Vec<String> = self.roles.iter().map(|role| quote.identifier(role)).collect();
        roles.join(", ")
    }

    /// What [`Protection::statements`] makes on a table.
    pub fn made(&self, table: &Table) -> Vec<Made> {
        if table.has_shards {
            return self.made_for_shards();
        }
        let is_made = |made: &Made| match made {
            Made::Truncate => false,
            Made::Owner => self.owner.is_some(),
            Made::Guard => {
                let writes = [Made::Insert, Made::Update, Made::Delete];
                self.guard && (self.refuse_reads || writes.into_iter().any(|policy| self.requirement(policy).is_some()))
            }
            Made::Columns => !self.sensitive_columns.is_empty() && !table.copies_row_triggers,
            policy => self.requirement(*policy).is_some(),
        };
        Made::ALL.into_iter().filter(is_made).collect()
    }
}
