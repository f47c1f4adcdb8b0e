//! A policy's expression, as far as it matters here.

use std::collections::BTreeSet;

use super::builtin::Builtin;
use super::ids::TableId;
use super::value::Value;
use aal::{FixedRequirement, Level, MaxAge, Requirement};

/// An expression. Every kind that is not listed here is [`Expression::Unknown`].
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A constant.
    Constant(Value),
    /// It always raises an error.
    Raises,
    /// An expression that can't be read: it could come to anything.
    Unknown {
        /// The same for expressions that come to the same within one row, if that is certain.
        key: Option<Key>,
        /// Whether it is NULL as soon as one of its arguments is.
        strict: bool,
        /// Its arguments, where they are known.
        arguments: Vec<Expression>,
        /// What it is, if that is worth telling.
        reason: Option<Reason>,
    },
    /// `auth.claims()`.
    Claims,
    /// `auth.aal()`.
    Level,
    /// `auth.enrolled_aal()`.
    EnrolledLevel,
    /// Whether Supabase Auth's table of factors has a verified one of the session's user: a condition on it that says just that.
    HasFactor,
    /// `auth.aal_status()`.
    Status,
    /// `auth.has_aal(level, max_age)`, or `require_aal`, which raises instead of being false.
    HasLevel {
        /// The level asked for.
        level: Box<Expression>,
        /// How old its factor may be; NULL: any age.
        max_age: Box<Expression>,
        /// Whether it raises.
        raises: bool,
    },
    /// `auth.has_enrolled_aal(max_age)`, or `require_enrolled_aal`.
    HasEnrolledLevel {
        /// How old the factor may be; NULL: any age.
        max_age: Box<Expression>,
        /// Whether it raises.
        raises: bool,
    },
    /// `auth.session_is_live()`, or `require_live_session`, which raises instead of being false.
    SessionIsLive {
        /// Whether it raises.
        raises: bool,
    },
    /// `auth.authenticated_at(level)`.
    AuthenticatedAt(Box<Expression>),
    /// `auth.amr()`, or rows made from it.
    Methods,
    /// `current_setting(name, missing_ok)`.
    Setting {
        /// The setting.
        name: Box<Expression>,
        /// Whether it is NULL, rather than an error, where there is no such setting.
        missing_ok: bool,
    },
    /// The name of the current role, where that is the one who asks.
    CurrentRole,
    /// Whether `applies_when` exempts the session: `(select f()) is false`, with the name of `f`, in a policy of `protect_table`.
    /// The proof is about the sessions that it doesn't exempt, and says so.
    Exempt(String),
    /// `all of them`.
    And(Vec<Expression>),
    /// `any of them`.
    Or(Vec<Expression>),
    /// `not it`.
    Not(Box<Expression>),
    /// `it is true`, `it is not null`, …
    Is {
        /// What it is tested for.
        truth: Truth,
        /// Whether the test is negated.
        negated: bool,
        /// The tested expression.
        tested: Box<Expression>,
    },
    /// Comparing two values.
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// Comparing a value with each element of an array: `= any (…)`, `<> all (…)`.
    CompareEach {
        /// How the value compares with an element.
        comparison: Comparison,
        /// Whether the comparison is negated for each: `<>`.
        negated: bool,
        /// `any`; else `all`.
        any: bool,
        /// The value.
        value: Box<Expression>,
        /// The array.
        array: Box<Expression>,
    },
    /// `case when … then … else … end`.
    Case {
        /// Conditions, and what follows from each.
        arms: Vec<(Expression, Expression)>,
        /// What it comes to where none is true.
        otherwise: Box<Expression>,
    },
    /// `coalesce(…)`.
    Coalesce(Vec<Expression>),
    /// `nullif(a, b)`.
    NullIf(Box<Expression>, Box<Expression>),
    /// `array[…]`.
    Array(Vec<Expression>),
    /// `document -> key`, or `->>`.
    Member {
        /// The JSON document.
        document: Box<Expression>,
        /// The key, or an integer: the place in an array.
        key: Box<Expression>,
        /// Whether it comes out as text.
        as_text: bool,
    },
    /// `document #> path`, or `#>>`.
    Path {
        /// The JSON document.
        document: Box<Expression>,
        /// The path: an array of texts.
        path: Box<Expression>,
        /// Whether it comes out as text.
        as_text: bool,
    },
    /// `document ? key`.
    HasKey(Box<Expression>, Box<Expression>),
    /// Text read as JSON.
    ToJson(Box<Expression>),
    /// JSON written as text.
    JsonToText(Box<Expression>),
    /// A call of one of Postgres' own functions.
    Call(Builtin, Vec<Expression>),
    /// A scalar sub-select.
    Select {
        /// What it selects.
        target: Box<Expression>,
        /// Where it looks.
        rows: Rows,
    },
    /// `exists (select …)`.
    Exists(Rows),
    /// `x = any (select …)`, with the comparison already made of x and what is selected.
    AnyRow {
        /// The comparison.
        test: Box<Expression>,
        /// Where it looks.
        rows: Rows,
    },
    /// `array(select …)`.
    ArrayOf {
        /// What it selects.
        target: Box<Expression>,
        /// Where it looks.
        rows: Rows,
    },
}

