//! Reading everything that decides who can do what, with the caller's rights: what is public in Postgres' catalog.

use std::collections::{BTreeSet, HashMap, HashSet};

use aal::protection::RecordedProtection;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient, SpiHeapTupleData};
use proof::{
    ByForeignKey, ByFunction, ByRole, ByTable, ByView, Bypass, Catalog, Command, Expression, ForeignKey, Function,
    Guard, InvalidOid, Policy, PolicyCommand, PolicyId, Role, RoleId, Standing, Table, TableId, TableIndex, View,
    ViewKind,
};

use crate::citus::Held;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::Name;
use crate::reader::{Functions, Reader};
use crate::settings::{self, ClaimsSource};

/// How `pg_has_role` is asked whether a role can be another one, by SET ROLE.
#[cfg(feature = "pg15")]
const CAN_BE: &str = "MEMBER";
#[cfg(not(feature = "pg15"))]
const CAN_BE: &str = "SET, MEMBER WITH ADMIN OPTION";

/// As whom a role can act: itself, and those whose rights it has or that it can be. In token mode, where clients run SQL of their
/// own: `$3` is whether settings are trusted. `$2` are the roles. Up to Postgres 15 a role with CREATEROLE makes itself a member.
const ACTING_AS: &str = if cfg!(feature = "pg15") {
    "acting as materialized (
       select r.oid as role, other.oid as other, other.rolsuper
         from pg_catalog.pg_roles r cross join pg_catalog.pg_roles other
        where not $3 and r.oid = any ($2::pg_catalog.oid[]) and not r.rolsuper
          and (pg_catalog.pg_has_role(r.oid, other.oid, 'MEMBER') or r.rolcreaterole and not other.rolsuper))"
} else {
    "acting as materialized (
       select r.oid as role, other.oid as other, other.rolsuper
         from pg_catalog.pg_roles r cross join pg_catalog.pg_roles other
        where not $3 and r.oid = any ($2::pg_catalog.oid[]) and not r.rolsuper
          and pg_catalog.pg_has_role(r.oid, other.oid, 'USAGE, SET, MEMBER WITH ADMIN OPTION'))"
};

/// How many bytes of text the tree of a policy's expressions may have, and those of all policies together, and still be read. The
/// smallest are read first.
const LARGEST_TREES: i64 = 4 << 20;
const MOST_TREES: i64 = 128 << 20;

/// How many bytes of trees, and how many policies, are read at once.
const TREES_AT_ONCE: i64 = 4 << 20;
const POLICIES_AT_ONCE: usize = 1_000;

/// How much of the catalog is wanted.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// One table, with its partitions, its children and what it inherits from; else all.
    pub table: Option<pg_sys::Oid>,
    /// One role; else all but those of Postgres' own that nobody can be or that have no rights on tables.
    pub role: Option<&'a str>,
    /// Whether what only lints look at is wanted, too.
    pub with_surroundings: bool,
}

/// Reads the catalog.
pub fn read(client: &SpiClient<'_>, scope: Scope<'_>) -> Result<Catalog, spi::Error> {
    let trusts_settings =
        settings::claims_source() == ClaimsSource::Request && !settings_are_not_trusted_somewhere(client)?;
    let functions = Functions::read(client, trusts_settings)?;
    let reader = Reader::new(&functions);
    let mut catalog =
        Catalog { trusts_settings, roles: roles(client, scope)?, tables: tables(client, scope)?, ..Catalog::default() };
    let places: HashMap<TableId, TableIndex> =
        catalog.tables.indexed().map(|(index, table)| (table.id, index)).collect();
    hold_by_citus(&mut catalog.tables, &places);
    let oids: Vec<pg_sys::Oid> = catalog.tables.iter().map(|table| table.id.oid().into()).collect();
    let role_oids: Vec<pg_sys::Oid> = catalog.roles.iter().map(|role| role.id.oid().into()).collect();
    let changeable = changeable(client, &oids, &role_oids, functions.guard(), trusts_settings)?;
    let undo_guards = changeable.get(&None);
    for (table, mut standings) in standings(client, &oids, &role_oids, trusts_settings)? {
        for (standing, role) in standings.iter_mut().zip(&catalog.roles) {
            standing.may_undo_guards |= undo_guards.is_some_and(|roles| roles.contains(&role.id));
        }
        if let Some(place) = places.get(&table) {
            catalog.tables[*place].standings = standings;
        }
    }
    let bound = bound_roles(client, &oids, &role_oids)?;
    let names = role_names(client)?;
    for (id, table, mut policy) in policies(client, &oids, &reader)? {
        policy.changeable_by = changeable.get(&Some(id)).cloned().unwrap_or_default();
        let binds = |role: &Role| {
            policy.roles.is_empty() || policy.roles.iter().any(|named| bound.contains(&(role.id, *named)))
        };
        policy.binds = catalog.roles.iter().map(binds).collect();
        policy.role_names = policy.roles.iter().map(|role| role_name(&names, *role)).collect();
        policy.role_names.sort();
        if let Some(place) = places.get(&table) {
            catalog.tables[*place].policies.push(policy);
        }
    }
    for (table, guard) in guards(client, &oids, functions.guard())? {
        if let Some(place) = places.get(&table) {
            catalog.tables[*place].guards.push(guard);
        }
    }
    let read: BTreeSet<TableId> =
        catalog.tables.iter().flat_map(|table| &table.policies).flat_map(tables_read).collect();
    for (role, readable) in readable(client, &read, &role_oids)? {
        if let Some(role) = catalog.roles.iter_mut().find(|it| it.id == role) {
            role.readable = readable;
        }
    }
    if scope.with_surroundings {
        catalog.views = views(client, &role_oids, &functions.that_ask(), &names)?;
        catalog.functions = user_functions(client, &role_oids, &names)?;
        catalog.foreign_keys = foreign_keys(client, &role_oids)?;
        for (table, publication) in publications(client)? {
            if let Some(place) = places.get(&table) {
                catalog.tables[*place].publications.push(publication);
            }
        }
    }
    Ok(catalog)
}

