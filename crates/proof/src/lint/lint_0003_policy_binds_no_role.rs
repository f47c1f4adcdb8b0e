//! A policy asks for a level of roles that no session has.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Policy, RoleId};

pub const LINT: Lint = Lint {
    name: "0003_policy_binds_no_role",
    title: "A policy asks for a level of roles that no session has",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A policy counts for the roles it names. If none of them can log in and no role that can is a member, it never counts.",
    remediation: "Name the roles that requests run as, or leave TO out to bind everybody.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let binds_nobody = |policy: &Policy| {
        let known = |id: &RoleId| survey.catalog.roles.iter().find(|role| role.id == *id);
        !policy.roles.is_empty() && policy.roles.iter().all(|id| known(id).is_some_and(|role| !role.can_come))
    };
    let policies = survey.aal_policies().filter(|(_, policy)| binds_nobody(policy));
    policies
        .map(|(table, policy)| {
            let roles: Vec<&str> = policy.role_names.iter().map(String::as_str).collect();
            let detail = format!(
                "Policy {} on {} binds only {}, and no role that can log in has that role",
                policy.name,
                survey.catalog.tables[table].display_name,
                roles.join(", ")
            );
            Found::on_table(table, detail).policy(policy).roles(&roles)
        })
        .collect()
}
