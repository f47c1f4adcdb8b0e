//! The roles of the dumped database: their names before its dump is restored, and all that they may do afterwards.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;
use postgres::Client;

use crate::problems::Problems;
use crate::quoting::{identifier, literal};
use crate::role_file::{RoleFile, RoleStatement};

/// The roles of Supabase, with what they may do (supabase/postgres, 2026).
const SUPABASES: [(&str, &str, &[&str]); 8] = [
    ("anon", "NOLOGIN", &[]),
    ("authenticated", "NOLOGIN", &[]),
    ("service_role", "NOLOGIN BYPASSRLS", &[]),
    ("authenticator", "LOGIN NOINHERIT", &["anon", "authenticated", "service_role"]),
    ("postgres", "LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS", &["anon", "authenticated", "service_role"]),
    ("supabase_admin", "LOGIN SUPERUSER", &[]),
    ("supabase_auth_admin", "LOGIN NOINHERIT CREATEROLE", &[]),
    ("supabase_storage_admin", "LOGIN NOINHERIT CREATEROLE", &["authenticator"]),
];

/// The roles to make.
pub struct Roles<'a> {
    file: &'a RoleFile,
    with_supabases: bool,
    pub names: BTreeSet<String>,
}

impl<'a> Roles<'a> {
    pub fn new(file: &'a RoleFile, with_supabases: bool) -> Roles<'a> {
        let created = file.statements.iter().filter_map(|it| match it {
            RoleStatement::Create(name) => Some(name.clone()),
            _ => None,
        });
        let mut names: BTreeSet<String> = created.filter(|name| !is_reserved(name)).collect();
        if with_supabases {
            names.extend(SUPABASES.iter().map(|(name, ..)| (*name).to_owned()));
        }
        Roles { file, with_supabases, names }
    }

    /// Makes them, without any right: the dump is restored by a role that can be each of them.
    pub fn create(&self, check: &mut Client) -> Result<()> {
        for name in &self.names {
            check.batch_execute(&format!("create role {}", identifier(name)))?;
        }
        Ok(())
    }

    /// Gives them what they may do.
    pub fn complete(&self, check: &mut Client, problems: &mut Problems) -> Result<()> {
        for (number, line) in &self.file.unread {
            problems.open(format!("line {number} of the roles is of no kind that is known: {line}"));
        }
        if self.with_supabases {
            for (name, attributes, members_of) in SUPABASES {
                let memberships: String = members_of.iter().map(|it| format!("grant {it} to {name};")).collect();
                check.batch_execute(&format!("alter role {name} with {attributes}; {memberships}"))?;
            }
        }
        for statement in &self.file.statements {
            let sql = match statement {
                RoleStatement::Create(_) => continue,
                RoleStatement::Attributes { role, words } if self.is_there(role) => {
                    format!("alter role {} with {}", identifier(role), words.join(" "))
                }
                RoleStatement::Set { role, setting, values } if self.is_there(role) => {
                    let values: Vec<String> = values.iter().map(|it| literal(it)).collect();
                    let names: Vec<String> = setting.split('.').map(identifier).collect();
                    format!("alter role {} set {} to {}", identifier(role), names.join("."), values.join(", "))
                }
                RoleStatement::Grant { role, to, .. } if self.is_there(to) => granted(check, role, to, statement)?,
                RoleStatement::Parameter { privileges, parameter, to } if self.is_there(to) || to == "public" => {
                    let to = if to == "public" { to.clone() } else { identifier(to) };
                    format!("grant {privileges} on parameter {} to {to}", identifier(parameter))
                }
                RoleStatement::Attributes { role, .. } | RoleStatement::Set { role, .. } => {
                    problems.missing("role", role);
                    continue;
                }
                RoleStatement::Grant { to, .. } | RoleStatement::Parameter { to, .. } => {
                    problems.missing("role", to);
                    continue;
                }
            };
            if let Err(error) = check.batch_execute(&sql) {
                let message = error.as_db_error().map_or(error.to_string(), |it| it.message().to_owned());
                match statement {
                    // A setting of a library that isn't here decides nothing here.
                    RoleStatement::Set { setting, .. } if !decides(setting) => problems.note(message),
                    _ => problems.open(message),
                }
            }
        }
        // As on a server of its own: the owner of the database owns schema public.
        if self.is_there("postgres") {
            check.batch_execute(&format!("alter database {} owner to postgres", crate::server::DATABASE))?;
        }
        Ok(())
    }

    fn is_there(&self, role: &str) -> bool {
        self.names.contains(role)
    }
}

/// The statement that makes a role a member of another. Before 16, a membership has no options of its own: it then gives more.
fn granted(check: &mut Client, role: &str, to: &str, statement: &RoleStatement) -> Result<String> {
    let version: i32 = check.query_one("select current_setting('server_version_num')::int4", &[])?.get(0);
    let mut options = Vec::new();
    if let RoleStatement::Grant { inherits, may_set, .. } = statement
        && version >= 160_000
    {
        options.extend(inherits.map(|it| format!("inherit {it}")));
        options.extend(may_set.map(|it| format!("set {it}")));
    }
    let with = if options.is_empty() { String::new() } else { format!(" with {}", options.join(", ")) };
    Ok(format!("grant {} to {}{with}", identifier(role), identifier(to)))
}

/// Whether a stored setting can decide who passes.
fn decides(setting: &str) -> bool {
    const DECIDING: [&str; 5] =
        ["role", "row_security", "session_replication_role", "search_path", "standard_conforming_strings"];
    let setting = setting.to_lowercase();
    ["request.", "pg_aal.", "pgrst."].iter().any(|it| setting.starts_with(it)) || DECIDING.contains(&setting.as_str())
}

/// Whether nobody but Postgres, or this program, makes such a role.
fn is_reserved(name: &str) -> bool {
    name.starts_with("pg_") || name.starts_with("check-dump ")
}

impl fmt::Display for Roles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.names.len();
        match (self.with_supabases, self.file.statements.is_empty()) {
            (false, _) => write!(f, "{count}, as the file says"),
            (true, false) => write!(f, "{count}, as the file says, and those of Supabase"),
            (true, true) => {
                write!(f, "those of Supabase are assumed. Pass the file of pg_dumpall --roles-only to be sure")
            }
        }
    }
}
