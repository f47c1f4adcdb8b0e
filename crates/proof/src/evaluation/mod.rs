//! Evaluating an expression to all that it could come to, at one kind of session.

mod builtins;
mod by_profile;
mod claim;
mod comparison;
mod conversions;
mod held_in;
mod joint;
mod json;
mod jsonpath;
mod known;
mod levels;
mod md5;
mod patterns;
mod readings;
mod recall;
mod recurring;
mod residue;
mod rows;
mod truth;
mod work;

use std::cell::LazyCell;
use std::collections::HashSet;

use serde_json::Value as Json;

use super::expression::{Comparison, Expression, Key, Origin, Reason, Rows, Truth, is_claims_setting};
use super::ids::TableId;
use super::known_session::KnownSession;
use super::session_kind::{Enrolled, LevelClaim, Session};
use super::value::{Outcomes, Value};
use conversions::{json_to_text, to_json};
use held_in::HeldIn;
use readings::Readings;
use recall::Question;
use recurring::{Recurring, is_condition, recurring_claims, recurring_unknowns};
use truth::{any_boolean, negated, or_raise, pairs, tested_for, truth_of_all, truth_of_any};

pub use comparison::is_ordered_by_collation;
pub(crate) use joint::passes_alone;
use known::cast;
pub(crate) use known::is_of_request;
pub use recall::Recall;
pub(crate) use residue::{Asked, Residues, SessionClass, Truths};
pub use work::Work;

/// What an expression is evaluated for.
#[derive(Clone, Debug)]
pub struct Evaluation<'a> {
    /// The kind of session.
    pub session: Session,
    /// The name of the database role; `None`: not known.
    pub role: Option<&'a str>,
    /// The tables that this role may read some column of; `None`: all.
    pub readable: Option<&'a HashSet<TableId>>,
    /// Whether settings such as `request.jwt.claims` and `role` are a gateway's. Else anybody may set them at any time.
    pub trusts_settings: bool,
    /// How claims may be read.
    readings: Readings<'a>,
    /// Whether each answer about the session may also be that for nobody: a statement that sets another token has none from there on.
    may_become_nobody: bool,
    /// Whether the session may be one that `applies_when` exempts.
    may_be_exempt: bool,
    /// Whether the session may be live. It may be none that is, too.
    may_be_live: bool,
    /// Whether it is a live session of a user who is signed in and known, and isn't anonymous.
    is_of_user: bool,
    /// The outcomes of whole expressions that were found before.
    recall: Option<&'a Recall<'a>>,
    /// How much work it may be; `None`: any.
    work: Option<&'a Work>,
    /// Whether it tells apart what unknowns come to, and which settings hold the claims.
    closely: bool,
    /// Which settings hold the claims, in a session that has a level; `None`: not known.
    held_in: Option<HeldIn>,
    /// What unknowns with a key are taken to come to.
    assumed: Vec<(Key, Option<bool>)>,
    /// What expressions of the session alone are taken to come to.
    taken: Vec<(&'a Expression, Value)>,
    /// The session itself, where it is one that is known and not a kind.
    known: Option<&'a KnownSession<'a>>,
    /// What the claim `aal` is.
    level_claim: LevelClaim<'a>,
}

/// How many unknowns are told apart within one row's policies of so many nodes: each triples the work.
fn most_assumptions(size: usize) -> usize {
    match size {
        0..=300 => 5,
        301..=3_000 => 2,
        _ => 0,
    }
}

impl<'a> Evaluation<'a> {
    /// For a session, of a role.
    pub fn new(
        session: Session,
        role: Option<&'a str>,
        readable: Option<&'a HashSet<TableId>>,
        trusts_settings: bool,
    ) -> Self {
        let (work, closely, held_in, assumed, taken) = (None, true, None, Vec::new(), Vec::new());
        // The role changes within a statement, too: by set_config('role', …).
        let role = role.filter(|_| trusts_settings);
        let (may_become_nobody, may_be_exempt, known) = (false, false, None);
        Evaluation {
            session,
            role,
            readable,
            trusts_settings,
            readings: Readings::of(&[], None),
            may_become_nobody,
            may_be_exempt,
            may_be_live: true,
            recall: None,
            is_of_user: false,
            work,
            closely,
            held_in,
            assumed,
            taken,
            known,
            level_claim: LevelClaim::OfLevel,
        }
    }

