//! On what the reading of policies and functions relies.

use aal::Profiles;
use pgrx::spi::{self, SpiClient};
use proof::PortableEdition;

use super::{portable, profiles, stored_settings};
use crate::pg::memory::Memory;
use crate::reader::Functions;
use crate::settings::{self, ClaimsSource};

/// On what it relies.
pub struct Trust {
    /// Whether nobody but a gateway sets settings.
    pub trusts_settings: bool,
    /// The profiles by which claims are read.
    pub profiles: Vec<Profiles>,
    /// The roles and databases with another profile.
    pub other_profiles_of: Vec<String>,
    /// The portable edition, if it is there.
    pub portable: Option<PortableEdition>,
}

impl Trust {
    /// Reads it.
    pub fn read(client: &SpiClient<'_>) -> Result<Trust, spi::Error> {
        let trusts_settings =
            settings::claims_source() == ClaimsSource::Request && !stored_settings::are_untrusted(client)?;
        let (profiles, other_profiles_of) = profiles::in_use(client)?;
        Ok(Trust { trusts_settings, profiles, other_profiles_of, portable: portable::read(client)? })
    }

    /// The functions by which policies are read. Those of the portable edition count where they answer as ours.
    pub fn functions<'tree>(
        &self,
        client: &SpiClient<'_>,
        bodies: &'tree Memory,
    ) -> Result<Functions<'tree>, spi::Error> {
        let portable = self.portable.as_ref();
        let answering = portable.map_or(Vec::new(), |it| it.answering(self.trusts_settings, &self.profiles));
        Ok(Functions::read(client, bodies, self.trusts_settings)?.with_portable(&answering))
    }
}
