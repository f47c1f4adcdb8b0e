//! The core's micro-benchmarks, as criterion left them.

use std::path::Path;

use anyhow::{Context, Result};

/// One micro-benchmark: its name and its median, in nanoseconds.
pub struct Micro {
    /// `group/name`.
    pub name: String,
    /// Nanoseconds.
    pub median: f64,
}

/// Reads the estimates of criterion's last run.
pub fn read(folder: &Path) -> Result<Vec<Micro>> {
    let mut found = Vec::new();
    for group in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let group = group?.path();
        let Ok(benches) = std::fs::read_dir(&group) else { continue };
        for bench in benches {
            let bench = bench?.path();
            let Ok(text) = std::fs::read(bench.join("new/estimates.json")) else { continue };
            let estimates: serde_json::Value = serde_json::from_slice(&text)?;
            let name =
                |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let median = estimates["median"]["point_estimate"].as_f64().unwrap_or_default();
            found.push(Micro { name: format!("{}: {}", name(&group), name(&bench)), median });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
