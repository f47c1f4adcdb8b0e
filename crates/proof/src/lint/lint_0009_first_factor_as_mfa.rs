//! A first factor counts as a second one.

use super::conditions::{reads_claim, texts_of};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::Expression;

pub const LINT: Lint = Lint {
    name: "0009_first_factor_as_mfa",
    title: "A first factor counts as a second one",
    level: Severity::Error,
    category: "SECURITY",
    description: "In amr, otp, magiclink, recovery and passkey are how somebody signed in: a session with one of them is at aal1. The second factors are totp, mfa/phone, mfa/webauthn and mfa/recovery_code.",
    remediation: "Ask auth.has_aal('aal2'), with a max_age if it must be fresh.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    const FIRST_FACTORS: [&str; 4] = ["otp", "passkey", "recovery", "magiclink"];
    survey.policies_with(
        |expression| {
            let reads_methods = |it: &Expression| matches!(it, Expression::Methods) || reads_claim(it, "amr");
            let names_one = |it: &Expression| match it {
                Expression::Constant(value) => texts_of(value).iter().any(|text| FIRST_FACTORS.contains(text)),
                _ => false,
            };
            let mut counts_one = false;
            // A negated condition refuses such a session, instead of admitting it.
            expression.visit(&mut |it| {
                counts_one |= names_one(it);
                !matches!(it, Expression::Not(_) | Expression::CompareEach { negated: true, .. })
            });
            counts_one && expression.any(&reads_methods)
        },
        "looks in amr for a method that is a first factor",
    )
}