    /// For one session as it is now.
    pub fn of_known(known: &'a KnownSession<'a>, readable: Option<&'a HashSet<TableId>>) -> Self {
        let level = known.claims.and_then(aal::Claims::level);
        let session = Session { level, ..Session::NOBODY };
        // Its settings are known, so nobody needs to be trusted with them.
        Evaluation {
            known: Some(known),
            may_be_exempt: true,
            ..Evaluation::new(session, Some(known.role), readable, true)
        }
    }

    /// The same, of any session: also of those that `applies_when` exempts.
    pub fn of_exempt_sessions(self) -> Self {
        Evaluation { may_be_exempt: true, ..self }
    }

    /// The same, of sessions that aren't live.
    pub fn of_ended_sessions(self) -> Self {
        Evaluation { may_be_live: false, ..self }
    }

    /// The same, of a live session of a user whom Supabase Auth knows, and who isn't anonymous.
    pub(crate) fn of_signed_in_user(self) -> Self {
        Evaluation { is_of_user: true, ..self }
    }

    /// The same, of a statement that may set another token where settings aren't a gateway's.
    pub fn of_any_token(self) -> Self {
        Evaluation { may_become_nobody: !self.trusts_settings, ..self }
    }

    /// The same, of at most so much work.
    pub fn within(self, work: &'a Work, closely: bool) -> Self {
        Evaluation { work: Some(work), closely, ..self }
    }

    /// The same, with outcomes that were found before.
    pub fn recalling(self, recall: Option<&'a Recall<'a>>) -> Self {
        Evaluation { recall, ..self }
    }

    /// The same, as in a session whose claims every setting holds that may.
    pub fn with_claims_in_each_setting(self) -> Self {
        Evaluation { held_in: Some(HeldIn::Both), ..self }
    }

    /// Whether, for some row, any of `permissive` (if there are such) and all of `restrictive` could be true.
    pub fn could_pass(&self, permissive: Option<&[&'a Expression]>, restrictive: &[&'a Expression]) -> bool {
        if !self.closely {
            return self.could_pass_assuming(permissive, restrictive, &[]);
        }
        let by_each_profile = self.by_each_profile();
        if !by_each_profile.is_empty() {
            return by_each_profile.into_iter().any(|it| it.could_pass(permissive, restrictive));
        }
        // Most are decided without telling anything apart, which only takes outcomes away.
        let undivided = self.passes_undivided(permissive, restrictive);
        if undivided == Some(false) {
            return false;
        }
        let all = || permissive.unwrap_or_default().iter().chain(restrictive);
        let reads_claims_settings = || all().any(|expression| expression.any(&reads_claims_setting));
        let tells_settings_apart = self.has_claims() && self.trusts_settings && reads_claims_settings();
        if undivided == Some(true) && !tells_settings_apart {
            return true;
        }
        let unknowns = LazyCell::new(|| self.recurring(permissive.unwrap_or_default(), restrictive));
        if !tells_settings_apart {
            return self.could_pass_dividing(permissive, restrictive, &unknowns);
        }
        HeldIn::ALL.into_iter().any(|held_in| {
            let evaluation = Evaluation { held_in: Some(held_in), ..self.clone() };
            match evaluation.passes_undivided(permissive, restrictive) {
                Some(known) => known,
                None => evaluation.could_pass_dividing(permissive, restrictive, &unknowns),
            }
        })
    }

