//! Policies' trees and the bodies of functions, read into the proof's expressions. Nothing of a user's runs meanwhile.

mod expressions;
mod functions;
mod text_bodies;

pub use expressions::Reader;
pub use functions::Functions;
