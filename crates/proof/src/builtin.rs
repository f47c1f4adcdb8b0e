//! Postgres' own functions that come to the same whenever they are given the same: those that people spell a level with.

/// A function of `pg_catalog`, or what a cast does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `lower(text)`.
    Lower,
    /// `upper(text)`.
    Upper,
    /// `btrim(text, characters)`, `ltrim` and `rtrim`.
    Trim {
        /// Whether it trims the beginning.
        start: bool,
        /// Whether it trims the end.
        end: bool,
    },
    /// `a || b`, of texts.
    Append,
    /// `concat(…)`, of texts.
    Concat,
    /// `starts_with(text, prefix)`.
    StartsWith,
    /// `left(text, count)`.
    Left,
    /// `right(text, count)`.
    Right,
    /// `substr(text, start, count)`.
    Substring,
    /// `replace(text, from, to)`.
    Replace,
    /// `strpos(text, part)`.
    Position,
    /// `length(text)`.
    Length,
    /// A text as an integer.
    ToInteger,
    /// A text as a number of any size.
    ToNumeric,
    /// A JSON document as a number.
    JsonToNumber,
    /// A JSON document as a truth value.
    JsonToTruth,
    /// `now() - interval`: a time before the transaction began.
    Ago,
    /// `text ~ pattern`.
    Matches {
        /// `~*`.
        ignores_case: bool,
    },
    /// `text like pattern`.
    Like {
        /// `ilike`.
        ignores_case: bool,
    },
    /// The regular expression of a pattern for `similar to`.
    SimilarTo,
    /// `least(…)`.
    Least,
    /// `greatest(…)`.
    Greatest,
    /// `array_position(array, element)`.
    ArrayPosition,
    /// `string_to_array(text, delimiter)`.
    StringToArray,
    /// `jsonb_typeof(json)`.
    JsonType,
    /// `to_jsonb(value)`.
    ToJsonb,
    /// `jsonb_build_object(key, value, …)`.
    BuildObject,
    /// A text as `varchar(n)`: with a type modifier, and whether the cast is explicit.
    Cut,
    /// The same as `char(n)`. A value of that type stands without its blanks at the end.
    CutBlank,
    /// A text as `char` of any length: without its blanks at the end.
    TrimBlank,
    /// A text as a `name`.
    ToName,
    /// `document ?| keys`.
    HasAnyKey,
    /// `document ?& keys`.
    HasAllKeys,
    /// `document @? path`.
    PathExists,
    /// `document @@ path`.
    PathMatches,
    /// `jsonb_path_query_first(document, path)`.
    PathFirst,
    /// `md5(text)`.
    Md5,
    /// A truth value as an integer.
    TruthToInteger,
    /// A truth value as text.
    TruthToText,
    /// `num_nulls(…)`, and `num_nonnulls`.
    CountNulls {
        /// Those that aren't NULL.
        others: bool,
    },
}

impl Builtin {
    /// Whether it is NULL where an argument is.
    pub const fn is_strict(self) -> bool {
        !matches!(
            self,
            Builtin::Concat
                | Builtin::Least
                | Builtin::Greatest
                | Builtin::ArrayPosition
                | Builtin::StringToArray
                | Builtin::BuildObject
                | Builtin::CountNulls { .. }
        )
    }

    /// Whether it comes to a truth value.
    pub const fn is_condition(self) -> bool {
        matches!(
            self,
            Builtin::StartsWith
                | Builtin::Matches { .. }
                | Builtin::Like { .. }
                | Builtin::HasAnyKey
                | Builtin::HasAllKeys
                | Builtin::PathExists
                | Builtin::PathMatches
                | Builtin::JsonToTruth
        )
    }
}
