//! A command that a role tries on a table, where policies and guards decide.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::decision::Decision;
use super::effort::{Effort, Weighed};
use super::need::Need;
use super::table::RowKind;
use super::threshold::{RequiredLevel, Threshold};
use crate::catalog::{ByCitus, Catalog, Guard, Policy, Role, Standing, Table};
use crate::evaluation::{Evaluation, Recall, Work};
use crate::expression::{Expression, Reason};
use crate::ids::RoleIndex;
use crate::session_kind::{Enrolled, Session};
use crate::value::Value;
use aal::protection::{Made, guard_asks_for_live, guard_exempts, guard_requirement};
use aal::{Command, MaxAge};

/// A table, a role and a command.
pub(super) struct Attempt<'a> {
    pub catalog: &'a Catalog,
    pub table: &'a Table,
    pub role: RoleIndex,
    pub command: Command,
    pub rows: RowKind,
    /// The outcomes of the table's policies that were found before, where they are the same for all roles.
    pub recall: Option<&'a Recall<'a>>,
}

/// Everything that the attempt must pass.
struct Hurdles<'a> {
    /// For each kind of row: the existing one, and the new one.
    rows: Vec<RowHurdles<'a>>,
    guards: Vec<(&'a Guard, Expression)>,
}

/// What one row must pass: any permissive policy, and all restrictive ones.
struct RowHurdles<'a> {
    permissive: Vec<Hurdle<'a>>,
    restrictive: Vec<Hurdle<'a>>,
}

/// A policy, and which of its expressions counts.
#[derive(Clone, Copy)]
struct Hurdle<'a> {
    policy: &'a Policy,
    expression: &'a Expression,
}

/// Stands for a policy that the role itself could change.
static CHANGEABLE: Expression = Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: None };

