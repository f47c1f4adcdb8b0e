//! Links the library so that `cargo pgrx schema` can ask it for its SQL.
#![allow(missing_docs)]
::pgrx::pgrx_embed!();
