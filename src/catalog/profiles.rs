//! The claims profiles that sessions may have.

use aal::Profiles;
use pgrx::spi::{self, SpiClient};

use super::stored_settings::stored_values;
use crate::settings;

/// The profiles of this session, and those that are stored for roles and for the database. With them, for whom others are stored
/// than this session's. By a value that can't be read nobody has a level.
pub fn in_use(client: &SpiClient<'_>) -> Result<(Vec<Profiles>, Vec<String>), spi::Error> {
    let mut texts = vec![written(&settings::profiles_as_text())];
    let mut others = Vec::new();
    for stored in stored_values(client, "pg_aal.claims_profile")? {
        let text = written(&stored.value);
        if text != texts[0] {
            others.push(stored.holder);
        }
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let profiles = texts.iter().map(|text| Profiles::from_setting(text).unwrap_or_else(|_| Profiles::of_nobody()));
    Ok((profiles.collect(), others))
}

/// A value, as far as its spelling decides. Without one it is the default.
fn written(value: &str) -> String {
    match value.trim() {
        "" => "supabase".to_owned(),
        value => value.to_owned(),
    }
}