/// Notes which tables Citus holds, with their partitions.
fn hold_by_citus(tables: &mut ByTable<Table>, places: &HashMap<TableId, TableIndex>) {
    let held = Held::read();
    if held.is_nothing() {
        return;
    }
    for place in tables.indexes() {
        let mut seen = HashSet::new();
        let mut at = Some(place);
        while let Some(table) = at.filter(|at| seen.insert(*at)).map(|at| &tables[at]) {
            if held.has(table.id.oid().into()) {
                tables[place].held_by_citus = true;
                break;
            }
            let parent = table.parents.iter().find(|(_, is_partition)| *is_partition);
            at = parent.and_then(|(parent, _)| places.get(parent).copied());
        }
    }
}

type Row<'a> = SpiHeapTupleData<'a>;

/// An OID; 0 stands for none.
fn oid(row: &Row<'_>, column: usize) -> Result<u32, spi::Error> {
    Ok(row.get::<pg_sys::Oid>(column)?.map(|oid| oid.to_u32()).unwrap_or_default())
}

/// The id of something that is always there.
fn id<I: TryFrom<u32, Error = InvalidOid>>(row: &Row<'_>, column: usize) -> Result<I, spi::Error> {
    oid(row, column).map(needed)
}

fn ids<I: TryFrom<u32, Error = InvalidOid>>(row: &Row<'_>, column: usize) -> Result<Vec<I>, spi::Error> {
    Ok(oids(row, column)?.into_iter().map(needed).collect())
}

/// Raises for 0, which would mean nothing or everybody.
fn needed<I: TryFrom<u32, Error = InvalidOid>>(oid: u32) -> I {
    I::try_from(oid).unwrap_or_else(|InvalidOid| {
        raise(SqlState::INTERNAL_ERROR, "the catalog holds no OID where one is needed", None, None)
    })
}

fn text(row: &Row<'_>, column: usize) -> Result<String, spi::Error> {
    Ok(row.get::<String>(column)?.unwrap_or_default())
}

/// The name of something that all databases share: it may have been given in one of another encoding.
fn name(row: &Row<'_>, column: usize) -> Result<String, spi::Error> {
    Ok(row.get::<Name>(column)?.map(|Name(name)| name).unwrap_or_default())
}

fn truth(row: &Row<'_>, column: usize) -> Result<bool, spi::Error> {
    Ok(row.get::<bool>(column)?.unwrap_or_default())
}

fn oids(row: &Row<'_>, column: usize) -> Result<Vec<u32>, spi::Error> {
    let oids = row.get::<Vec<pg_sys::Oid>>(column)?.unwrap_or_default();
    Ok(oids.into_iter().map(|oid| oid.to_u32()).collect())
}

fn texts(row: &Row<'_>, column: usize) -> Result<Vec<String>, spi::Error> {
    Ok(row.get::<Vec<String>>(column)?.unwrap_or_default())
}