impl<'a> Attempt<'a> {
    fn role(&self) -> &'a Role {
        &self.catalog.roles[self.role]
    }

    /// How the role stands to the table.
    pub(super) fn standing(&self) -> &'a Standing {
        &self.table.standings[self.role]
    }

    /// Whether the role may replace or drop what a policy is made of, or a session of it get out of the policy.
    pub(super) fn may_change(&self, policy: &Policy) -> bool {
        policy.changeable_by.contains(&self.role().id) || self.may_leave(policy)
    }

    /// Whether a session of the role may get out of a policy, since that names roles.
    pub(super) fn may_leave(&self, policy: &Policy) -> bool {
        policy.left_by.contains(&self.role().id)
    }

    /// Whether the role may change what says who has enrolled a second factor.
    pub(super) fn may_change_enrollment(&self) -> bool {
        self.role().may_change_enrollment
    }

    /// What the command needs.
    pub(super) fn need(&self, effort: &Effort) -> Need {
        let hurdles = self.hurdles();
        if hurdles.rows.iter().any(|row| row.permissive.is_empty()) {
            return Need::new(RequiredLevel::Denied, Decision::NoPermissivePolicy);
        }
        let (mut need, weighed) = effort.weigh(|work, closely| self.weighed(&hurdles, work, closely));
        if weighed == Weighed::NotAtAll {
            need = Need::new(RequiredLevel::None, Decision::TooComplex);
        }
        let notes = self.notes(&hurdles, need.level(), weighed);
        need.note = (!notes.is_empty()).then(|| notes.join("; "));
        if self.is_lower_for_exempt_sessions(&hurdles, &need, effort) {
            need.leave_out(hurdles.exempting_functions());
        }
        if self.guests_pass(&hurdles, &need, effort) {
            need.let_guests_pass();
        }
        need.live_only = need.level() != RequiredLevel::Denied && self.only_live_sessions_pass(&hurdles, &need, effort);
        need
    }

    /// Whether no session passes that isn't live. Those that `applies_when` exempts count where the need is that of all sessions.
    fn only_live_sessions_pass(&self, hurdles: &Hurdles<'a>, need: &Need, effort: &Effort) -> bool {
        if !hurdles.expressions().any(Expression::asks_for_live) {
            return false;
        }
        let is_of_all = need.applies_when.is_empty();
        let weigh = |work: &Work, closely| {
            let passes = |kind| {
                let ended = self.evaluation(kind, work, closely).of_ended_sessions();
                hurdles.could_be_passed(&if is_of_all { ended.of_exempt_sessions() } else { ended })
            };
            !Session::OF_EACH_LEVEL.into_iter().any(passes)
        };
        effort.weigh(weigh).0
    }

    /// Whether anonymous users pass where a session without claims doesn't: only a policy that reads the claims tells them apart. Those that
    /// `applies_when` exempts count where the need is that of all sessions.
    fn guests_pass(&self, hurdles: &Hurdles<'a>, need: &Need, effort: &Effort) -> bool {
        let reads_claims = |it: &Expression| matches!(it, Expression::Claims | Expression::Setting { .. });
        if self.catalog.guests_have_level
            || need.level() == RequiredLevel::None
            || !hurdles.expressions().any(|expression| expression.any(&reads_claims))
        {
            return false;
        }
        let is_of_all = need.applies_when.is_empty();
        let passes = |work: &Work, closely| {
            let guest = self.evaluation(Session::GUEST, work, closely);
            hurdles.could_be_passed(&if is_of_all { guest.of_exempt_sessions() } else { guest })
        };
        effort.weigh(passes).0
    }

    /// Whether sessions that `applies_when` exempts need less than this.
    fn is_lower_for_exempt_sessions(&self, hurdles: &Hurdles<'a>, need: &Need, effort: &Effort) -> bool {
        if hurdles.exempting_functions().is_empty() {
            return false;
        }
        let weigh = |work: &Work, closely| {
            let passes =
                |session| hurdles.could_be_passed(&self.evaluation(session, work, closely).of_exempt_sessions());
            Threshold::lowest(&if closely { hurdles.ages() } else { Vec::new() }, passes)
        };
        let (of_all, weighed) = effort.weigh(weigh);
        weighed == Weighed::NotAtAll || of_all.is_weaker_than(need.threshold)
    }

    fn weighed(&self, hurdles: &Hurdles<'a>, work: &Work, closely: bool) -> Need {
        let ages = if closely { hurdles.ages() } else { Vec::new() };
        let passes = |session| hurdles.could_be_passed(&self.evaluation(session, work, closely));
        let threshold = Threshold::lowest(&ages, passes);
        let decided_by = match threshold.session_below(&ages) {
            None => self.opening(hurdles, &self.evaluation(Session::NOBODY, work, closely)),
            Some(below) => refusing(hurdles, &self.evaluation(below, work, closely)),
        };
        Need { threshold, decided_by, note: None, applies_when: BTreeSet::new(), guests_pass: false, live_only: false }
    }

    fn evaluation<'b>(&'b self, session: Session, work: &'b Work, closely: bool) -> Evaluation<'b> {
        let role = self.role();
        let enrolled = if self.may_change_enrollment() { Enrolled::Either } else { session.enrolled };
        let (session, trusts_settings) = (Session { enrolled, ..session }, self.catalog.trusts_settings);
        let evaluation = Evaluation::new(session, Some(&role.name), Some(&role.readable), trusts_settings);
        evaluation
            .of_any_token()
            .by_profiles(&self.catalog.profiles, self.catalog.level_of_guests())
            .recalling(self.recall)
            .within(work, closely)
    }

    /// What Citus gives the role on this table.
    pub(super) fn by_citus(&self) -> ByCitus {
        if self.table.held_by_citus { self.role().by_citus } else { ByCitus::default() }
    }

    /// Why Citus asks no policy about the command.
    fn past_policies(&self) -> Option<Decision> {
        let ByCitus { runs_on_other_nodes, reads_results_of_others } = self.by_citus();
        match self.command {
            Command::Select if reads_results_of_others => Some(Decision::ResultsOfOthers),
            Command::Insert if self.table.takes_copied_rows => Some(Decision::CopiedIntoShard),
            Command::Insert if runs_on_other_nodes => Some(Decision::CopiedOnOtherNode),
            _ => None,
        }
    }

    fn hurdles(&self) -> Hurdles<'a> {
        let using: fn(&Policy) -> Option<&Expression> = |policy| policy.using.as_ref();
        let check: fn(&Policy) -> Option<&Expression> = Policy::check;
        let is_checked = self.rows == RowKind::Own;
        let expressions = match self.command {
            _ if self.rows == RowKind::NoRow || self.past_policies().is_some() => Vec::new(),
            Command::Select | Command::Delete => vec![using],
            Command::Insert if is_checked => vec![check],
            Command::Update if is_checked => vec![using, check],
            Command::Update => vec![using],
            Command::Insert | Command::Truncate => Vec::new(),
        };
        let rows = expressions.into_iter().map(|expression| RowHurdles {
            permissive: self.policies(true, expression),
            restrictive: self.policies(false, expression),
        });
        Hurdles { rows: rows.collect(), guards: self.guards() }
    }

    /// The policies that bind the role for this command and have such an expression.
    fn policies(&self, permissive: bool, expression: fn(&Policy) -> Option<&Expression>) -> Vec<Hurdle<'a>> {
        let binding = self.table.policies.iter().filter(|policy| {
            // In the shards of Citus, restrictive policies are permissive.
            (policy.permissive || self.table.held_by_citus) == permissive
                && policy.command.covers(self.command)
                && policy.binds[self.role]
        });
        let hurdles = binding.filter_map(|policy| {
            let expression = expression(policy)?;
            // A policy that the role could change may come to anything, and a restrictive one may go.
            Some(Hurdle { policy, expression: if self.may_change(policy) { &CHANGEABLE } else { expression } })
        });
        hurdles.collect()
    }

    /// The guards that act for this role, and that it cannot get rid of.
    fn guards(&self) -> Vec<(&'a Guard, Expression)> {
        let command = self.command;
        // A guard in Citus' shards may be lost when Citus moves them. TRUNCATE fires it on the table that is named.
        if !command.writes()
            || (self.table.held_by_citus && command != Command::Truncate)
            || !self.guards_act_on_role()
            || self.standing().may_undo_guards
        {
            return Vec::new();
        }
        self.firing_guards()
            .map(|guard| (guard, guard_expression(command, guard, &self.table.policies, true)))
            .collect()
    }

    fn firing_guards(&self) -> impl Iterator<Item = &'a Guard> {
        let command = self.command;
        let fires = move |guard: &&Guard| guard.enabled && guard.always_fires && guard.commands.contains(&command);
        self.table.guards.iter().filter(fires)
    }

    /// As `auth.aal_guard` decides it: by our policy for this command. Without one, by another of ours.
    fn guards_act_on_role(&self) -> bool {
        let policies = &self.table.policies;
        let binds = |policy: &Policy| policy.binds[self.role] && !self.may_change(policy);
        match policies.iter().find(|policy| policy.made() == Some(Made::policy_for(self.command))) {
            Some(policy) => binds(policy),
            // Which of them it asks is not known here.
            None => {
                let mut ours = policies.iter().filter(|policy| policy.made().is_some());
                ours.all(binds)
            }
        }
    }

    /// What lets every session pass.
    fn opening(&self, hurdles: &Hurdles<'a>, evaluation: &Evaluation<'_>) -> Vec<Decision> {
        let mut open = Vec::new();
        for row in &hurdles.rows {
            let passed = row.permissive.iter().filter(|hurdle| evaluation.could_pass(Some(&[hurdle.expression]), &[]));
            passed.for_each(|hurdle| push_new(&mut open, hurdle.decision()));
        }
        if self.rows == RowKind::Unchecked && matches!(self.command, Command::Insert | Command::Update) {
            push_new(&mut open, Decision::CheckSkippedByForeignTable);
        }
        if open.is_empty() {
            open.extend(self.past_policies());
        }
        if open.is_empty() && self.command == Command::Truncate {
            open.push(Decision::TruncateUnseen);
        }
        open
    }

    /// The reasons that could have lowered the level: expressions that count as possibly true, and policies and guards
    /// that do not count.
    fn notes(&self, hurdles: &Hurdles<'a>, level: RequiredLevel, weighed: Weighed) -> Vec<String> {
        if level == RequiredLevel::Denied {
            return Vec::new();
        }
        let mut notes = Vec::new();
        if self.table.held_by_citus {
            notes.push(self.note_on_shards().to_owned());
        }
        let unread = hurdles.unread_functions();
        push_list(&mut notes, "taken as possibly true, since it cannot be read", &unread);
        let cut_off = hurdles.cut_off();
        push_list(&mut notes, "taken as possibly true from some depth or size on", &cut_off);
        for (reason, changeable) in self.changeable(hurdles) {
            push_list(&mut notes, &format!("not counted, since {reason}"), &changeable);
        }
        match weighed {
            Weighed::Closely => {}
            Weighed::Coarsely => notes.push("weighed coarsely, since these policies are too complex".to_owned()),
            Weighed::NotAtAll => {
                notes.push("taken as possibly true, since all policies together are too complex".to_owned());
            }
        }
        notes
    }

    /// The note about a table that Citus holds.
    fn note_on_shards(&self) -> &'static str {
        let binds = |policy: &&Policy| policy.binds[self.role] && policy.command.covers(self.command);
        let is_unlike = self.table.policies.iter().filter(binds).any(|policy| !policy.permissive);
        let loses_guard = self.command != Command::Truncate && self.firing_guards().any(Guard::fires_for_truncate);
        if is_unlike || loses_guard {
            "a Citus table: in its shards restrictive policies are permissive, and guards that fire for TRUNCATE are not there"
        } else {
            "a Citus table: what its shards have is read only on their nodes"
        }
    }

    /// The policies and guards that the role could change or switch off, by the reason.
    fn changeable(&self, hurdles: &Hurdles<'a>) -> [(&'static str, Vec<Decision>); 4] {
        let (mut replaced, mut left, mut undone, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for hurdle in hurdles.policies().filter(|hurdle| self.may_change(hurdle.policy)) {
            push_new(if self.may_leave(hurdle.policy) { &mut left } else { &mut replaced }, hurdle.decision());
        }
        if self.standing().may_undo_guards && self.command.writes() {
            self.firing_guards().for_each(|guard| push_new(&mut undone, Decision::Guard(guard.name.clone())));
        }
        if self.may_change_enrollment() && hurdles.expressions().any(Expression::asks_who_enrolled) {
            others.push(Decision::Enrollment);
        }
        [
            ("the role could replace or drop something that it is made of", replaced),
            ("it names roles, and a session of the role could get out of it", left),
            ("the role could change it", others),
            ("the role could replace it or keep it from firing", undone),
        ]
    }
}

