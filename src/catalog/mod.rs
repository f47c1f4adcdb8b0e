//! What the catalog says about a table, read by SPI.
//!
//! Every query names its schema and runs inside functions whose search_path is `pg_catalog, pg_temp`, so nothing
//! that a user created can be called by it.

pub mod access;

use aal::protection::{Before, Made, Quote};
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::citus::Held;
use crate::pg::elog::raise;
use crate::pg::lookup;
use crate::pg::sqlstate::SqlState;

/// A relation, as far as protecting it goes.
pub struct Relation {
    /// Its OID.
    pub oid: pg_sys::Oid,
    /// `pg_class.relkind`.
    pub kind: u8,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether the current role may do what its owner may.
    pub is_owned: bool,
    /// Whether it belongs to Postgres itself.
    pub is_system: bool,
    /// Whether row security is on.
    pub row_security: bool,
}

/// A column of a table.
pub struct Column {
    /// Whether it is a UUID, or a domain over one.
    pub is_uuid: bool,
    /// Whether it is a text of some kind, or a domain over one.
    pub is_text: bool,
}

/// A policy or trigger that bears one of the names that `protect_table` gives.
pub struct Named {
    /// `policy` or `trigger`.
    pub kind: &'static str,
    /// Its OID.
    pub oid: pg_sys::Oid,
    /// Its name.
    pub name: String,
    /// Its comment, which holds the record if `protect_table` made it.
    pub comment: Option<String>,
    /// Whether it is a trigger that Postgres copied from the parent of a partition. It comes and goes with that one.
    pub is_copy: bool,
}

impl Named {
    /// How `protect_table` found the table, if it made this.
    pub fn record(&self) -> Option<Before> {
        self.comment.as_deref().and_then(Before::from_record)
    }
}

/// Quotes with Postgres' own functions.
pub struct PostgresQuote;

impl Quote for PostgresQuote {
    fn identifier(&self, name: &str) -> String {
        spi::quote_identifier(name)
    }

    fn literal(&self, text: &str) -> String {
        spi::quote_literal(text)
    }
}

impl Relation {
    /// Reads one relation; `None` if there is none with this OID.
    pub fn read(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<Option<Relation>, spi::Error> {
        let rows = client.select(
            "select c.relkind, n.nspname::text, c.relname::text, pg_catalog.pg_has_role(c.relowner, 'USAGE'),
                    n.nspname in ('pg_catalog', 'information_schema', 'pg_toast'), c.relrowsecurity
               from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where c.oid = $1",
            Some(1),
            &[oid.into()],
        )?;
        if rows.is_empty() {
            return Ok(None);
        }
        let row = rows.first();
        Ok(Some(Relation {
            oid,
            kind: row.get::<i8>(1)?.unwrap_or_default().unsigned_abs(),
            schema: row.get(2)?.unwrap_or_default(),
            name: row.get(3)?.unwrap_or_default(),
            is_owned: row.get(4)?.unwrap_or_default(),
            is_system: row.get(5)?.unwrap_or(true),
            row_security: row.get(6)?.unwrap_or_default(),
        }))
    }

    /// Its name as a message shows it.
    pub fn display_name(&self) -> String {
        format!("{}.{}", PostgresQuote.identifier(&self.schema), PostgresQuote.identifier(&self.name))
    }

    /// All partitions beneath it, at every depth.
    pub fn partitions(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        self.related(
            client,
            "select relid::oid from pg_catalog.pg_partition_tree($1) where relid <> $1 order by level, relid",
        )
    }

    /// Whether Citus holds it, or a table that it is a partition of.
    pub fn is_held(&self, client: &SpiClient<'_>, held: &Held) -> Result<bool, spi::Error> {
        if held.is_nothing() || held.has(self.oid) {
            return Ok(!held.is_nothing());
        }
        let ancestors =
            client.select("select relid::oid from pg_catalog.pg_partition_ancestors($1)", None, &[self.oid.into()])?;
        let oids: Vec<Option<pg_sys::Oid>> = ancestors.map(|row| row.get(1)).collect::<Result<_, _>>()?;
        Ok(oids.into_iter().flatten().any(|oid| held.has(oid)))
    }

    /// The tables that inherit from it without being partitions.
    pub fn inheriting_tables(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        self.related(
            client,
            "select c.oid from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
              where i.inhparent = $1 and c.relkind in ('r', 'f') and not c.relispartition order by c.oid",
        )
    }

    /// The tables it inherits from, or is a partition of, that `protect_table` made nothing on.
    pub fn unprotected_parents(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        self.related(
            client,
            "select i.inhparent from pg_catalog.pg_inherits i
              where i.inhrelid = $1
                and not exists (
                    select from pg_catalog.pg_policy p
                     where p.polrelid = i.inhparent and pg_catalog.obj_description(p.oid, 'pg_policy') like 'pg\\_aal: %')
              order by i.inhparent",
        )
    }

    fn related(&self, client: &SpiClient<'_>, query: &str) -> Result<Vec<Relation>, spi::Error> {
        let rows = client.select(query, None, &[self.oid.into()])?;
        let oids: Vec<Option<pg_sys::Oid>> = rows.map(|row| row.get(1)).collect::<Result<_, _>>()?;
        let read = |oid| Relation::read(client, oid).map(|found| found.unwrap_or_else(|| changed_meanwhile(self)));
        oids.into_iter().flatten().map(read).collect()
    }

    /// A column by name; `None` if the table has none such that users created and haven't dropped.
    pub fn column(&self, client: &SpiClient<'_>, name: &str) -> Result<Option<Column>, spi::Error> {
        let rows = client.select(
            "with recursive base(oid, typtype, typbasetype, typcategory) as (
               select t.oid, t.typtype, t.typbasetype, t.typcategory
                 from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
                where a.attrelid = $1 and a.attname = $2::pg_catalog.name and a.attnum > 0 and not a.attisdropped
               union all
               select t.oid, t.typtype, t.typbasetype, t.typcategory
                 from base b join pg_catalog.pg_type t on t.oid = b.typbasetype
                where b.typtype = 'd')
             select oid = 'pg_catalog.uuid'::pg_catalog.regtype, typcategory = 'S' from base where typtype <> 'd'",
            Some(1),
            &[self.oid.into(), name.into()],
        )?;
        if rows.is_empty() {
            return Ok(None);
        }
        let row = rows.first();
        Ok(Some(Column { is_uuid: row.get(1)?.unwrap_or_default(), is_text: row.get(2)?.unwrap_or_default() }))
    }