/// The rows of a sub-select.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Its WHERE clause.
    pub filter: Option<Box<Expression>>,
    /// Whether it has a FROM clause: without one there is one row, if the filter is true.
    pub from: bool,
    /// Whether it has exactly one row with any filter: an aggregate without GROUP BY.
    pub always_one: bool,
    /// Whether something may take the rows away that isn't known: LIMIT, HAVING, …
    pub may_be_cut: bool,
    /// Whose rights are needed to read which tables.
    pub reads: Reads,
    /// What else in it is worth knowing, though it doesn't decide: values of the FROM clause, for lints.
    pub mentions: Vec<Expression>,
    /// Whether it depends on the row that is looked at outside of it.
    pub correlated: bool,
    /// What it was written as.
    pub origin: Origin,
    /// For `exists` and `= any`, the same for those that come to the same within one row, unless the policies of the tables that they
    /// read call volatile functions.
    pub key: Option<Key>,
}

#[cfg(test)]
impl Rows {
    /// One row, of no table.
    pub fn one() -> Rows {
        Rows {
            filter: None,
            from: false,
            always_one: false,
            may_be_cut: false,
            reads: Vec::new(),
            mentions: Vec::new(),
            correlated: false,
            origin: Origin::SubSelect,
            key: None,
        }
    }
}

/// What rows were written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A sub-select.
    SubSelect,
    /// A call of an SQL function that the planner puts its body in place of.
    Inlined,
    /// A call of an SQL function that stays a call.
    Call,
}

/// The tables that a sub-select reads with the caller's rights.
pub type Reads = Vec<TableId>;

/// A number for unknowns that come to the same within one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// Why something can't be read, or what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A function of a user's making that can't be seen through, by its name.
    Function(String),
    /// It stands in a function's body in PL/pgSQL, and can't be read or followed.
    Line {
        /// The function's name.
        function: String,
        /// The line of its body.
        line: u32,
        /// The kind of statement or expression.
        what: &'static str,
    },
    /// It is a column of the row that is looked at, by its number.
    Column(i16),
    /// It is its argument as another type. It is NULL where its argument is, and nowhere else.
    Cast {
        /// Whether that type is boolean.
        to_boolean: bool,
    },
    /// It is the session's subject: `auth.subject()` or `auth.subject_uuid()`.
    Subject {
        /// Whether it is the latter, which is NULL for a subject that is no UUID.
        as_uuid: bool,
    },
    /// It compares its two arguments, which are texts.
    Compared(Comparison),
    /// It is too large or too deep.
    TooLarge,
}