    /// What occurs more than once in these, as far as it is told apart.
    fn recurring(&self, permissive: &[&'a Expression], restrictive: &[&'a Expression]) -> Vec<Recurring<'a>> {
        let all = || permissive.iter().chain(restrictive).copied();
        let most = most_assumptions(all().map(|expression| expression.extent().0).sum());
        if most == 0 {
            return Vec::new();
        }
        let of_claims = if self.knows_claims_stay() { recurring_claims(all()) } else { Vec::new() };
        let unknowns = recurring_unknowns(all()).into_iter().take(most);
        of_claims.into_iter().map(Recurring::OfClaims).chain(unknowns.map(Recurring::Unknown)).collect()
    }

    /// The same, telling these unknowns apart.
    fn could_pass_assuming(
        &self,
        permissive: Option<&[&'a Expression]>,
        restrictive: &[&'a Expression],
        unknowns: &[Recurring<'a>],
    ) -> bool {
        match self.passes_undivided(permissive, restrictive) {
            Some(known) => known,
            None => self.could_pass_dividing(permissive, restrictive, unknowns),
        }
    }

    /// The same for each that the first of these unknowns can come to.
    fn could_pass_dividing(
        &self,
        permissive: Option<&[&'a Expression]>,
        restrictive: &[&'a Expression],
        unknowns: &[Recurring<'a>],
    ) -> bool {
        let Some((recurring, others)) = unknowns.split_first() else { return true };
        self.assuming(*recurring).into_iter().any(|it| it.could_pass_assuming(permissive, restrictive, others))
    }

    /// The same without telling any unknown apart; `None` where that could make a difference.
    fn passes_undivided(&self, permissive: Option<&[&'a Expression]>, restrictive: &[&'a Expression]) -> Option<bool> {
        if restrictive.iter().any(|it| self.is_refused_outright(it)) {
            return Some(false);
        }
        let restricted = truth_of_all(restrictive.iter().map(|it| self.recalled(it)));
        if !restricted.can_be_true() {
            return Some(false);
        }
        let permitted = match permissive {
            Some(any) => truth_of_any(any.iter().map(|it| self.recalled(it))),
            None => Outcomes::one(Value::Bool(true)),
        };
        let both = truth_of_all([restricted, permitted].into_iter());
        if !both.can_be_true() {
            return Some(false);
        }
        let may_raise = || permissive.into_iter().flatten().chain(restrictive).any(|it| it.any(&Expression::may_raise));
        let is_certain = both.is_certainly(&Value::Bool(true)) && !may_raise();
        (is_certain || self.work.is_some_and(Work::is_spent)).then_some(true)
    }

    /// The same for each that a recurring part can come to.
    fn assuming(&self, recurring: Recurring<'a>) -> Vec<Evaluation<'a>> {
        match recurring {
            Recurring::Unknown(key) => {
                [Some(true), Some(false), None].map(|truth| self.clone().with_truth(key, truth)).into()
            }
            Recurring::OfClaims(expression) => {
                let outcomes = self.outcomes(expression);
                let values = match outcomes.known() {
                    Some(values) => values.to_vec(),
                    None if is_condition(expression) => vec![Value::Bool(true), Value::Bool(false), Value::Null],
                    None => vec![Value::Other, Value::Null],
                };
                // One that always raises may not be looked at.
                if values.is_empty() {
                    return vec![self.clone()];
                }
                let with = |value| {
                    let mut assuming = self.clone();
                    assuming.taken.push((expression, value));
                    assuming
                };
                values.into_iter().map(with).collect()
            }
        }
    }

    /// Whether what the claims and settings say stays the same throughout a statement.
    fn knows_claims_stay(&self) -> bool {
        self.trusts_settings && !self.may_become_nobody && self.known.is_none()
    }

    fn taken(&self, expression: &Expression) -> Option<Value> {
        self.taken.iter().find(|(taken, _)| *taken == expression).map(|(_, value)| value.clone())
    }

    /// The same, where an unknown comes to this.
    pub(crate) fn with_truth(mut self, key: Key, truth: Option<bool>) -> Self {
        self.assumed.push((key, truth));
        self
    }

    fn assumption(&self, key: Key) -> Option<Option<bool>> {
        self.assumed.iter().find(|(assumed, _)| *assumed == key).map(|(_, truth)| *truth)
    }

    /// All that a whole expression could come to. It is as much work if that was found before.
    fn recalled(&self, expression: &Expression) -> Outcomes {
        let is_divided = !self.assumed.is_empty() || !self.taken.is_empty() || self.profile().is_some();
        let recall = self.recall.filter(|_| !is_divided);
        let Some((recall, address)) = recall.and_then(|it| Some((it, it.address(expression)?))) else {
            return self.outcomes(expression);
        };
        let (session, held_in) = (self.session, self.held_in);
        let (may_be_exempt, may_be_live) = (self.may_be_exempt, self.may_be_live);
        let question = Question { address, session, held_in, may_be_exempt, may_be_live };
        if let Some((outcomes, nodes)) = recall.find(&question) {
            self.work.inspect(|work| work.take(nodes));
            return outcomes;
        }
        let before = self.work.map_or(0, Work::left);
        let outcomes = self.outcomes(expression);
        // One that was cut short says nothing for the next time.
        if !self.work.is_some_and(Work::is_spent) {
            recall.keep(question, outcomes.clone(), before - self.work.map_or(0, Work::left));
        }
        outcomes
    }

    /// All that an expression could come to.
    pub fn outcomes(&self, expression: &Expression) -> Outcomes {
        if let Some(value) = self.taken(expression) {
            return Outcomes::one(value);
        }
        let Some(work) = self.work else { return self.outcomes_of(expression) };
        work.take(1);
        if work.is_spent() {
            return Outcomes::anything();
        }
        let outcomes = self.outcomes_of(expression);
        work.take(outcomes.weight());
        outcomes
    }

    fn outcomes_of(&self, expression: &Expression) -> Outcomes {
        use Expression::*;
        let asks_about_session = matches!(
            expression,
            Claims | Level | EnrolledLevel | Status | HasLevel { .. } | HasEnrolledLevel { .. } | AuthenticatedAt(_)
        );
        if asks_about_session && self.may_become_nobody && self.has_claims() {
            let same = Evaluation { may_become_nobody: false, ..self.clone() };
            let mut outcomes = same.outcomes_of(expression);
            let nobody = Evaluation { session: Session::NOBODY, level_claim: LevelClaim::OfLevel, ..same };
            outcomes.add_all(nobody.outcomes_of(expression));
            return outcomes;
        }
        if let Some(outcomes) = self.known.and_then(|known| self.of_session(known, expression)) {
            return outcomes;
        }
        match expression {
            Constant(value) => Outcomes::one(value.clone()),
            Raises => Outcomes::raises(),
            Unknown { reason: Some(Reason::Cast { to_boolean }), arguments, .. }
                if self.is_of_user || (self.session.is_guest && *to_boolean) =>
            {
                let argument = arguments.first().map_or_else(Outcomes::anything, |it| self.outcomes(it));
                argument.map(Outcomes::anything, |value| cast(value, *to_boolean))
            }
            Unknown { reason: Some(Reason::Subject { .. }), .. } if self.is_of_user => Outcomes::one(Value::Other),
            Unknown { key, strict, arguments, .. } => self.unknown(*key, *strict, arguments),
            Claims if self.knows_no_claim() => Outcomes::anything(),
            Claims if self.has_claims() => Outcomes::one(Value::Claims),
            Claims => Outcomes::any_of([Value::Claims, Value::Null]),
            Level => Outcomes::one(self.level()),
            EnrolledLevel => self.enrolled_level(),
            HasFactor => self.has_factor(),
            Status => Outcomes::one(Value::Status),
            Methods => Outcomes::anything(),
            Exempt(_) if self.may_be_exempt => any_boolean(),
            Exempt(_) => Outcomes::one(Value::Bool(false)),
            CurrentRole => self.name_of_role(),
            HasLevel { level, max_age, raises } => or_raise(self.has_level(level, max_age), *raises),
            HasEnrolledLevel { max_age, raises } => or_raise(self.has_enrolled_level(max_age), *raises),
            // Where settings aren't a gateway's, another token may come into force within the statement: that of a live session.
            SessionIsLive { raises } if !self.may_be_live && self.trusts_settings => {
                or_raise(Outcomes::one(Value::Bool(false)), *raises)
            }
            // With its factor, a session above aal1 ends.
            SessionIsLive { raises } if self.is_of_user => {
                let lost_factor = self.session.enrolled == Enrolled::No && self.session.level >= Some(aal::Level::Aal2);
                or_raise(Outcomes::one(Value::Bool(!lost_factor)), *raises)
            }
            // At every level there are sessions that are live, and others.
            SessionIsLive { raises } => or_raise(any_boolean(), *raises),
            AuthenticatedAt(level) => self.authenticated_at(level),
            Setting { name, missing_ok } => self.setting(name, *missing_ok),
            And(all) => truth_of_all(all.iter().map(|it| self.outcomes(it))),
            Or(any) => truth_of_any(any.iter().map(|it| self.outcomes(it))),
            Not(it) => negated(&self.outcomes(it)),
            Is { truth, negated, tested } => tested_for(*truth, *negated, &self.outcomes(tested)),
            Compare(comparison, a, b) => self.compare(*comparison, &self.outcomes(a), &self.outcomes(b)),
            CompareEach { comparison, negated, any, value, array } => {
                self.compare_each(*comparison, *negated, *any, value, array)
            }
            Case { arms, otherwise } => self.case(arms, otherwise),
            Coalesce(many) => self.coalesce(many),
            NullIf(a, b) => self.null_if(a, b),
            Array(items) => self.array(items),
            Member { document, key, as_text } => {
                let (document, key) = (self.outcomes(document), self.outcomes(key));
                pairs(&document, &key, Outcomes::anything, |document, key| self.member(document, key, *as_text))
            }
            Path { document, path, as_text } => self.path(document, path, *as_text),
            HasKey(document, key) => {
                let (document, key) = (self.outcomes(document), self.outcomes(key));
                pairs(&document, &key, Outcomes::any_truth, |document, key| self.has_key(document, key))
            }
            ToJson(it) => self.outcomes(it).map(Outcomes::anything, to_json),
            JsonToText(it) => self.outcomes(it).map(Outcomes::anything, json_to_text),
            Call(builtin, arguments) => self.builtin(*builtin, arguments),
            Select { target, rows } => self.select(target, rows),
            Exists(rows) => self.exists(rows),
            AnyRow { test, rows } => self.any_row(test, rows),
            ArrayOf { target, rows } => self.array_of(target, rows),
        }
    }

    fn unknown(&self, key: Option<Key>, strict: bool, arguments: &[Expression]) -> Outcomes {
        let arguments: Vec<Outcomes> = arguments.iter().map(|it| self.outcomes(it)).collect();
        // An argument that raises says nothing. A function that doesn't look at it may be put in the place of its call. Of
        // a strict function, no argument is looked at if another is NULL.
        if strict && arguments.iter().any(Outcomes::is_null) {
            Outcomes::one(Value::Null)
        } else {
            match key.and_then(|key| self.assumption(key)) {
                Some(truth) => Outcomes::one(Value::truth(truth)),
                None => Outcomes::anything(),
            }
        }
    }

    fn case(&self, arms: &[(Expression, Expression)], otherwise: &Expression) -> Outcomes {
        let mut outcomes = Outcomes::raises();
        for (condition, result) in arms {
            let condition = self.outcomes(condition);
            if condition.can_be_true() {
                outcomes.add_all(self.outcomes(result));
            }
            if condition.is_certainly(&Value::Bool(true)) {
                return outcomes;
            }
        }
        outcomes.add_all(self.outcomes(otherwise));
        outcomes
    }

    fn coalesce(&self, many: &[Expression]) -> Outcomes {
        let mut outcomes = Outcomes::raises();
        for expression in many {
            let found = self.outcomes(expression);
            match found.known() {
                None => outcomes.add_all(Outcomes::anything()),
                Some(values) => {
                    values.iter().filter(|value| **value != Value::Null).for_each(|value| outcomes.add(value.clone()));
                }
            }
            if !found.can_be(&Value::Null) {
                return outcomes;
            }
        }
        outcomes.add(Value::Null);
        outcomes
    }

    fn null_if(&self, a: &Expression, b: &Expression) -> Outcomes {
        let (a, b) = (self.outcomes(a), self.outcomes(b));
        pairs(&a, &b, Outcomes::anything, |a, b| {
            let kept = Outcomes::one(a.clone());
            match (a, b) {
                (Value::Null, _) | (_, Value::Null) => kept,
                // Claims are never the empty text, nor another constant that anybody would name.
                (Value::ClaimsText, Value::Text(text)) if text.is_empty() => kept,
                (Value::Claims, Value::Json(Json::Object(other))) if self.is_of_user && !other.contains_key("sub") => {
                    kept
                }
                _ => match a.equals(b) {
                    Some(true) => Outcomes::one(Value::Null),
                    Some(false) => kept,
                    None => Outcomes::any_of([a.clone(), Value::Null]),
                },
            }
        })
    }

    fn array(&self, items: &[Expression]) -> Outcomes {
        let mut arrays = vec![Vec::new()];
        for item in items {
            let outcomes = self.outcomes(item);
            let Some(values) = outcomes.known() else { return Outcomes::anything() };
            let with = |array: &Vec<Value>, value: &Value| [array.as_slice(), std::slice::from_ref(value)].concat();
            arrays = arrays.iter().flat_map(|array| values.iter().map(move |value| with(array, value))).collect();
            if arrays.len() > 64 {
                return Outcomes::anything();
            }
        }
        Outcomes::any_of(arrays.into_iter().map(Value::Array))
    }
}

/// Whether this node reads a setting that could be one of those that hold the claims.
fn reads_claims_setting(expression: &Expression) -> bool {
    let is_another = |name: &str| !is_claims_setting(name);
    match expression {
        Expression::Setting { name, .. } => {
            !matches!(&**name, Expression::Constant(Value::Text(name)) if is_another(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod by_profile_tests;
#[cfg(test)]
mod tests;