/// The roles. Of those that Postgres itself brings along, such as `pg_write_all_data`, those that some other can be by SET ROLE
/// and that may do something with tables.
fn roles(client: &SpiClient<'_>, scope: Scope<'_>) -> Result<ByRole<Role>, spi::Error> {
    let rows = client.select(
        "with recursive coming(oid) as (
           select r.oid from pg_catalog.pg_roles r where r.rolcanlogin
           union
           select m.roleid from coming c join pg_catalog.pg_auth_members m on m.member = c.oid)
         select r.oid, r.rolname, r.oid in (select c.oid from coming c)
           from pg_catalog.pg_roles r
          where case
                  when $1 is not null then r.rolname::pg_catalog.text = $1
                  when r.rolname !~ '^pg_' then true
                  else exists (
                         select from pg_catalog.pg_roles member
                          where member.rolname !~ '^pg_' and not member.rolsuper
                            and pg_catalog.pg_has_role(member.oid, r.oid, $2))
                   and exists (
                         select from pg_catalog.pg_class c
                           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                          where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
                            and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                            and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
                                 or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')))
                end
          order by r.rolname",
        None,
        &[scope.role.into(), CAN_BE.into()],
    )?;
    rows.map(|row| {
        Ok(Role { id: id(&row, 1)?, name: name(&row, 2)?, can_come: truth(&row, 3)?, readable: HashSet::new() })
    })
    .collect()
}

/// The names of all roles.
fn role_names(client: &SpiClient<'_>) -> Result<HashMap<RoleId, String>, spi::Error> {
    let rows = client.select("select r.oid, r.rolname from pg_catalog.pg_roles r", None, &[])?;
    rows.map(|row| Ok((id(&row, 1)?, name(&row, 2)?))).collect()
}

fn role_name(names: &HashMap<RoleId, String>, role: RoleId) -> String {
    names.get(&role).cloned().unwrap_or_else(|| role.to_string())
}

fn sorted_names(names: &HashMap<RoleId, String>, roles: Vec<RoleId>) -> Vec<String> {
    let mut sorted: Vec<String> = roles.into_iter().map(|role| role_name(names, role)).collect();
    sorted.sort();
    sorted
}

fn tables(client: &SpiClient<'_>, scope: Scope<'_>) -> Result<ByTable<Table>, spi::Error> {
    let rows = client.select(
        "with recursive
           family(oid) as (
             select $1::pg_catalog.oid
             union
             select case when i.inhparent = f.oid then i.inhrelid else i.inhparent end
               from family f join pg_catalog.pg_inherits i on f.oid in (i.inhparent, i.inhrelid)),
           parents as (
             select i.inhrelid, pg_catalog.array_agg(i.inhparent order by i.inhseqno) as oids
               from pg_catalog.pg_inherits i group by i.inhrelid)
         select c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relowner, c.relrowsecurity,
                p.oids, c.relispartition, pg_catalog.format('%I.%I', n.nspname, c.relname),
                case when c.relhasrules then
                  (select pg_catalog.string_agg(r.ev_type::pg_catalog.text, '') from pg_catalog.pg_rewrite r
                    where r.ev_class = c.oid and r.ev_enabled <> 'D')
                end,
                exists (select from pg_catalog.pg_depend d
                         where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid
                           and d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)),
                c.relkind = 'f' and exists (
                  select from pg_catalog.pg_foreign_table f
                    join pg_catalog.pg_foreign_server s on s.oid = f.ftserver
                    join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
                    join pg_catalog.pg_proc handler on handler.oid = w.fdwhandler -- without one it can't be used
                   where f.ftrelid = c.oid and handler.prosrc <> 'file_fdw_handler') -- that one only reads
           from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           left join parents p on p.inhrelid = c.oid
          where c.relkind in ('r', 'p', 'f')
            and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
            and c.relpersistence <> 't'
            and ($1 is null or c.oid in (select f.oid from family f))
          order by n.nspname, c.relname",
        None,
        &[scope.table.into()],
    )?;
    rows.map(|row| {
        let is_partition = truth(&row, 7)?;
        Ok(Table {
            id: id(&row, 1)?,
            schema: text(&row, 2)?,
            name: text(&row, 3)?,
            display_name: text(&row, 8)?,
            owner: id(&row, 4)?,
            row_security: truth(&row, 5)?,
            takes_unchecked_rows: truth(&row, 11)?,
            policies: Vec::new(),
            guards: Vec::new(),
            ruled: text(&row, 9)?.chars().filter_map(ruled).collect(),
            reached_by_oid: truth(&row, 10)?,
            standings: ByRole::default(),
            parents: ids(&row, 6)?.into_iter().map(|parent| (parent, is_partition)).collect(),
            publications: Vec::new(),
            held_by_citus: false,
        })
    })
    .collect()
}

/// The command of a rule, by `pg_rewrite.ev_type`.
fn ruled(letter: char) -> Option<Command> {
    match letter {
        '1' => Some(Command::Select),
        '2' => Some(Command::Update),
        '3' => Some(Command::Insert),
        '4' => Some(Command::Delete),
        _ => None,
    }
}

