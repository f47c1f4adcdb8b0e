//! Whether the extension is still as it was installed.

use anyhow::{Context, Result};
use postgres::Client;

/// All that the extension's objects are: the rows of the catalog, without the OID of the schema's owner.
const MEMBERS: &str = "
    select string_agg(member.text, E'\\n' order by member.text)
      from pg_depend d
      join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
      cross join lateral (
        select p::text from pg_proc p where d.classid = 'pg_proc'::regclass and p.oid = d.objid
        union all
        select format('%s %s %s %s %s', c.relname, c.relkind, c.relowner, c.relacl, r.ev_action)
          from pg_class c join pg_rewrite r on r.ev_class = c.oid
         where d.classid = 'pg_class'::regclass and c.oid = d.objid
        union all
        select t::text from pg_event_trigger t where d.classid = 'pg_event_trigger'::regclass and t.oid = d.objid
      ) as member (text)
     where e.extname = 'pg_aal' and d.deptype = 'e'";

/// Functions by the name of one of the extension's, beside it, that aren't its: a call could mean them.
const OVERLOADS: &str = "
    select string_agg(distinct format('overload %s', other.oid::regprocedure), ', ')
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.classid = 'pg_proc'::regclass
      join pg_proc ours on ours.oid = d.objid
      join pg_proc other on other.proname = ours.proname and other.pronamespace = ours.pronamespace
     where e.extname = 'pg_aal' and d.deptype = 'e'
       and not exists (select from pg_depend m
                        where m.classid = 'pg_proc'::regclass and m.objid = other.oid and m.refobjid = e.oid and m.deptype = 'e')";

/// The extension as it was installed.
pub struct Extension {
    members: String,
}

impl Extension {
    pub fn install(check: &mut Client) -> Result<Extension> {
        check.batch_execute("create extension pg_aal").context("the cluster has no pg_aal")?;
        let members = members(check)?.context("pg_aal has no members")?;
        Ok(Extension { members })
    }

    /// How it differs by now, if it does.
    pub fn differs(&self, check: &mut Client) -> Result<Option<String>> {
        if let Some(overloads) = check.query_one(OVERLOADS, &[])?.get::<_, Option<String>>(0) {
            return Ok(Some(overloads));
        }
        let changed = members(check)?.as_deref() != Some(&self.members);
        Ok(changed.then(|| "its functions are not those that were installed".to_owned()))
    }
}

fn members(check: &mut Client) -> Result<Option<String>> {
    Ok(check.query_one(MEMBERS, &[])?.get(0))
}
