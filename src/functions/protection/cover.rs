//! Giving tables a protection that is known already: a schema's, or that of the table above a partition.

use aal::protection::{AppliesWhen, FoundNames, FoundProtection, Made, Owner, Protection, Quote, SchemaProtection};
use pgrx::pg_sys;
use pgrx::spi::{self, SpiClient};

use super::connection::run;
use super::shards::require_to_fit_shards;
use super::target::{Target, targets, with_partitions};
use crate::catalog::{PostgresQuote, Relation, SessionFunction, found_protections, names_in_protection};
use crate::pg::relation::lock_exclusively;

/// How a table stands to a protection that it should have.
pub enum Standing {
    /// It has none of `protect_table`.
    Unprotected,
    /// It has this one, or a higher one.
    Met,
    /// Its own needs less in something, and more in nothing: giving it this one only raises it.
    Below(Vec<String>),
    /// Its own needs less in something, and more in something else.
    Differs(Vec<String>),
}

impl Standing {
    /// How a table stands to a protection.
    pub fn of(client: &SpiClient<'_>, relation: &Relation, protection: &Protection) -> Result<Standing, spi::Error> {
        Ok(match found(client, relation, protection)? {
            None => Standing::Unprotected,
            Some(found) => Standing::to(&found, protection),
        })
    }

    /// How a protection that is there stands to another one.
    pub fn to(found: &FoundProtection, protection: &Protection) -> Standing {
        let short = protection.shortfall(found);
        match (short.is_empty(), protection.lowers(found).is_empty()) {
            (true, _) => Standing::Met,
            (false, true) => Standing::Below(short),
            (false, false) => Standing::Differs(short),
        }
    }
}

/// The protection that is on a table, to be compared with another one; `None` if there is none.
pub fn found(
    client: &SpiClient<'_>,
    relation: &Relation,
    protection: &Protection,
) -> Result<Option<FoundProtection>, spi::Error> {
    if !is_protected(client, relation)? {
        return Ok(None);
    }
    let mut found = found_protections(client, &[relation.oid], &protection.bound_roles())?.pop();
    if let Some(found) = &mut found {
        found.gaps.row_security_off = !relation.row_security;
    }
    Ok(found)
}

/// Whether `protect_table` made something on a table. What Postgres copied from a table above doesn't count.
pub fn is_protected(client: &SpiClient<'_>, relation: &Relation) -> Result<bool, spi::Error> {
    Ok(relation.named_as_ours(client)?.iter().any(|named| !named.is_copy))
}

/// Protects a table and its partitions. The caller's command holds the table.
pub fn cover(client: &mut SpiClient<'_>, relation: Relation, protection: &Protection) -> Result<(), spi::Error> {
    let relations = with_partitions(client, relation)?;
    relations[1..].iter().for_each(|partition| lock_exclusively(partition.oid));
    let targets = targets(client, relations)?;
    require_to_fit_shards(client, &targets, protection)?;
    apply(client, &targets, protection)
}

/// Replaces what `protect_table` made on these tables by this protection.
pub fn apply(client: &mut SpiClient<'_>, targets: &[Target], protection: &Protection) -> Result<(), spi::Error> {
    let mut statements: Vec<String> = targets.iter().flat_map(Target::clear).collect();
    for target in targets {
        statements.extend(target.protect(protection));
    }
    run(client, &statements)?;
    targets.iter().try_for_each(|target| target.verify_protected(client, protection))
}

/// A schema's protection as it is for one of its tables: with the owner's policy, if the table has that column.
pub fn of_table(
    client: &SpiClient<'_>,
    schema: &SchemaProtection,
    relation: &Relation,
) -> Result<Protection, spi::Error> {
    Ok(schema.of_table(owner(client, relation, schema.owner_column.as_deref())?))
}

fn owner(client: &SpiClient<'_>, relation: &Relation, column: Option<&str>) -> Result<Option<Owner>, spi::Error> {
    let Some(column) = column else { return Ok(None) };
    let found = relation.column(client, column)?.filter(|found| found.is_uuid || found.is_text);
    Ok(found.map(|found| Owner { column: column.to_owned(), is_uuid: found.is_uuid }))
}

/// The protection of a table, as another table is to have it: a partition of it.
/// With it, the policies whose levels can't be told.
pub fn same_as(
    client: &SpiClient<'_>,
    above: pg_sys::Oid,
    relation: &Relation,
) -> Result<(Protection, Vec<Made>), spi::Error> {
    let found = found_protections(client, &[above], &[])?.pop().unwrap_or_default();
    let (roles, function) = names_in_protection(client, above)?;
    let function = function.map(|oid| SessionFunction::read(client, oid)).transpose()?.flatten();
    let names = FoundNames {
        roles,
        applies_when: function.map(AppliesWhen::from),
        owner: owner(client, relation, found.owner_column.as_deref())?,
    };
    Ok((found.same(names), found.unknown_levels()))
}

/// The line that protects a table so.
pub fn line_to_run(relation: &Relation, protection: &Protection) -> String {
    let quote = |text: &str| PostgresQuote.literal(text);
    let mut arguments = vec![quote(&relation.display_name())];
    let (insert, update, delete) = (protection.insert, protection.update, protection.delete);
    for (name, level, default) in [("read", protection.read, "aal1"), ("write", update, "aal2")] {
        if level.to_string() != default {
            arguments.push(format!("{name} => {}", quote(&level.to_string())));
        }
    }
    for (name, level) in [("on_insert", insert), ("on_delete", delete)] {
        if level != update {
            arguments.push(format!("{name} => {}", quote(&level.to_string())));
        }
    }
    if !protection.bound_roles().iter().any(|role| role == "public") {
        let roles: Vec<String> = protection.roles.iter().map(|role| quote(role)).collect();
        arguments.push(format!("roles => array[{}]", roles.join(", ")));
    }
    if let Some(owner) = &protection.owner {
        arguments.push(format!("owner_column => {}", quote(&owner.column)));
    }
    if !protection.guard {
        arguments.push("guard => false".to_owned());
    }
    if let Some(applies_when) = &protection.applies_when {
        arguments.push(format!("applies_when => {}", quote(&applies_when.display_name)));
    }
    if protection.live {
        arguments.push("live => true".to_owned());
    }
    if protection.refuse_reads {
        arguments.push("refuse_reads => true".to_owned());
    }
    format!("select auth.protect_table({});", arguments.join(", "))
}