impl<'a> Hurdles<'a> {
    fn policies(&self) -> impl Iterator<Item = Hurdle<'a>> {
        self.rows.iter().flat_map(RowHurdles::all).copied()
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let guards = self.guards.iter().map(|(_, expression)| expression);
        self.policies().map(|hurdle| hurdle.expression).chain(guards)
    }

    /// The functions by which policies and guards exempt sessions.
    fn exempting_functions(&self) -> BTreeSet<&str> {
        self.expressions().flat_map(Expression::exempting_functions).collect()
    }

    /// Every `max_age` that is asked for, smallest first.
    fn ages(&self) -> Vec<MaxAge> {
        let mut ages = BTreeSet::new();
        self.expressions().for_each(|expression| collect_ages(expression, &mut ages));
        ages.into_iter().collect()
    }

    fn could_be_passed(&self, evaluation: &Evaluation<'_>) -> bool {
        let guards: Vec<&Expression> = self.guards.iter().map(|(_, guard)| guard).collect();
        evaluation.could_pass(None, &guards)
            && self
                .rows
                .iter()
                .all(|row| evaluation.could_pass(Some(&expressions(&row.permissive)), &expressions(&row.restrictive)))
    }

    /// The functions that could not be read, by name.
    fn unread_functions(&self) -> BTreeSet<Cow<'a, str>> {
        let mut functions = BTreeSet::new();
        for hurdle in self.policies() {
            hurdle.expression.visit(&mut |it| {
                match it {
                    Expression::Unknown { reason: Some(Reason::Function(name)), .. } => {
                        functions.insert(Cow::Borrowed(name.as_str()));
                    }
                    Expression::Unknown { reason: Some(Reason::Line { function, line, what }), .. } => {
                        functions.insert(Cow::Owned(format!("{function} line {line} ({what})")));
                    }
                    _ => {}
                }
                true
            });
        }
        functions
    }

    /// The policies that were too large or too deep to be read to their end.
    fn cut_off(&self) -> Vec<Decision> {
        let mut cut_off = Vec::new();
        let policies = self.policies().filter(|hurdle| hurdle.expression.is_cut_off());
        policies.for_each(|hurdle| push_new(&mut cut_off, hurdle.decision()));
        cut_off
    }
}