/// How each role stands to each table, in the order of the roles.
fn standings(
    client: &SpiClient<'_>,
    tables: &[pg_sys::Oid],
    roles: &[pg_sys::Oid],
    trusts_settings: bool,
) -> Result<HashMap<TableId, ByRole<Standing>>, spi::Error> {
    // One text for each table: for each role eight letters. Fewer rows to hand over than one for each pair.
    let rows = client.select(
        &format!(
            "with {ACTING_AS}
         select c.oid,
                pg_catalog.string_agg(
                  pg_catalog.concat(
                    case when pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE') then 'U' else '-' end,
                    case when pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
                           or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT')
                           or exists (select from pg_catalog.pg_attribute a -- of the system columns
                                       where a.attrelid = c.oid and a.attnum < 0 and a.attacl is not null
                                         and pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))
                         then 'r' else '-' end,
                    case when pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')
                           or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT') then 'a' else '-' end,
                    case when pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE')
                           or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'UPDATE') then 'w' else '-' end,
                    case when pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE') then 'd' else '-' end,
                    case when pg_catalog.has_table_privilege(r.oid, c.oid, 'TRUNCATE') then 'D' else '-' end,
                    case when r.rolsuper then 'S' when r.rolbypassrls then 'B'
                         when not c.relforcerowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE') then 'O'
                         -- The owner can switch row security off.
                         when exists (select from acting a where a.role = r.oid and (a.other = c.relowner or a.rolsuper)) then 'O'
                         else '-' end,
                    case when exists (select from acting a
                                       where a.role = r.oid
                                         and (pg_catalog.has_table_privilege(a.other, c.oid, 'TRIGGER')
                                              or pg_catalog.has_parameter_privilege(a.other, 'session_replication_role', 'SET')))
                         then 'T' else '-' end), '' order by wanted.n)
           from pg_catalog.unnest($2::pg_catalog.oid[]) with ordinality as wanted(role, n)
           join pg_catalog.pg_roles r on r.oid = wanted.role
           cross join pg_catalog.pg_class c
          where c.oid = any ($1::pg_catalog.oid[])
          group by c.oid"
        ),
        None,
        &[tables.to_vec().into(), roles.to_vec().into(), trusts_settings.into()],
    )?;
    rows.map(|row| {
        let letters = text(&row, 2)?;
        let standing = |letters: &[u8]| Standing {
            may_use_schema: letters[0] == b'U',
            privileges: std::array::from_fn(|n| letters[n + 1] != b'-'),
            bypass: match letters[6] {
                b'S' => Some(Bypass::Superuser),
                b'B' => Some(Bypass::BypassRls),
                b'O' => Some(Bypass::Owner),
                _ => None,
            },
            may_undo_guards: letters[7] == b'T',
        };
        Ok((id(&row, 1)?, letters.as_bytes().chunks_exact(8).map(standing).collect()))
    })
    .collect()
}

/// Which roles have the rights of which of those that policies name.
fn bound_roles(
    client: &SpiClient<'_>,
    tables: &[pg_sys::Oid],
    roles: &[pg_sys::Oid],
) -> Result<HashSet<(RoleId, RoleId)>, spi::Error> {
    let rows = client.select(
        "select r.oid, named.oid
           from (select distinct pg_catalog.unnest(p.polroles) from pg_catalog.pg_policy p
                  where p.polrelid = any ($1::pg_catalog.oid[])) as named(oid)
           cross join pg_catalog.unnest($2::pg_catalog.oid[]) as r(oid)
          where named.oid <> 0
            and exists (select from pg_catalog.pg_roles there where there.oid = named.oid)
            and pg_catalog.pg_has_role(r.oid, named.oid, 'USAGE')",
        None,
        &[tables.to_vec().into(), roles.to_vec().into()],
    )?;
    rows.map(|row| Ok((id(&row, 1)?, id(&row, 2)?))).collect()
}

/// In the rows of [`changeable`]: what guards are made of.
const GUARD: u32 = 0;

