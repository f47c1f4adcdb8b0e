//! Which tables' policies matter where something is asserted of one table.

use std::collections::{BTreeSet, HashMap};

use crate::catalog::Catalog;
use crate::ids::TableId;

impl Catalog {
    /// The tables whose policies can decide whether a way leads to this table's rows: itself, those from which something leads on, and
    /// all that share rows with these. The policies of others may stay unread, if these tables then count as open.
    ///
    /// It looks at tables with their parents and rules, and at triggers and foreign keys.
    pub fn deciding_tables(&self, target: TableId) -> BTreeSet<TableId> {
        let mut related: HashMap<TableId, Vec<TableId>> = HashMap::new();
        for table in &self.tables {
            for (parent, _) in &table.parents {
                related.entry(table.id).or_default().push(*parent);
                related.entry(*parent).or_default().push(table.id);
            }
        }
        let fire = self.triggers.iter().map(|trigger| trigger.table);
        let referenced = self.foreign_keys.iter().map(|key| key.referenced);
        let ruled = self.tables.iter().filter(|table| !table.ruled.is_empty()).map(|table| table.id);
        let mut open: Vec<TableId> = fire.chain(referenced).chain(ruled).chain([target]).collect();
        let mut deciding = BTreeSet::new();
        while let Some(table) = open.pop() {
            if deciding.insert(table) {
                open.extend(related.get(&table).into_iter().flatten().copied());
            }
        }
        deciding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ForeignKey, Table};
    use crate::ids::RoleId;

    fn id(number: u32) -> TableId {
        TableId::new(number).unwrap()
    }

    fn table(number: u32, parents: &[u32]) -> Table {
        Table {
            id: id(number),
            schema: "public".to_owned(),
            name: format!("t{number}"),
            display_name: format!("public.t{number}"),
            owner: RoleId::new(1).unwrap(),
            row_security: true,
            takes_unchecked_rows: false,
            policies: Vec::new(),
            guards: Vec::new(),
            reached_by_oid: false,
            ruled: Vec::new(),
            standings: Default::default(),
            parents: parents.iter().map(|parent| (id(*parent), true)).collect(),
            publications: Vec::new(),
            held_by_citus: false,
            takes_copied_rows: false,
        }
    }

    fn key(table: u32, referenced: u32) -> ForeignKey {
        ForeignKey {
            name: "key".to_owned(),
            table: id(table),
            referenced: id(referenced),
            on_delete: None,
            on_update: None,
            columns: Vec::new(),
            set_on_delete: Vec::new(),
            key_updated_by: Vec::new(),
        }
    }

    fn deciding(catalog: &Catalog, target: u32) -> Vec<u32> {
        catalog.deciding_tables(id(target)).iter().map(|it| it.oid()).collect()
    }

    #[test]
    fn tables_decide_that_share_rows_with_the_target_or_lead_on() {
        // 1 has two partitions and 8 has one; 5 refers to 4, and 7 has a rule.
        let plain = [1, 4, 5, 6, 8].map(|number| table(number, &[]));
        let partitions = [(2, 1), (3, 1), (9, 8)].map(|(number, parent)| table(number, &[parent]));
        let tables = plain.into_iter().chain(partitions).collect();
        let mut catalog = Catalog { tables, ..Catalog::default() };
        catalog.tables.push(Table { ruled: vec![aal::Command::Insert], ..table(7, &[]) });
        catalog.foreign_keys.push(key(5, 4));
        assert_eq!(deciding(&catalog, 2), [1, 2, 3, 4, 7]);
        assert_eq!(deciding(&catalog, 6), [4, 6, 7]);
        catalog.foreign_keys.push(key(6, 9));
        assert_eq!(deciding(&catalog, 2), [1, 2, 3, 4, 7, 8, 9]);
    }
}