/// What `is` tests for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `is true`.
    True,
    /// `is false`.
    False,
    /// `is null`, `is unknown`.
    Null,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`: NULL where either is.
    Equal,
    /// `is not distinct from`: NULL equals NULL.
    Same,
    /// `<`, of texts, numbers and truth values.
    Less,
    /// `<=`, of the same.
    LessOrEqual,
    /// `>`, of the same.
    Greater,
    /// `>=`, of the same.
    GreaterOrEqual,
    /// `@>`: of arrays and of JSON.
    Contains,
    /// `&&`: of arrays.
    Overlaps,
}

impl Expression {
    /// An expression that can't be read, and isn't worth a word.
    pub fn unknown() -> Expression {
        Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: None }
    }

    /// An expression that is too large or too deep to be read.
    pub const fn too_large() -> Expression {
        Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: Some(Reason::TooLarge) }
    }

    /// NULL.
    pub const NULL: Expression = Expression::Constant(Value::Null);

    /// The expression that is true where a session meets a requirement. `raises`: it raises elsewhere.
    pub fn for_requirement(requirement: Requirement, raises: bool) -> Expression {
        match requirement {
            Requirement::Fixed(FixedRequirement { level, max_age }) => Expression::HasLevel {
                level: Box::new(Expression::Constant(Value::text(level.as_str()))),
                max_age: Box::new(Expression::max_age(max_age)),
                raises,
            },
            Requirement::Enrolled(max_age) => {
                Expression::HasEnrolledLevel { max_age: Box::new(Expression::max_age(max_age)), raises }
            }
        }
    }

    /// The requirement that this is true for: what [`Expression::for_requirement`] makes without `raises`. `None` for any other
    /// expression.
    pub fn requirement(&self) -> Option<Requirement> {
        let max_age = |it: &Expression| match it {
            Expression::Constant(Value::Null) => Some(None),
            Expression::Constant(Value::Interval(max_age)) => Some(Some(*max_age)),
            _ => None,
        };
        match self.unwrapped() {
            Expression::HasLevel { level, max_age: age, raises: false } => match &**level {
                Expression::Constant(Value::Text(level)) => {
                    let level = Level::from_claim(level)?;
                    Some(Requirement::Fixed(FixedRequirement { level, max_age: max_age(age)? }))
                }
                _ => None,
            },
            Expression::HasEnrolledLevel { max_age: age, raises: false } => Some(Requirement::Enrolled(max_age(age)?)),
            _ => None,
        }
    }

    /// What it asks of the sessions that it doesn't exempt, and the function by which it exempts the others, if it does.
    pub fn without_exemption(&self) -> (&Expression, Option<&str>) {
        match self.unwrapped() {
            Expression::Or(parts) => match parts.as_slice() {
                [level, Expression::Exempt(function)] => (level.unwrapped(), Some(function)),
                _ => (self, None),
            },
            unwrapped => (unwrapped, None),
        }
    }

    /// This, of live sessions only.
    pub fn of_live_sessions(self) -> Expression {
        Expression::And(vec![self, Expression::SessionIsLive { raises: false }])
    }

    /// What it asks beside a live session, and whether it asks for one: in the form that `protect_table` gives it.
    pub fn without_liveness(&self) -> (&Expression, bool) {
        match self.unwrapped() {
            Expression::And(parts) => match parts.as_slice() {
                [level, live] if matches!(live.unwrapped(), Expression::SessionIsLive { raises: false }) => {
                    (level.unwrapped(), true)
                }
                _ => (self, false),
            },
            unwrapped => (unwrapped, false),
        }
    }

    /// Whether it asks for a live session in some way.
    pub fn asks_for_live(&self) -> bool {
        self.any(&|it| matches!(it, Expression::SessionIsLive { .. }))
    }

    fn max_age(max_age: Option<MaxAge>) -> Expression {
        Expression::Constant(max_age.map_or(Value::Null, Value::Interval))
    }

    /// `not (…)`.
    pub fn negate(self) -> Expression {
        Expression::Not(Box::new(self))
    }

    /// Calls `visit` for this and everything beneath it, until that answers false: then not beneath that one.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression) -> bool) {
        if visit(self) {
            self.any_child(&mut |child| {
                child.visit(visit);
                false
            });
        }
    }

    /// The expressions directly beneath this.
    pub fn children(&self) -> Vec<&Expression> {
        let mut children = Vec::new();
        self.any_child(&mut |child| {
            children.push(child);
            false
        });
        children
    }

    /// Whether one of the expressions directly beneath this is such. It looks no further than the first one that is.
    pub(crate) fn any_child<'a>(&'a self, is_such: &mut dyn FnMut(&'a Expression) -> bool) -> bool {
        use Expression::*;
        type IsSuch<'a, 'f> = &'f mut dyn FnMut(&'a Expression) -> bool;
        fn in_rows<'a>(rows: &'a Rows, is_such: IsSuch<'a, '_>) -> bool {
            rows.filter.as_deref().is_some_and(&mut *is_such) || rows.mentions.iter().any(is_such)
        }
        match self {
            Constant(_) | Raises | Claims | Level | EnrolledLevel | Status | Methods | CurrentRole | Exempt(_) => false,
            HasFactor | SessionIsLive { .. } => false,
            Unknown { arguments: many, .. } | And(many) | Or(many) | Coalesce(many) | Array(many) | Call(_, many) => {
                many.iter().any(is_such)
            }
            HasLevel { level: a, max_age: b, .. }
            | Compare(_, a, b)
            | NullIf(a, b)
            | HasKey(a, b)
            | CompareEach { value: a, array: b, .. }
            | Member { document: a, key: b, .. }
            | Path { document: a, path: b, .. } => is_such(a) || is_such(b),
            HasEnrolledLevel { max_age: one, .. }
            | AuthenticatedAt(one)
            | Setting { name: one, .. }
            | Not(one)
            | Is { tested: one, .. }
            | ToJson(one)
            | JsonToText(one) => is_such(one),
            Case { arms, otherwise } => {
                arms.iter().any(|(condition, result)| is_such(condition) || is_such(result)) || is_such(otherwise)
            }
            Exists(rows) => in_rows(rows, is_such),
            Select { target: it, rows } | AnyRow { test: it, rows } | ArrayOf { target: it, rows } => {
                is_such(it) || in_rows(rows, is_such)
            }
        }
    }

    /// The same, with others in the place of the expressions directly beneath it.
    pub(crate) fn map_children<'x>(&'x self, map: &mut dyn FnMut(&'x Expression) -> Expression) -> Expression {
        use Expression::*;
        type Map<'f, 'x> = &'f mut dyn FnMut(&'x Expression) -> Expression;
        fn boxed<'x>(it: &'x Expression, map: Map<'_, 'x>) -> Box<Expression> {
            Box::new(map(it))
        }
        fn all<'x>(many: &'x [Expression], map: Map<'_, 'x>) -> Vec<Expression> {
            many.iter().map(map).collect()
        }
        fn in_rows<'x>(rows: &'x Rows, map: Map<'_, 'x>) -> Rows {
            let filter = rows.filter.as_deref().map(|filter| boxed(filter, &mut *map));
            Rows { filter, mentions: all(&rows.mentions, map), ..rows.clone() }
        }
        match self {
            Constant(_)
            | Raises
            | Claims
            | Level
            | EnrolledLevel
            | HasFactor
            | Status
            | Methods
            | CurrentRole
            | SessionIsLive { .. }
            | Exempt(_) => self.clone(),
            Unknown { key, strict, arguments, reason } => {
                Unknown { key: *key, strict: *strict, arguments: all(arguments, map), reason: reason.clone() }
            }
            And(many) => And(all(many, map)),
            Or(many) => Or(all(many, map)),
            Coalesce(many) => Coalesce(all(many, map)),
            Array(many) => Array(all(many, map)),
            Call(builtin, many) => Call(*builtin, all(many, map)),
            HasLevel { level, max_age, raises } => {
                HasLevel { level: boxed(level, map), max_age: boxed(max_age, map), raises: *raises }
            }
            Compare(comparison, a, b) => Compare(*comparison, boxed(a, map), boxed(b, map)),
            NullIf(a, b) => NullIf(boxed(a, map), boxed(b, map)),
            HasKey(a, b) => HasKey(boxed(a, map), boxed(b, map)),
            CompareEach { comparison, negated, any, value, array } => CompareEach {
                comparison: *comparison,
                negated: *negated,
                any: *any,
                value: boxed(value, map),
                array: boxed(array, map),
            },
            Member { document, key, as_text } => {
                Member { document: boxed(document, map), key: boxed(key, map), as_text: *as_text }
            }
            Path { document, path, as_text } => {
                Path { document: boxed(document, map), path: boxed(path, map), as_text: *as_text }
            }
            HasEnrolledLevel { max_age, raises } => HasEnrolledLevel { max_age: boxed(max_age, map), raises: *raises },
            AuthenticatedAt(it) => AuthenticatedAt(boxed(it, map)),
            Setting { name, missing_ok } => Setting { name: boxed(name, map), missing_ok: *missing_ok },
            Not(it) => Not(boxed(it, map)),
            Is { truth, negated, tested } => Is { truth: *truth, negated: *negated, tested: boxed(tested, map) },
            ToJson(it) => ToJson(boxed(it, map)),
            JsonToText(it) => JsonToText(boxed(it, map)),
            Case { arms, otherwise } => {
                let arms = arms.iter().map(|(condition, result)| (map(condition), map(result))).collect();
                Case { arms, otherwise: boxed(otherwise, map) }
            }
            Exists(rows) => Exists(in_rows(rows, map)),
            Select { target, rows } => Select { target: boxed(target, map), rows: in_rows(rows, map) },
            AnyRow { test, rows } => AnyRow { test: boxed(test, map), rows: in_rows(rows, map) },
            ArrayOf { target, rows } => ArrayOf { target: boxed(target, map), rows: in_rows(rows, map) },
        }
    }

    /// How many nodes it has, and how many of them one above the other. A constant counts by its length, too.
    pub fn extent(&self) -> (usize, usize) {
        let (mut size, mut height) = (self.weight(), 0);
        self.any_child(&mut |child| {
            let (its_size, its_height) = child.extent();
            size += its_size;
            height = height.max(its_height);
            false
        });
        (size, height + 1)
    }

    /// For how many nodes this one counts, without those beneath it.
    pub fn weight(&self) -> usize {
        match self {
            Expression::Constant(value) => 1 + value.length() / 64,
            _ => 1,
        }
    }

    /// Whether it was cut off because it is too large or too deep.
    pub fn is_cut_off(&self) -> bool {
        self.any(&|it| matches!(it, Expression::Unknown { reason: Some(Reason::TooLarge), .. }))
    }

    /// Whether this or anything beneath it is such.
    pub fn any(&self, is_such: &dyn Fn(&Expression) -> bool) -> bool {
        is_such(self) || self.any_child(&mut |child| child.any(is_such))
    }

    /// The rows of a sub-select.
    pub fn rows(&self) -> Option<&Rows> {
        match self {
            Expression::Select { rows, .. }
            | Expression::Exists(rows)
            | Expression::AnyRow { rows, .. }
            | Expression::ArrayOf { rows, .. } => Some(rows),
            _ => None,
        }
    }

    /// Whether this very node reads tables.
    pub fn reads_tables(&self) -> bool {
        self.rows().is_some_and(|rows| !rows.reads.is_empty())
    }

    /// Whether the caller's query has such rows in it: those of a sub-select, and not of a function that stays a call.
    pub fn has_rows(&self, are_such: &dyn Fn(&Rows) -> bool) -> bool {
        let rows = self.rows();
        if rows.is_some_and(|rows| rows.origin == Origin::Call) {
            return false;
        }
        rows.is_some_and(are_such) || self.any_child(&mut |child| child.has_rows(are_such))
    }

    /// Whether a sub-select in it has a FROM clause.
    pub fn selects_from(&self) -> bool {
        self.has_rows(&|rows| rows.origin == Origin::SubSelect && rows.from || !rows.reads.is_empty())
    }

    /// Whether it reads a column of the row that is looked at.
    pub fn depends_on_row(&self) -> bool {
        self.any(&|it| matches!(it, Expression::Unknown { reason: Some(Reason::Column(_)), .. }))
    }

    /// Whether its outcome depends on the role, apart from the session.
    pub fn depends_on_role(&self) -> bool {
        self.any(&|it| match it {
            Expression::CurrentRole => true,
            Expression::Member { key, .. } => {
                let is_other = |key: &Value| match key {
                    Value::Text(key) => key != "role",
                    other => matches!(other, Value::Integer(_)),
                };
                !matches!(&**key, Expression::Constant(key) if is_other(key))
            }
            Expression::Path { .. } => true,
            // The claims as a whole have the name of the role, too.
            Expression::Compare(_, claims, other) | Expression::Compare(_, other, claims) if claims.is_claims() => {
                match &**other {
                    Expression::Constant(Value::Json(serde_json::Value::Object(part))) => part.contains_key("role"),
                    Expression::Constant(Value::Text(text)) => text.contains("role"),
                    Expression::Constant(_) => false,
                    _ => true,
                }
            }
            Expression::Call(Builtin::PathExists | Builtin::PathMatches | Builtin::PathFirst, arguments) => {
                let may_name_role = |path: &Expression| match path {
                    Expression::Constant(Value::Text(path)) => path.contains(['*', '\\']) || path.contains("role"),
                    _ => true,
                };
                matches!(arguments.as_slice(), [document, path, ..] if document.is_claims() && may_name_role(path))
            }
            Expression::Setting { name, .. } => {
                let is_other = |name: &str| name != "role" && !name.ends_with(".role");
                !matches!(&**name, Expression::Constant(Value::Text(name)) if is_other(&name.to_ascii_lowercase()))
            }
            _ => it.reads_tables(),
        })
    }

    /// Whether its value comes to be without an error, and else that error: true, or nothing.
    pub fn completes(self) -> Expression {
        let tested = Expression::Is { truth: Truth::Null, negated: false, tested: Box::new(self) };
        let truth = || Expression::Constant(Value::Bool(true));
        Expression::Case { arms: vec![(tested, truth())], otherwise: Box::new(truth()) }
    }

    /// Whether it reads the session's subject.
    pub fn asks_whose(&self) -> bool {
        self.any(&|it| matches!(it, Expression::Unknown { reason: Some(Reason::Subject { .. }), .. }))
    }

    /// Whether it asks for an assurance level in some way.
    pub fn asks_for_level(&self) -> bool {
        self.any(&Expression::reads_level)
    }

    /// The functions by which it exempts sessions.
    pub fn exempting_functions(&self) -> BTreeSet<&str> {
        let mut functions = BTreeSet::new();
        self.visit(&mut |it| {
            if let Expression::Exempt(function) = it {
                functions.insert(function.as_str());
            }
            true
        });
        functions
    }

    /// Whether it asks whether the user has enrolled a second factor.
    pub fn asks_who_enrolled(&self) -> bool {
        let asks = |it: &Expression| {
            matches!(it, Expression::EnrolledLevel | Expression::HasEnrolledLevel { .. } | Expression::HasFactor)
        };
        self.any(&asks)
    }

    /// Whether this very node is one of the functions that raise where a session isn't admitted, as `auth.require_aal`.
    pub fn requires(&self) -> bool {
        use Expression::*;
        match self {
            HasLevel { raises, .. } | HasEnrolledLevel { raises, .. } | SessionIsLive { raises } => *raises,
            _ => false,
        }
    }

    /// Whether this very node raises, always or where a session isn't admitted.
    pub fn may_raise(&self) -> bool {
        matches!(self, Expression::Raises) || self.requires()
    }

    /// Whether this very node is a text as `varchar(n)`. Where it is too long, it raises.
    pub fn cuts(&self) -> bool {
        matches!(self, Expression::Call(Builtin::Cut, _))
    }

    /// Whether this very node reads what differs from session to session: its claims, its settings, its role or its rows.
    pub fn reads_session(&self) -> bool {
        use Expression::*;
        match self {
            Claims | Level | EnrolledLevel | HasFactor | Status | Methods | CurrentRole | Exempt(_) => true,
            HasLevel { .. } | HasEnrolledLevel { .. } | SessionIsLive { .. } | AuthenticatedAt(_) | Setting { .. } => {
                true
            }
            Constant(value) => matches!(value, Value::Claims | Value::ClaimsText),
            Unknown { reason, .. } => matches!(reason, Some(Reason::Subject { .. })),
            Select { .. } | Exists(_) | AnyRow { .. } | ArrayOf { .. } => self.reads_tables(),
            Raises | And(_) | Or(_) | Not(_) | Is { .. } | Compare(..) | CompareEach { .. } | Case { .. } => false,
            Coalesce(_) | NullIf(..) | Array(_) | Member { .. } | Path { .. } | HasKey(..) => false,
            ToJson(_) | JsonToText(_) | Call(..) => false,
        }
    }

    /// Whether this very node reads the level: one of our functions, or the claim `aal`.
    pub fn reads_level(&self) -> bool {
        use Expression::*;
        let names_level = |key: &Expression| matches!(key, Constant(Value::Text(key)) if key == "aal");
        match self {
            Level | EnrolledLevel | Status | HasLevel { .. } | HasEnrolledLevel { .. } | AuthenticatedAt(_) => true,
            Member { document, key, .. } => names_level(key) && document.is_claims(),
            HasKey(document, key) => names_level(key) && document.is_claims(),
            Path { document, path, .. } => {
                let names_level = match &**path {
                    Constant(Value::Array(path)) => path.as_slice() == [Value::text("aal")],
                    Array(path) => path.len() == 1 && names_level(&path[0]),
                    _ => false,
                };
                names_level && document.is_claims()
            }
            Compare(Comparison::Contains, document, part) => {
                let has_level = match &**part {
                    Constant(Value::Json(serde_json::Value::Object(part))) => part.contains_key("aal"),
                    Call(Builtin::BuildObject, members) => members.iter().step_by(2).any(names_level),
                    _ => false,
                };
                has_level && document.is_claims()
            }
            Setting { name, .. } => {
                matches!(&**name, Constant(Value::Text(name)) if name.eq_ignore_ascii_case("request.jwt.claim.aal"))
            }
            Call(Builtin::PathExists | Builtin::PathMatches | Builtin::PathFirst, arguments) => {
                let names_level =
                    |path: &Expression| matches!(path, Constant(Value::Text(path)) if path.contains("\"aal\""));
                matches!(arguments.as_slice(), [document, path, ..] if names_level(path) && document.is_claims())
            }
            Call(Builtin::HasAnyKey | Builtin::HasAllKeys, arguments) => {
                let names_level = |keys: &Expression| {
                    keys.any(&|it| *it == Constant(Value::text("aal")))
                        || matches!(keys, Constant(Value::Array(keys)) if keys.contains(&Value::text("aal")))
                };
                matches!(arguments.as_slice(), [document, keys] if names_level(keys) && document.is_claims())
            }
            _ => false,
        }
    }

    /// Whether this stands for the claims as a whole.
    pub fn is_claims(&self) -> bool {
        use Expression::*;
        match self {
            Claims => true,
            Constant(Value::Claims | Value::ClaimsText) => true,
            Setting { name, .. } => matches!(&**name, Constant(Value::Text(name)) if is_claims_setting(name)),
            ToJson(it) | JsonToText(it) => it.is_claims(),
            Coalesce(many) => many.iter().any(Expression::is_claims),
            NullIf(it, _) => it.is_claims(),
            Select { target, .. } => target.is_claims(),
            Case { arms, otherwise } => otherwise.is_claims() || arms.iter().any(|(_, result)| result.is_claims()),
            _ => false,
        }
    }

    /// Whether this is the subject of the session's claims, as text or cast to another type; NULL where that isn't held.
    pub fn is_session_subject(&self) -> bool {
        use Expression::*;
        let is_sub = |key: &Value| *key == Value::text("sub");
        match self.unwrapped() {
            Unknown { reason: Some(Reason::Subject { .. }), .. } => true,
            Unknown { reason: Some(Reason::Cast { to_boolean: false }), arguments, .. } => {
                matches!(arguments.as_slice(), [one] if one.is_session_subject())
            }
            Member { document, key, as_text: true } => {
                matches!(&**key, Constant(key) if is_sub(key)) && document.is_certainly_claims()
            }
            Path { document, path, as_text: true } => {
                let is_sub = match &**path {
                    Constant(Value::Array(path)) => matches!(path.as_slice(), [key] if is_sub(key)),
                    Array(path) => matches!(path.as_slice(), [Constant(key)] if is_sub(key)),
                    _ => false,
                };
                is_sub && document.is_certainly_claims()
            }
            Setting { name, .. } => {
                matches!(&**name, Constant(Value::Text(name)) if name.eq_ignore_ascii_case("request.jwt.claim.sub"))
            }
            Coalesce(many) => !many.is_empty() && many.iter().all(Expression::is_session_subject),
            NullIf(it, other) => **other == Constant(Value::text("")) && it.is_session_subject(),
            _ => false,
        }
    }

    /// Whether this is the claims as a whole, or NULL where they aren't held there, and nothing else.
    fn is_certainly_claims(&self) -> bool {
        use Expression::*;
        match self.unwrapped() {
            Claims => true,
            ToJson(it) => it.is_certainly_claims(),
            Setting { name, .. } => matches!(&**name, Constant(Value::Text(name)) if is_claims_setting(name)),
            Coalesce(many) => !many.is_empty() && many.iter().all(Expression::is_certainly_claims),
            NullIf(it, other) => **other == Constant(Value::text("")) && it.is_certainly_claims(),
            _ => false,
        }
    }

    /// The expression without sub-selects that only wrap it.
    pub fn unwrapped(&self) -> &Expression {
        match self {
            Expression::Select { target, rows } if !rows.from && rows.filter.is_none() && !rows.may_be_cut => {
                target.unwrapped()
            }
            _ => self,
        }
    }
}

/// Whether a gateway puts all claims into this setting. Settings' names are compared without regard to case.
pub fn is_claims_setting(name: &str) -> bool {
    name.eq_ignore_ascii_case("request.jwt.claims") || name.eq_ignore_ascii_case("request.jwt.claim")
}
