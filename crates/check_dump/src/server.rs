//! The throw-away cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use postgres::{Client, Config, NoTls};

/// The one superuser. No dump names a role like this.
pub const SUPERUSER: &str = "check-dump superuser";
/// The database that the dump is restored into.
pub const DATABASE: &str = "checked";

/// A cluster's folder, as cluster.sh makes it.
pub struct Server {
    folder: PathBuf,
}

impl Server {
    pub fn in_folder(folder: &Path) -> Result<Server> {
        ensure!(folder.join("socket").is_dir(), "{} is not the folder of a cluster", folder.display());
        Ok(Server { folder: folder.to_owned() })
    }

    /// A program of the server.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join("bin").join(name))
    }

    /// psql, connected as a role to the database with the dump, without anything of this process's environment.
    pub fn psql(&self, role: &str) -> Command {
        let mut psql = self.program("psql");
        psql.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        psql.args(["--no-psqlrc", "--quiet", "--no-password", "--host"]).arg(self.socket());
        psql.args(["--username", role, "--dbname", DATABASE]);
        psql
    }

    /// Makes the database, and a superuser of another name: the dump has a role `postgres` of its own.
    pub fn take_over(&self) -> Result<Client> {
        let mut first = self.connect("postgres", "postgres").context("the cluster isn't a fresh one")?;
        first.batch_execute("create role \"check-dump first\" superuser login")?;
        drop(first);
        let rename = format!("alter role postgres rename to \"{SUPERUSER}\"");
        self.connect("check-dump first", "postgres")?.batch_execute(&rename)?;
        let mut superuser = self.connect(SUPERUSER, "postgres")?;
        superuser.batch_execute("drop role \"check-dump first\"")?;
        superuser.batch_execute(&format!("create database {DATABASE} template template0 encoding 'UTF8'"))?;
        self.connect(SUPERUSER, DATABASE)
    }

    fn connect(&self, role: &str, database: &str) -> Result<Client> {
        let mut config = Config::new();
        config.host_path(self.socket()).user(role).dbname(database);
        config.options("-c search_path=pg_catalog -c statement_timeout=10min -c client_min_messages=warning");
        Ok(config.connect(NoTls)?)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}
