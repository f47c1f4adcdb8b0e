//! A first factor counts as a second one.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::methods::counts_first_factor;
use super::survey::Survey;

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
    survey.policies_with(counts_first_factor, "looks in amr for a method that is a first factor")
}
