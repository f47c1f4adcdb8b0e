//! What a protection requires, in words for people.

use super::request::{AppliesWhen, Protection};

impl Protection {
    /// The level of reads, with its age: `aal1`.
    pub fn reads(&self) -> String {
        self.read.to_string()
    }

    /// The level of writes, with its age: `aal2 within 15 minutes`. If they differ, the level of most of them comes first, and then the
    /// others: `aal2, insert aal1`.
    pub fn writes(&self) -> String {
        let insert = self.insert.to_string();
        let update = self.update.to_string();
        let delete = self.delete.to_string();
        let mut words = if update == delete || insert == update {
            let (other, level) = if update == delete { ("insert", &insert) } else { ("delete", &delete) };
            if *level == update { update.clone() } else { format!("{update}, {other} {level}") }
        } else if insert == delete {
            format!("{insert}, update {update}")
        } else {
            format!("insert {insert}, update {update}, delete {delete}")
        };
        let others = self.reads();
        if !self.sensitive_columns.is_empty() && others != update {
            words += &format!(", update of other columns {others}");
        }
        words
    }

    /// These words about what is required, with the sessions of which it is: `aal2 if private.is_admin()`.
    pub fn with_sessions(&self, mut words: String) -> String {
        if self.live && words != "none" {
            words += " in a live session";
        }
        match &self.applies_when {
            Some(AppliesWhen { display_name, .. }) => format!("{words} if {display_name}"),
            None => words,
        }
    }

    /// The roles that the policies bind: `public` alone if it is among them.
    pub fn bound_roles(&self) -> Vec<String> {
        if self.binds_everybody() { vec!["public".to_owned()] } else { self.roles.clone() }
    }
}
