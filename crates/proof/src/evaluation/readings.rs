//! By which profile the claims of a session are read.

use aal::{Level, Profile, Profiles};

/// How claims may be read in a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readings<'a> {
    /// The profiles that may be in force.
    pub all: &'a [Profiles],
    /// The highest level of anonymous users.
    pub guests: Option<Level>,
    /// By which the level was given.
    pub reading: Reading<'a>,
}

/// By what the claims gave the level.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading<'a> {
    /// Not known.
    Any,
    /// As Supabase Auth's, at any issuer.
    AsSupabase,
    /// By the profile of their issuer. `acts`: in a session of somebody who acts as another user.
    Of { profile: &'a Profile, acts: bool },
}

impl<'a> Readings<'a> {
    pub(super) fn of(all: &'a [Profiles], guests: Option<Level>) -> Readings<'a> {
        let reading = if all.iter().all(Profiles::are_supabases) { Reading::AsSupabase } else { Reading::Any };
        Readings { all, guests, reading }
    }

    /// The readings by which a session can have a level, one by one. None where there is nothing to tell apart.
    pub(super) fn each(self) -> Vec<Readings<'a>> {
        let Reading::Any = self.reading else { return Vec::new() };
        let supabases = self.all.iter().any(Profiles::are_supabases).then_some(Reading::AsSupabase);
        let of_issuers = self.all.iter().flat_map(Profiles::of_issuers).flat_map(|profile| {
            let acting = profile.limits_acting_users().then_some(Reading::Of { profile, acts: true });
            [Reading::Of { profile, acts: false }].into_iter().chain(acting)
        });
        supabases.into_iter().chain(of_issuers).map(|reading| Readings { reading, ..self }).collect()
    }
}