/// By a policy, the roles that may replace or drop what it is made of, or get what they need to: in token mode, where clients
/// run SQL of their own. DROP … CASCADE takes a policy along whosever it is, and CREATE OR REPLACE gives a function another
/// meaning. For `None`, the roles that may do so with `auth.aal_guard`.
fn changeable(
    client: &SpiClient<'_>,
    tables: &[pg_sys::Oid],
    roles: &[pg_sys::Oid],
    guard: pg_sys::Oid,
    trusts_settings: bool,
) -> Result<HashMap<Option<PolicyId>, HashSet<RoleId>>, spi::Error> {
    let mut changeable: HashMap<Option<PolicyId>, HashSet<RoleId>> = HashMap::new();
    if trusts_settings {
        return Ok(changeable);
    }
    let rows = client.select(
        &format!(
            "with recursive {ACTING_AS},
               made_of(policy, classid, objid) as (
                 select p.oid, d.refclassid, d.refobjid
                   from pg_catalog.pg_policy p
                   join pg_catalog.pg_depend d
                     on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
                  where p.polrelid = any ($1::pg_catalog.oid[])
                    -- Its own table's owner is looked at for itself.
                    and (d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass or d.refobjid <> p.polrelid)
                 union
                 select {GUARD}::pg_catalog.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, $4
                 union
                 select m.policy, d.refclassid, d.refobjid
                   from made_of m
                   join pg_catalog.pg_depend d on d.classid = m.classid and d.objid = m.objid),
               owned(policy, owner) as (
                 select m.policy, o.proowner from made_of m join pg_catalog.pg_proc o on o.oid = m.objid and m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                 union
                 select m.policy, o.relowner from made_of m join pg_catalog.pg_class o on o.oid = m.objid and m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 union
                 select m.policy, o.typowner from made_of m join pg_catalog.pg_type o on o.oid = m.objid and m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                 union
                 select m.policy, o.oprowner from made_of m join pg_catalog.pg_operator o on o.oid = m.objid and m.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
                 union
                 select m.policy, o.collowner from made_of m join pg_catalog.pg_collation o on o.oid = m.objid and m.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass
                 union
                 select m.policy, o.lanowner from made_of m join pg_catalog.pg_language o on o.oid = m.objid and m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass
                 union
                 select m.policy, o.nspowner from made_of m join pg_catalog.pg_namespace o on o.oid = m.objid and m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                 union
                 select m.policy, o.extowner from made_of m join pg_catalog.pg_extension o on o.oid = m.objid and m.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass)
             select owned.policy, acting.role
               from owned
               join acting on acting.other = owned.owner"
        ),
        None,
        &[tables.to_vec().into(), roles.to_vec().into(), trusts_settings.into(), guard.into()],
    )?;
    for row in rows {
        changeable.entry(PolicyId::new(oid(&row, 1)?)).or_default().insert(id(&row, 2)?);
    }
    Ok(changeable)
}

/// The policies with their OIDs and tables. Their trees are read a few at a time: all at once they could be more than there is memory.
fn policies(
    client: &SpiClient<'_>,
    tables: &[pg_sys::Oid],
    reader: &Reader<'_>,
) -> Result<Vec<(PolicyId, TableId, Policy)>, spi::Error> {
    // How long a text is, stands before it: it needn't be read for that.
    let rows = client.select(
        "select p.oid, trees.size,
                trees.size <= $2 and pg_catalog.sum(trees.size) over (order by trees.size, p.oid) <= $3
           from pg_catalog.pg_policy p
          cross join lateral (
                select (coalesce(pg_catalog.octet_length(p.polqual::pg_catalog.text), 0)
                        + coalesce(pg_catalog.octet_length(p.polwithcheck::pg_catalog.text), 0))::pg_catalog.int8) as trees(size)
          where p.polrelid = any ($1::pg_catalog.oid[])
          order by p.polrelid, p.polname",
        None,
        &[tables.to_vec().into(), LARGEST_TREES.into(), MOST_TREES.into()],
    )?;
    let mut found = Vec::new();
    let mut some: Vec<(pg_sys::Oid, bool)> = Vec::new();
    let mut size = 0;
    for row in rows {
        let is_read = truth(&row, 3)?;
        let its = if is_read { row.get::<i64>(2)?.unwrap_or_default() } else { 0 };
        if some.len() == POLICIES_AT_ONCE || (size + its > TREES_AT_ONCE && !some.is_empty()) {
            found.extend(some_policies(&some, reader)?);
            some.clear();
            size = 0;
        }
        some.push((oid(&row, 1)?.into(), is_read));
        size += its;
    }
    found.extend(some_policies(&some, reader)?);
    Ok(found)
}

/// These policies, and whether each one's trees are to be read.
fn some_policies(
    policies: &[(pg_sys::Oid, bool)],
    reader: &Reader<'_>,
) -> Result<Vec<(PolicyId, TableId, Policy)>, spi::Error> {
    let (wanted, are_read): (Vec<pg_sys::Oid>, Vec<bool>) = policies.iter().copied().unzip();
    // A connection of its own: what it has read is given back with it.
    Spi::connect(|client| {
        let rows = client.select(
            "select p.polrelid, p.polname::pg_catalog.text, p.polcmd::pg_catalog.text, p.polpermissive, p.polroles,
                    case when wanted.is_read then p.polqual::pg_catalog.text end,
                    case when wanted.is_read then p.polwithcheck::pg_catalog.text end,
                    d.description, p.oid, p.polqual is not null, p.polwithcheck is not null
               from rows from (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.bool[])) with ordinality as wanted(oid, is_read, n)
               join pg_catalog.pg_policy p on p.oid = wanted.oid
               left join pg_catalog.pg_description d
                 on d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objoid = p.oid and d.objsubid = 0
              order by wanted.n",
            None,
            &[wanted.into(), are_read.into()],
        )?;
        rows.map(|row| {
            let command = match text(&row, 3)?.as_str() {
                "r" => PolicyCommand::One(Command::Select),
                "a" => PolicyCommand::One(Command::Insert),
                "w" => PolicyCommand::One(Command::Update),
                "d" => PolicyCommand::One(Command::Delete),
                _ => PolicyCommand::All,
            };
            let roles = oids(&row, 5)?;
            // 0 is PUBLIC.
            let everybody = roles.contains(&0);
            let comment: Option<String> = row.get(8)?;
            let expression = |column: usize, is_there: usize| {
                Ok::<_, spi::Error>(match row.get::<String>(column)? {
                    Some(tree) => Some(reader.read(&tree)),
                    None => truth(&row, is_there)?.then(Expression::too_large),
                })
            };
            let policy = Policy {
                name: text(&row, 2)?,
                command,
                permissive: truth(&row, 4)?,
                roles: if everybody { Vec::new() } else { roles.into_iter().map(needed).collect() },
                role_names: Vec::new(),
                binds: ByRole::default(),
                changeable_by: HashSet::new(),
                using: expression(6, 10)?,
                check: expression(7, 11)?,
                record: comment.as_deref().and_then(RecordedProtection::from_record),
            };
            Ok((id(&row, 9)?, id(&row, 1)?, policy))
        })
        .collect()
    })
}