    /// Whether a column is computed from others.
    pub fn is_generated(&self, column: &str) -> bool {
        let Ok(name) = std::ffi::CString::new(column) else { return false };
        lookup::column(self.oid, &name).is_some_and(|number| lookup::is_generated(self.oid, number))
    }

    /// A fingerprint of the policies that aren't ours: of all that they say. `None` if there are none.
    pub fn fingerprint_of_other_policies(&self, client: &SpiClient<'_>) -> Result<Option<String>, spi::Error> {
        let ours = names(&Made::POLICIES);
        client
            .select(
                "select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws('|', p.polname, p.polcmd, p.polpermissive,
                          array(select pg_catalog.pg_get_userbyid(r) from pg_catalog.unnest(p.polroles) r order by 1),
                          pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)),
                          '||' order by p.polname))
                   from pg_catalog.pg_policy p where p.polrelid = $1 and p.polname::text <> all ($2)",
                Some(1),
                &[self.oid.into(), ours.into()],
            )?
            .first()
            .get(1)
    }

    /// The names of its permissive policies that aren't ours.
    pub fn other_permissive_policies(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        self.texts(
            client,
            "select polname::text from pg_catalog.pg_policy
              where polrelid = $1 and polpermissive and polname::text <> all ($2) order by 1",
            &[self.oid.into(), names(&Made::POLICIES).into()],
        )
    }

    /// The roles, as SQL names them, that may do on this table what row security doesn't see.
    pub fn roles_with_rights_past_row_security(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        self.grantees(client, &["TRIGGER", "TRUNCATE", "REFERENCES"], &[])
    }

    /// The roles, as SQL names them, that may read or write this table and whom policies for `bound` don't bind.
    pub fn roles_not_bound(&self, client: &SpiClient<'_>, bound: &[String]) -> Result<Vec<String>, spi::Error> {
        if bound.iter().any(|role| role == "public") {
            return Ok(Vec::new());
        }
        let mut roles = self.grantees(client, &["SELECT", "INSERT", "UPDATE", "DELETE"], bound)?;
        roles.extend(self.roles_with_rights_on_all_data(client, bound)?);
        Ok(roles)
    }

    /// `pg_read_all_data` and `pg_write_all_data`, where somebody has them, without those that have the rights of one of `except`.
    fn roles_with_rights_on_all_data(
        &self,
        client: &SpiClient<'_>,
        except: &[String],
    ) -> Result<Vec<String>, spi::Error> {
        self.texts(
            client,
            "select pg_catalog.quote_ident(r.rolname)
               from pg_catalog.pg_roles r
              where $1 is not null and r.rolname in ('pg_read_all_data', 'pg_write_all_data')
                and exists (select from pg_catalog.pg_roles member
                             where member.rolname !~ '^pg_' and not member.rolsuper and not member.rolbypassrls
                               and pg_catalog.pg_has_role(member.oid, r.oid, 'MEMBER'))
                and not exists (
                    select from pg_catalog.pg_roles e
                     where e.rolname::text = any ($2) and pg_catalog.pg_has_role(r.oid, e.oid, 'USAGE'))
              order by 1",
            &[self.oid.into(), except.to_vec().into()],
        )
    }

    /// The roles that hold one of these privileges, without the owner, those that row security doesn't bind, and
    /// those that have the rights of one of `except`.
    fn grantees(
        &self,
        client: &SpiClient<'_>,
        privileges: &[&str],
        except: &[String],
    ) -> Result<Vec<String>, spi::Error> {
        self.texts(
            client,
            "select distinct case when acl.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end
               from pg_catalog.pg_class c
               cross join pg_catalog.aclexplode(c.relacl) acl
               left join pg_catalog.pg_roles r on r.oid = acl.grantee
              where c.oid = $1 and acl.grantee <> c.relowner
                and acl.privilege_type = any ($2)
                and not coalesce(r.rolbypassrls or r.rolsuper, false)
                and (r.oid is null or not exists (
                    select from pg_catalog.pg_roles e
                     where e.rolname::text = any ($3) and pg_catalog.pg_has_role(r.oid, e.oid, 'USAGE')))
              order by 1",
            &[self.oid.into(), privileges.to_vec().into(), except.to_vec().into()],
        )
    }

    /// The commands, in capitals, that no permissive policy allows to anybody.
    pub fn commands_without_permissive_policy(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        self.texts(
            client,
            "select command.name
               from (values (1, 'SELECT', 'r'), (2, 'INSERT', 'a'), (3, 'UPDATE', 'w'), (4, 'DELETE', 'd'))
                    as command(nr, name, code)
              where not exists (
                    select from pg_catalog.pg_policy p
                     where p.polrelid = $1 and p.polpermissive and p.polcmd::text in (command.code, '*'))
              order by command.nr",
            &[self.oid.into()],
        )
    }

    fn texts(
        &self,
        client: &SpiClient<'_>,
        query: &str,
        arguments: &[DatumWithOid<'_>],
    ) -> Result<Vec<String>, spi::Error> {
        let texts: Result<Vec<Option<String>>, _> =
            client.select(query, None, arguments)?.map(|row| row.get(1)).collect();
        Ok(texts?.into_iter().flatten().collect())
    }

    /// The policies and triggers that bear one of our names.
    pub fn named_as_ours(&self, client: &SpiClient<'_>) -> Result<Vec<Named>, spi::Error> {
        let names = names(&Made::ALL);
        let rows = client.select(
            "select true, polname::text, pg_catalog.obj_description(oid, 'pg_policy'), oid, false
               from pg_catalog.pg_policy where polrelid = $1 and polname::text = any ($2)
             union all
             select false, tgname::text, pg_catalog.obj_description(oid, 'pg_trigger'), oid, tgparentid <> 0
               from pg_catalog.pg_trigger
              where tgrelid = $1 and tgname::text = any ($2) and (tgparentid <> 0 or not tgisinternal)
              order by 1 desc, 2",
            None,
            &[self.oid.into(), names.into()],
        )?;
        rows.map(|row| {
            Ok(Named {
                kind: if row.get(1)?.unwrap_or_default() { "policy" } else { "trigger" },
                name: row.get(2)?.unwrap_or_default(),
                comment: row.get(3)?,
                oid: row.get(4)?.unwrap_or(pg_sys::InvalidOid),
                is_copy: row.get(5)?.unwrap_or_default(),
            })
        })
        .collect()
    }
}

/// Their names in the catalog.
fn names(made: &[Made]) -> Vec<&'static str> {
    made.iter().map(|made| made.name()).collect()
}

/// Raises 40001: somebody changed the catalog while it was being read or written here. Nothing is done.
pub fn changed_meanwhile(relation: &Relation) -> ! {
    let message = format!("{} was changed by somebody else meanwhile: nothing was done", relation.display_name());
    raise(SqlState::SERIALIZATION_FAILURE, &message, None, Some("Try again."))
}
