//! The functions that reach protected tables past their policies, as the page shows them.

use serde::Serialize;

use super::data::Data;
use super::gather::gather;
use crate::lint::FunctionNeed;

/// What a function needs of roles of which it needs the same.
#[derive(Serialize)]
pub struct CalledFunction<'a> {
    pub name: &'a str,
    pub roles: Vec<&'a str>,
    pub required: &'static str,
    pub max_age: Option<String>,
    pub reaches: Vec<String>,
    pub decided_by: &'a [String],
    pub note: Option<&'a str>,
}

/// The functions, those first that need the least.
pub fn functions<'a>(data: &Data<'a>) -> Vec<CalledFunction<'a>> {
    let key = |need: &'a FunctionNeed| {
        let threshold = (need.threshold.level, need.threshold.max_age);
        (threshold, need.function, need.reached(data.catalog), need.decided_by.as_slice(), need.note.as_deref())
    };
    let mut alike = gather(data.functions.iter().map(|need| (key(need), data.role_name(need.role))));
    alike.sort_by_key(|(((level, _), ..), _)| *level);
    let called =
        alike.into_iter().map(|(((level, max_age), function, reaches, decided_by, note), roles)| CalledFunction {
            name: &data.catalog.functions[function].display_name,
            roles,
            required: level.as_str(),
            max_age: max_age.map(aal::MaxAge::in_words),
            reaches,
            decided_by,
            note,
        });
    called.collect()
}