fn guards(
    client: &SpiClient<'_>,
    tables: &[pg_sys::Oid],
    function: pg_sys::Oid,
) -> Result<Vec<(TableId, Guard)>, spi::Error> {
    let rows = client.select(
        "select t.tgrelid, t.tgname::pg_catalog.text, t.tgtype::pg_catalog.int4,
                t.tgenabled = 'A' or t.tgenabled = 'O' and not exists (
                  -- Some session has it switched off from the start.
                  select from pg_catalog.pg_db_role_setting s
                   cross join pg_catalog.unnest(s.setconfig) as stored(setting)
                   where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
                     and stored.setting ~* '^session_replication_role=replica$'),
                t.tgqual is null and t.tgattr::pg_catalog.text = '', pg_catalog.encode(t.tgargs, 'hex'), d.description
           from pg_catalog.pg_trigger t
           left join pg_catalog.pg_description d
             on d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and d.objoid = t.oid and d.objsubid = 0
          where t.tgfoid = $2 and not t.tgisinternal and t.tgrelid = any ($1::pg_catalog.oid[])
          order by t.tgrelid, t.tgname",
        None,
        &[tables.to_vec().into(), function.into()],
    )?;
    rows.map(|row| {
        let kind = row.get::<i32>(3)?.unwrap_or_default();
        let has = |bit: i32| kind & bit != 0;
        let commands = [(4, Command::Insert), (16, Command::Update), (8, Command::Delete), (32, Command::Truncate)];
        let before_statement = !has(1) && has(2);
        let guard = Guard {
            name: text(&row, 2)?,
            enabled: truth(&row, 4)?,
            always_fires: before_statement && truth(&row, 5)?,
            commands: commands.into_iter().filter(|(bit, _)| has(*bit)).map(|(_, command)| command).collect(),
            arguments: arguments(&text(&row, 6)?),
            record: RecordedProtection::from_record(&text(&row, 7)?),
        };
        Ok((id(&row, 1)?, guard))
    })
    .collect()
}

/// A trigger's arguments, from hexadecimal: each ends with a zero byte.
fn arguments(hex: &str) -> Vec<String> {
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    let bytes: Vec<u8> = hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let ends = bytes.split_inclusive(|byte| *byte == 0);
    ends.map(|argument| String::from_utf8_lossy(argument).trim_end_matches('\0').to_owned()).collect()
}

/// The tables that a policy reads with the rights of whoever asks.
fn tables_read(policy: &Policy) -> Vec<TableId> {
    use proof::Expression::*;
    let mut found = Vec::new();
    for expression in policy.expressions() {
        expression.visit(&mut |it| {
            if let Select { rows, .. } | Exists(rows) | AnyRow { rows, .. } | ArrayOf { rows, .. } = it {
                found.extend(&rows.reads);
            }
            true
        });
    }
    found
}

