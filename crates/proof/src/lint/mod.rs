//! Findings: how tables come to need less than their owner meant them to.
//!
//! Each lint is a triple: its file here, its page in docs/lints/, and its test in tests/pg_regress/. All three have the same
//! number and name.

use crate::{Catalog, Matrix};

mod api_roles;
mod body;
mod commands;
mod conditions;
mod definition;
mod finding;
mod fix;
mod function_needs;
mod gates;
mod in_vain;
mod level_readers;
mod lint_0001_permissive_aal_policy;
mod lint_0002_write_left_open;
mod lint_0003_policy_binds_no_role;
mod lint_0004_role_not_bound;
mod lint_0005_check_weaker_than_using;
mod lint_0006_unknown_level;
mod lint_0007_open_without_claims;
mod lint_0008_level_from_user_metadata;
mod lint_0009_first_factor_as_mfa;
mod lint_0010_factors_read_as_caller;
mod lint_0011_evaluated_per_row;
mod lint_0012_owner_rights_view;
mod lint_0013_materialized_view;
mod lint_0014_security_definer_function;
mod lint_0015_unprotected_partition;
mod lint_0016_cascading_foreign_key;
mod lint_0017_truncate_granted;
mod lint_0018_raising_policy;
mod lint_0019_immutable_claims_reader;
mod lint_0020_protection_edited;
mod lint_0021_guard_missing;
mod lint_0022_row_security_off;
mod lint_0023_protected_table_published;
mod lint_0024_unverified_claims;
mod lint_0025_restrictive_lost;
mod lint_0026_security_definer_trigger;
mod lint_0027_applies_to_some;
mod lint_0028_new_tables_unwatched;
mod lint_0029_below_its_schema;
mod lint_0030_gate_not_read;
mod lint_0031_restrictive_without_expression;
mod lint_0032_level_decides_nothing;
mod lint_0033_null_trap_in_function;
mod lint_0034_factors_readable;
mod lint_0035_claims_set_below;
mod lint_0036_gate_search_path;
mod lint_0037_bucket_made_public;
mod lint_0038_check_skipped_by_foreign_partition;
mod lint_0039_record_missing;
mod lint_0040_other_setting_decides;
mod lint_0041_issuer_unlikely;
mod lint_0042_one_factor_may_do;
mod lint_0043_profiles_differ;
mod lint_0044_claim_without_level;
mod lint_0045_portable_altered;
mod lint_0046_portable_outdated;
mod lint_0047_portable_replaceable;
mod lint_0048_restrictive_in_shards;
mod methods;
mod no_level;
mod null_trap;
mod reach;
mod rungs;
mod settings;
mod severity;
mod survey;

pub use definition::{Finding, Lint, Severity};
pub use finding::{Found, Subject};
pub use function_needs::{FunctionNeed, function_needs, needed_by_gate};
pub(crate) use lint_0027_applies_to_some::applies_to_some;
pub(crate) use survey::Measure;
use survey::Survey;

