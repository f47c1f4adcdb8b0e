//! The chart: how long a scan of a million rows takes under each policy, against none.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::works::Results;

const COLUMN: &str = "1M rows";
const WIDTH: i32 = 900;
const BAR: i32 = 26;
const LABELS: i32 = 430;

/// Draws horizontal bars on a logarithmic scale.
pub fn draw(results: &Results, file: &Path) -> Result<()> {
    let bars: Vec<(&str, f64)> = results
        .titles
        .iter()
        .filter_map(|(name, title)| Some((title.as_str(), results.ratio(COLUMN, name, "00-none")?)))
        .collect();
    let height = 70 + BAR * i32::try_from(bars.len())?;
    let root = SVGBackend::new(file, (u32::try_from(WIDTH)?, u32::try_from(height)?)).into_drawing_area();
    paint(&root, &bars).map_err(|error| anyhow!("{error}"))
}

fn paint(root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, bars: &[(&str, f64)]) -> Result<(), String> {
    let text = |size: f64, h: HPos| {
        TextStyle::from(("sans-serif", size).into_font()).color(&BLACK).pos(Pos::new(h, VPos::Center))
    };
    let error = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
    root.fill(&WHITE).map_err(error)?;
    let title = "A scan of a million rows, as a multiple of the same without an AAL policy (logarithmic)";
    root.draw_text(title, &text(15.0, HPos::Left), (12, 22)).map_err(error)?;
    let longest = bars.iter().map(|(_, ratio)| *ratio).fold(2.0, f64::max);
    for (nr, (label, ratio)) in bars.iter().enumerate() {
        let middle = 56 + BAR * i32::try_from(nr).unwrap_or_default();
        // The shortest bar still shows: a ratio of 1 has a tenth of the scale.
        let share = 0.1 + 0.9 * (ratio.max(1.0).ln() / longest.ln());
        let end = LABELS + (f64::from(WIDTH - LABELS - 80) * share) as i32;
        let color = if label.contains("auth.has_aal") || label.contains("require_aal") {
            RGBColor(36, 130, 96)
        } else if label.starts_with("no AAL") || label.contains("column test") {
            RGBColor(120, 120, 120)
        } else {
            RGBColor(190, 90, 50)
        };
        root.draw_text(label, &text(13.0, HPos::Right), (LABELS - 10, middle)).map_err(error)?;
        let bar = Rectangle::new([(LABELS, middle - 8), (end, middle + 8)], color.filled());
        root.draw(&bar).map_err(error)?;
        root.draw_text(&format!("{ratio:.2} ×"), &text(13.0, HPos::Left), (end + 8, middle)).map_err(error)?;
    }
    root.present().map_err(error)
}