impl<'a> RowHurdles<'a> {
    fn all(&self) -> impl Iterator<Item = &Hurdle<'a>> {
        self.permissive.iter().chain(&self.restrictive)
    }
}

impl Hurdle<'_> {
    fn decision(&self) -> Decision {
        Decision::Policy(self.policy.name.clone())
    }
}

/// What refuses a session that just fails.
fn refusing(hurdles: &Hurdles<'_>, evaluation: &Evaluation<'_>) -> Vec<Decision> {
    let mut refusing = Vec::new();
    for row in &hurdles.rows {
        let restricting = row.restrictive.iter().filter(|hurdle| !evaluation.could_pass(None, &[hurdle.expression]));
        restricting.for_each(|hurdle| push_new(&mut refusing, hurdle.decision()));
        if !evaluation.could_pass(Some(&expressions(&row.permissive)), &[]) {
            row.permissive.iter().for_each(|hurdle| push_new(&mut refusing, hurdle.decision()));
        }
    }
    for (guard, expression) in &hurdles.guards {
        if !evaluation.could_pass(None, &[expression]) {
            push_new(&mut refusing, Decision::Guard(guard.name.clone()));
        }
    }
    if refusing.is_empty() {
        // None alone, but all of them together.
        hurdles.policies().for_each(|hurdle| push_new(&mut refusing, hurdle.decision()));
    }
    refusing
}

