//! The marks at a table that findings are about.

use std::collections::HashMap;

use serde::Serialize;

use super::findings::Findings;
use crate::TableIndex;
use crate::lint::Severity;

/// What one lint found about a table.
#[derive(Serialize)]
pub struct Mark {
    pub level: &'static str,
    /// The lint's number.
    pub lint: &'static str,
    /// How often it found something there.
    pub count: usize,
    /// Which of the lints with findings it is, and where among its places the first of these findings is.
    pub finding: usize,
    pub place: usize,
    #[serde(skip)]
    pub severity: Severity,
}

/// The marks of each table, the worst first.
pub fn marks(findings: &[Findings<'_>]) -> HashMap<TableIndex, Vec<Mark>> {
    let mut marks: HashMap<TableIndex, Vec<Mark>> = HashMap::new();
    for (finding, of_lint) in findings.iter().enumerate() {
        let places = of_lint.places.iter().enumerate();
        for (place, table) in places.flat_map(|(n, place)| place.tables().map(move |table| (n, table))) {
            let marks = marks.entry(table.index).or_default();
            match marks.last_mut() {
                Some(mark) if mark.finding == finding => mark.count += 1,
                _ => marks.push(Mark {
                    level: of_lint.level,
                    lint: of_lint.name.split('_').next().unwrap_or_default(),
                    count: 1,
                    finding,
                    place,
                    severity: of_lint.severity,
                }),
            }
        }
    }
    marks
}
