//! The words of the crate `aal` about protections.

use aal::Command;
use aal::protection::{InvalidProtection, TableLevel, WATCHED_TAGS};
use minijinja::{Value, context};

use crate::literal::{array, format_text, literal};

/// What the templates about protections are filled with.
pub fn facts() -> Value {
    context! {
        levels => array(&TableLevel::VALID),
        forms_of_levels => literal(TableLevel::FORMS),
        protects_nothing => refusal(&InvalidProtection::ProtectsNothing),
        no_roles => refusal(&InvalidProtection::NoRoles),
        sensitive_columns_need_guard => refusal(&InvalidProtection::SensitiveColumnsNeedGuard),
        sensitive_columns_need_levels => refusal(&InvalidProtection::SensitiveColumnsNeedLevels),
        below_reads => below_reads(),
        watched_tags => literal(&WATCHED_TAGS.map(literal).join(", ")),
    }
}

/// The message and the hint of a request that makes no sense.
fn refusal(error: &InvalidProtection) -> Value {
    context! { message => literal(&error.to_string()), hint => literal(&error.hint().replace("auth.", "aal.")) }
}

/// The same with the level of a command, the command and the level of reads, as a format.
fn below_reads() -> Value {
    let (level, read) = (TableLevel::ENROLLED, TableLevel::None);
    let error = InvalidProtection::BelowReads { command: Command::Update, level, read };
    let message = format_text(&error.to_string(), &["enrolled", "UPDATE", "none"]);
    context! { message => literal(&message), hint => literal(error.hint()) }
}