fn expressions<'a>(hurdles: &[Hurdle<'a>]) -> Vec<&'a Expression> {
    hurdles.iter().map(|hurdle| hurdle.expression).collect()
}

fn push_new(decisions: &mut Vec<Decision>, decision: Decision) {
    if !decisions.contains(&decision) {
        decisions.push(decision);
    }
}

/// Adds a note about these things, if there are any.
fn push_list<T: ToString>(notes: &mut Vec<String>, note: &str, things: impl IntoIterator<Item = T>) {
    let names: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    if !names.is_empty() {
        notes.push(format!("{note}: {}", names.join(", ")));
    }
}

/// Adds the `max_age`s that an expression asks for.
pub(crate) fn collect_ages(expression: &Expression, ages: &mut BTreeSet<MaxAge>) {
    expression.visit(&mut |it| {
        if let Expression::Constant(Value::Interval(age)) = it {
            ages.insert(*age);
        }
        true
    });
}

/// What a guard asks for, as an expression. Whether it raises, or is false, where the session lacks it.
pub(crate) fn guard_expression<'p>(
    command: Command,
    guard: &Guard,
    policies: impl IntoIterator<Item = &'p Policy>,
    raises: bool,
) -> Expression {
    let arguments = || guard.arguments.iter().map(String::as_str);
    // A guard with an unknown level lets nothing pass.
    let nothing = Expression::Constant(Value::Bool(false));
    let Ok(asks_for_live) = guard_asks_for_live(arguments()) else { return nothing };
    let asked = |requirement, raises| {
        let level = Expression::for_requirement(requirement, raises);
        if asks_for_live { level.of_live_sessions() } else { level }
    };
    match (guard_requirement(command, arguments()), guard_exempts(arguments())) {
        (Err(_), _) | (_, Err(_)) => nothing,
        // One that is there for reads only.
        (Ok(None), _) => Expression::Constant(Value::Bool(true)),
        (Ok(Some(requirement)), Ok(false)) => asked(requirement, raises),
        (Ok(Some(requirement)), Ok(true)) => {
            Expression::Or(vec![asked(requirement, false), exemption(command, policies)])
        }
    }
}

/// Which sessions the guards of a table exempt from what they ask for a command: those that our policy for it exempts. Where that
/// can't be read, or says two things, it could be any.
fn exemption<'p>(command: Command, policies: impl IntoIterator<Item = &'p Policy>) -> Expression {
    let of_command = policies.into_iter().filter(|policy| policy.made() == Some(Made::policy_for(command)));
    let expressions: Vec<&Expression> = of_command.flat_map(Policy::expressions).collect();
    let exempting: BTreeSet<Option<&str>> = expressions.iter().map(|it| it.without_exemption().1).collect();
    match exempting.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(function)] => Expression::Exempt((*function).to_owned()),
        _ => Expression::unknown(),
    }
}