/// Every lint, by number.
pub const LINTS: &[Lint] = &[
    lint_0001_permissive_aal_policy::LINT,
    lint_0002_write_left_open::LINT,
    lint_0003_policy_binds_no_role::LINT,
    lint_0004_role_not_bound::LINT,
    lint_0005_check_weaker_than_using::LINT,
    lint_0006_unknown_level::LINT,
    lint_0007_open_without_claims::LINT,
    lint_0008_level_from_user_metadata::LINT,
    lint_0009_first_factor_as_mfa::LINT,
    lint_0010_factors_read_as_caller::LINT,
    lint_0011_evaluated_per_row::LINT,
    lint_0012_owner_rights_view::LINT,
    lint_0013_materialized_view::LINT,
    lint_0014_security_definer_function::LINT,
    lint_0015_unprotected_partition::LINT,
    lint_0016_cascading_foreign_key::LINT,
    lint_0017_truncate_granted::LINT,
    lint_0018_raising_policy::LINT,
    lint_0019_immutable_claims_reader::LINT,
    lint_0020_protection_edited::LINT,
    lint_0021_guard_missing::LINT,
    lint_0022_row_security_off::LINT,
    lint_0023_protected_table_published::LINT,
    lint_0024_unverified_claims::LINT,
    lint_0025_restrictive_lost::LINT,
    lint_0026_security_definer_trigger::LINT,
    lint_0027_applies_to_some::LINT,
    lint_0028_new_tables_unwatched::LINT,
    lint_0029_below_its_schema::LINT,
    lint_0030_gate_not_read::LINT,
    lint_0031_restrictive_without_expression::LINT,
    lint_0032_level_decides_nothing::LINT,
    lint_0033_null_trap_in_function::LINT,
    lint_0034_factors_readable::LINT,
    lint_0035_claims_set_below::LINT,
    lint_0036_gate_search_path::LINT,
    lint_0037_bucket_made_public::LINT,
    lint_0038_check_skipped_by_foreign_partition::LINT,
    lint_0039_record_missing::LINT,
    lint_0040_other_setting_decides::LINT,
    lint_0041_issuer_unlikely::LINT,
    lint_0042_one_factor_may_do::LINT,
    lint_0043_profiles_differ::LINT,
    lint_0044_claim_without_level::LINT,
    lint_0045_portable_altered::LINT,
    lint_0046_portable_outdated::LINT,
    lint_0047_portable_replaceable::LINT,
    lint_0048_restrictive_in_shards::LINT,
];

/// Those that find ways around a table's policies. All others are about the policies themselves, which the matrix weighs.
const WAYS: [&Lint; 5] = [
    &lint_0012_owner_rights_view::LINT,
    &lint_0013_materialized_view::LINT,
    &lint_0014_security_definer_function::LINT,
    &lint_0016_cascading_foreign_key::LINT,
    &lint_0026_security_definer_trigger::LINT,
];

/// Runs every lint, and puts those of its findings first that are about roles that clients of an API have. It calls `pause` now
/// and then, which may unwind.
pub fn run<'a>(catalog: &'a Catalog, matrix: &'a Matrix<'a>, pause: &'a dyn Fn()) -> Vec<Finding> {
    findings(&Survey::new(catalog, matrix, Measure::Policies, pause))
}

/// The same, and what every function needs, as [`function_needs`] derives it: from one look at the catalog.
pub fn run_with_functions<'a>(
    catalog: &'a Catalog,
    matrix: &'a Matrix<'a>,
    pause: &'a dyn Fn(),
) -> (Vec<Finding>, Vec<FunctionNeed>) {
    let survey = Survey::new(catalog, matrix, Measure::Policies, pause);
    (findings(&survey), function_needs::needs(&survey, (None, None)))
}

fn findings(survey: &Survey<'_>) -> Vec<Finding> {
    let findings_of = |lint: &'static Lint| {
        let mut found = (lint.findings)(survey);
        found.sort_by_cached_key(|found| !survey.concerns_api(found));
        for it in &mut found {
            it.fix = fix::fix(survey, lint, it);
        }
        found.into_iter().map(move |found| Finding { lint, found })
    };
    LINTS.iter().flat_map(findings_of).collect()
}

/// The ways around the policies of tables by which a command needs less than the measure.
pub(crate) fn ways_past<'a>(
    catalog: &'a Catalog,
    matrix: &'a Matrix<'a>,
    measure: Measure,
    pause: &'a dyn Fn(),
) -> Vec<Finding> {
    let survey = Survey::new(catalog, matrix, measure, pause);
    let findings_of =
        |lint: &'static Lint| (lint.findings)(&survey).into_iter().map(move |found| Finding { lint, found });
    WAYS.into_iter().flat_map(findings_of).collect()
}

#[cfg(test)]
mod tests;
