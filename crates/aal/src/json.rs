//! JSON objects of which every member counts, and none may be there twice.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, each value still as its JSON text.
#[derive(Debug)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member's name, which is borrowed unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Why a text is no [`Object`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoObject {
    /// Not JSON, or JSON of another type.
    Other,
    /// An object that states a member twice. Parsers differ in which they take, so none counts.
    Duplicate,
}

impl<'a> Object<'a> {
    /// Reads a text that is exactly one JSON object.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, NoObject> {
        let object: Object<'a> = serde_json::from_slice(text).map_err(|_| NoObject::Other)?;
        if object.states_a_member_twice() { Err(NoObject::Duplicate) } else { Ok(object) }
    }

    /// The value of a member, `null` included.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Whether there is such a member, of any value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The names of its members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The value of a member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text_of)
    }

    /// The last text of this name in the text of an object that may state a member twice: what the database reads.
    pub(crate) fn last_text(text: &'a [u8], name: &str) -> Option<String> {
        let object: Object<'a> = serde_json::from_slice(text).ok()?;
        object.0.iter().rev().find(|(known, _)| known == name).and_then(|(_, value)| text_of(value))
    }

    fn states_a_member_twice(&self) -> bool {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value::<&'de RawValue>()?));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A JSON text's value; `None` for any other type.
pub(crate) fn text_of(value: &RawValue) -> Option<String> {
    if value.get().starts_with('"') { serde_json::from_str(value.get()).ok() } else { None }
}

/// A JSON number's value, infinite where it is beyond a double; `None` for any other type.
pub(crate) fn number_of(value: &RawValue) -> Option<f64> {
    let text = value.get();
    // A JSON number is a Rust number, too, and nothing else of JSON begins like one.
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The values of a JSON array; `None` for any other type.
pub(crate) fn array_of(value: &RawValue) -> Option<Vec<&RawValue>> {
    if value.get().starts_with('[') { serde_json::from_str(value.get()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_states_each_member_once() {
        let object = Object::parse(br#" {"a":"x","b":null,"c":[1]} "#).unwrap();
        assert_eq!((object.text("a"), object.text("b"), object.text("d")), (Some("x".to_owned()), None, None));
        assert_eq!((object.has("b"), object.has("d")), (true, false));
        assert_eq!(array_of(object.get("c").unwrap()).unwrap().len(), 1);
        for twice in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert_eq!(Object::parse(twice.as_bytes()).unwrap_err(), NoObject::Duplicate, "{twice}");
        }
        let twice = br#"{"a":"x","\u0061":"y","b":1}"#;
        assert_eq!((Object::last_text(twice, "a"), Object::last_text(twice, "b")), (Some("y".to_owned()), None));
        for other in ["", "null", "[]", "[[\"a\",1]]", "\"a\"", "{", "{}{}", "{\"a\"}", "{1:2}"] {
            assert_eq!(Object::parse(other.as_bytes()).unwrap_err(), NoObject::Other, "{other}");
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}").unwrap_err(), NoObject::Other);
    }
}