/// Which of these tables and views each role may read some column of.
fn readable(
    client: &SpiClient<'_>,
    tables: &BTreeSet<TableId>,
    roles: &[pg_sys::Oid],
) -> Result<Vec<(RoleId, HashSet<TableId>)>, spi::Error> {
    let tables: Vec<pg_sys::Oid> = tables.iter().map(|table| pg_sys::Oid::from(table.oid())).collect();
    let rows = client.select(
        "select r.oid, pg_catalog.array_agg(c.oid)
           from pg_catalog.unnest($2::pg_catalog.oid[]) as r(oid)
           join pg_catalog.pg_class c
             on c.oid = any ($1::pg_catalog.oid[])
            and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
                 or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT')
                 or exists (select from pg_catalog.pg_attribute a
                             where a.attrelid = c.oid and a.attnum < 0 and a.attacl is not null
                               and pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')))
          group by r.oid",
        None,
        &[tables.into(), roles.to_vec().into()],
    )?;
    rows.map(|row| Ok((id(&row, 1)?, ids(&row, 2)?.into_iter().collect()))).collect()
}

/// Roles other than an object's owner and those that may do everything anyway.
const OTHERS: &str = "pg_catalog.unnest($1::pg_catalog.oid[]) as other(oid)
                        join pg_catalog.pg_roles r on r.oid = other.oid and not r.rolsuper";

/// Whether some role or database has it stored that settings aren't to be trusted, or makes them mean something else: whoever
/// asks here may not be one of those. And where the asking role alone has it stored that they are, others may have it otherwise.
fn settings_are_not_trusted_somewhere(client: &SpiClient<'_>) -> Result<bool, spi::Error> {
    let rows = client.select(
        "select exists (
           select from pg_catalog.pg_db_role_setting s
            cross join pg_catalog.unnest(s.setconfig) as stored(setting)
            where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
              and case
                    when stored.setting ~* '^pg_aal\\.claims_source=' then stored.setting !~* '=request$'
                    -- Bodies that are stored as text mean something else, too, where pg_catalog isn't looked in first.
                    when stored.setting ~* '^search_path=' then stored.setting ~* '[=,].*pg_catalog' and stored.setting !~* '=\\s*\"?pg_catalog'
                  end)
             or exists (select from pg_catalog.pg_settings own
                         where own.name = 'pg_aal.claims_source' and own.source in ('user', 'database user'))",
        Some(1),
        &[],
    )?;
    Ok(rows.first().get(1)?.unwrap_or(true))
}

