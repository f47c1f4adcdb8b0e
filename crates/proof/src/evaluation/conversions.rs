//! Converting between JSON and texts.

use serde_json::Value as Json;

use crate::value::{Outcomes, Value};

/// A text as JSON.
pub(super) fn to_json(value: &Value) -> Outcomes {
    match value {
        Value::Null | Value::Json(_) | Value::Claims | Value::Status => Outcomes::one(value.clone()),
        Value::Claim(_) | Value::JsonTextBut(_) | Value::TextsWithout(_) => Outcomes::one(value.clone()),
        Value::JsonNumber(_) | Value::EntriesWithout { .. } => Outcomes::one(value.clone()),
        Value::NumberText(numbers) => Outcomes::one(Value::JsonNumber(numbers.clone())),
        Value::ClaimsText => Outcomes::one(Value::Claims),
        Value::Text(text) if text.trim().is_empty() => Outcomes::raises(),
        Value::Text(text) => {
            serde_json::from_str(text).map_or_else(|_| Outcomes::anything(), |json| Outcomes::one(Value::Json(json)))
        }
        _ => Outcomes::anything(),
    }
}

/// JSON as a text.
pub(super) fn json_to_text(value: &Value) -> Outcomes {
    // Any other character could be escaped in more than one way.
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ' || byte == b'_');
    match value {
        Value::Null => Outcomes::one(Value::Null),
        Value::Claims => Outcomes::one(Value::ClaimsText),
        Value::Json(Json::String(text)) if is_plain(text) => Outcomes::one(Value::Text(format!("\"{text}\""))),
        Value::Json(Json::Null) => Outcomes::one(Value::text("null")),
        Value::JsonNumber(numbers) => Outcomes::one(Value::NumberText(numbers.clone())),
        _ => Outcomes::anything(),
    }
}
