//! The level is read from what users write themselves.

use super::conditions::{reads_claim, texts_of};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Comparison, Expression, Value};

pub const LINT: Lint = Lint {
    name: "0008_level_from_user_metadata",
    title: "The level is read from what users write themselves",
    level: Severity::Error,
    category: "SECURITY",
    description: "user_metadata is written by the user, through the client library: a user who wants a level puts it there.",
    remediation: "Read the level with auth.aal() or auth.has_aal().",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let is_about_level = |value: &Value| texts_of(value).iter().any(|text| is_about_level(text));
    let names_level =
        |key: &Expression| key.any(&|it| matches!(it, Expression::Constant(value) if is_about_level(value)));
    let is_user_written = |it: &Expression| it.any(&|it| reads_claim(it, "user_metadata"));
    survey.policies_with(
        |expression| {
            expression.any(&|it| match it {
                Expression::Member { document, key, .. } => names_level(key) && is_user_written(document),
                Expression::Path { document, path, .. } => {
                    names_level(path) && (reads_claim(it, "user_metadata") || is_user_written(document))
                }
                // Contains `{"user_metadata": {"aal": …}}`.
                Expression::Compare(Comparison::Contains, document, part) => {
                    let metadata = match &**part {
                        Expression::Constant(Value::Json(part)) => part.get("user_metadata"),
                        _ => None,
                    };
                    document.is_claims() && metadata.is_some_and(holds_level)
                }
                _ => false,
            })
        },
        "reads the level from user_metadata, which users write themselves",
    )
}

/// Whether an object has a key that is about the level.
fn holds_level(object: &serde_json::Value) -> bool {
    object.as_object().is_some_and(|object| object.keys().any(|key| is_about_level(key)))
}

fn is_about_level(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["aal", "mfa", "assurance"].iter().any(|word| text.contains(word))
}