fn views(
    client: &SpiClient<'_>,
    roles: &[pg_sys::Oid],
    that_ask: &[pg_sys::Oid],
    names: &HashMap<RoleId, String>,
) -> Result<ByView<View>, spi::Error> {
    let rows = client.select(
        &format!(
            "select c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
                    pg_catalog.format('%I.%I', n.nspname, c.relname),
                    case when face.of_rules then case when c.relkind = 'v' then 'w' else 'r' end
                         when c.relkind = 'm' then 'm'
                         when exists (select from pg_catalog.pg_options_to_table(c.reloptions) o
                                       where o.option_name = 'security_invoker' and o.option_value::pg_catalog.bool) then 'i'
                         else 'o' end,
                    c.relowner,
                    array(select distinct d.refobjid
                            from pg_catalog.pg_depend d
                           where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = any (face.rules)
                             and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> c.oid),
                    array(select r.oid
                            from {OTHERS}
                           where r.oid <> c.relowner
                             and pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
                             and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
                                  or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT'))
                           order by 1),
                    array(select r.oid
                            from {OTHERS}
                           where r.oid <> c.relowner and c.relkind <> 'm'
                             and pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
                             and ('3' = any (face.events) and (pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')
                                                               or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT'))
                                  or '2' = any (face.events) and (pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE')
                                                                  or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'UPDATE'))
                                  or '4' = any (face.events) and pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE'))
                           order by 1),
                    exists (select from pg_catalog.pg_depend d
                             where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = any (face.rules)
                               and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid = any ($2::pg_catalog.oid[]))
               from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               -- What a view shows, and what the rules do that fire when somebody writes.
               cross join lateral (
                 select w.ev_type <> '1' as of_rules, pg_catalog.array_agg(w.oid) as rules,
                        case when w.ev_type <> '1' then pg_catalog.array_agg(w.ev_type::pg_catalog.text) else '{{2,3,4}}' end as events
                   from pg_catalog.pg_rewrite w
                  where w.ev_class = c.oid and (w.ev_type = '1' or w.ev_enabled <> 'D')
                  group by w.ev_type <> '1') as face
              where (c.relkind in ('v', 'm') or c.relhasrules) and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
              order by n.nspname, c.relname, face.of_rules"
        ),
        None,
        &[roles.to_vec().into(), that_ask.to_vec().into()],
    )?;
    rows.map(|row| {
        Ok(View {
            id: id(&row, 1)?,
            schema: text(&row, 2)?,
            name: text(&row, 3)?,
            display_name: text(&row, 4)?,
            kind: match text(&row, 5)?.as_str() {
                "m" => ViewKind::Materialized,
                "i" => ViewKind::InvokerRights,
                "r" => ViewKind::TableRule,
                "w" => ViewKind::ViewRule,
                _ => ViewKind::OwnerRights,
            },
            owner: id(&row, 6)?,
            reads: ids(&row, 7)?,
            read_by: sorted_names(names, ids(&row, 8)?),
            written_by: sorted_names(names, ids(&row, 9)?),
            asks_for_level: truth(&row, 10)?,
        })
    })
    .collect()
}

/// Functions that run with their owner's rights, or are marked IMMUTABLE, without those that belong to extensions.
fn user_functions(
    client: &SpiClient<'_>,
    roles: &[pg_sys::Oid],
    names: &HashMap<RoleId, String>,
) -> Result<ByFunction<Function>, spi::Error> {
    let rows = client.select(
        &format!(
            "select n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
                    pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
                    p.proowner, p.prosecdef, p.provolatile = 'i', l.lanname::pg_catalog.text,
                    -- Of one that Postgres has understood once for all, there's no text but what it depends on.
                    case when p.prosqlbody is null then p.prosrc
                         else (select pg_catalog.string_agg(pg_catalog.format('%I.%I()', n.nspname, f.proname), ' ')
                                 from pg_catalog.pg_depend d
                                 join pg_catalog.pg_proc f on f.oid = d.refobjid
                                 join pg_catalog.pg_namespace n on n.oid = f.pronamespace
                                where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
                                  and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
                    end,
                    array(select d.refobjid
                            from pg_catalog.pg_depend d
                           where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
                             and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass),
                    array(select r.oid
                            from {OTHERS}
                           where r.oid <> p.proowner
                             and pg_catalog.has_schema_privilege(r.oid, p.pronamespace, 'USAGE')
                             and pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
                           order by 1)
               from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
               join pg_catalog.pg_language l on l.oid = p.prolang
              where (p.prosecdef or p.provolatile = 'i')
                -- Nobody calls a trigger's function.
                and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
                and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_temp_'
                and not exists (
                    select from pg_catalog.pg_depend d
                     where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e')
              order by 3"
        ),
        None,
        &[roles.to_vec().into()],
    )?;
    rows.map(|row| {
        Ok(Function {
            schema: text(&row, 1)?,
            name: text(&row, 2)?,
            display_name: text(&row, 3)?,
            owner: id(&row, 4)?,
            security_definer: truth(&row, 5)?,
            immutable: truth(&row, 6)?,
            language: text(&row, 7)?,
            body: text(&row, 8)?,
            reaches: ids(&row, 9)?,
            open_to: sorted_names(names, ids(&row, 10)?),
        })
    })
    .collect()
}

fn foreign_keys(client: &SpiClient<'_>, roles: &[pg_sys::Oid]) -> Result<ByForeignKey<ForeignKey>, spi::Error> {
    let rows = client.select(
        "select k.conname::pg_catalog.text, k.conrelid, k.confrelid, k.confdeltype::pg_catalog.text, k.confupdtype::pg_catalog.text,
                array(select r.oid from pg_catalog.unnest($1::pg_catalog.oid[]) as r(oid)
                       where exists (select from pg_catalog.unnest(k.confkey) as key(attnum)
                                      where pg_catalog.has_column_privilege(r.oid, k.confrelid, key.attnum, 'UPDATE'))),
                array(select a.attname::pg_catalog.text
                        from pg_catalog.unnest(k.conkey) with ordinality as key(attnum, n)
                        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.attnum order by key.n),
                array(select a.attname::pg_catalog.text
                        from pg_catalog.unnest(k.confkey) with ordinality as key(attnum, n)
                        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.attnum order by key.n),
                array(select a.attname::pg_catalog.text
                        from pg_catalog.unnest(k.confdelsetcols) as key(attnum)
                        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.attnum)
           from pg_catalog.pg_constraint k
          where k.contype = 'f' and k.conparentid = 0 and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
          order by k.conrelid, k.conname",
        None,
        &[roles.to_vec().into()],
    )?;
    let action = |letter: String| match letter.as_str() {
        "c" => Some("CASCADE"),
        "n" => Some("SET NULL"),
        "d" => Some("SET DEFAULT"),
        _ => None,
    };
    rows.map(|row| {
        Ok(ForeignKey {
            name: text(&row, 1)?,
            table: id(&row, 2)?,
            referenced: id(&row, 3)?,
            on_delete: action(text(&row, 4)?),
            on_update: action(text(&row, 5)?),
            key_updated_by: ids(&row, 6)?,
            columns: texts(&row, 7)?.into_iter().zip(texts(&row, 8)?).collect(),
            set_on_delete: texts(&row, 9)?,
        })
    })
    .collect()
}

fn publications(client: &SpiClient<'_>) -> Result<Vec<(TableId, String)>, spi::Error> {
    let rows = client.select(
        "select c.oid, t.pubname::pg_catalog.text
           from pg_catalog.pg_publication_tables t
           join pg_catalog.pg_namespace n on n.nspname = t.schemaname
           join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
          order by 1, 2",
        None,
        &[],
    )?;
    rows.map(|row| Ok((id(&row, 1)?, text(&row, 2)?))).collect()
}
