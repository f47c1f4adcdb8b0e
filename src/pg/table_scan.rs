//! Reading a table row by row, below SQL: no name is resolved by a search_path, no operator, cast, policy or function of a user
//! runs, and no privilege matters.

use std::ffi::CStr;
use std::marker::PhantomData;

use pgrx::PgTupleDesc;
use pgrx::prelude::*;

use super::list::oids;
use super::{lookup, transaction};

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as _;

/// How long to wait for a table that somebody is altering.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until they are done.
    Wait,
    /// Not at all.
    Skip,
}

/// Somebody is altering the table, and there is no [`Patience`].
pub struct Busy;

/// A table, open until this is dropped, and locked until the transaction ends.
///
/// After an error this closes nothing: Postgres does when it ends the (sub)transaction.
pub struct Table(pg_sys::Relation);

impl Table {
    /// Opens the table that `find` finds. It is asked again under the lock, where Postgres has heard of a change meanwhile: a name may
    /// have come to mean another table. (`RangeVarGetRelid` does the same.)
    pub fn open(find: impl Fn() -> Option<pg_sys::Oid>, patience: Patience) -> Result<Option<Table>, Busy> {
        // SAFETY: a counter of the backend's own, which is only read.
        let changes = || unsafe { (&raw const pg_sys::SharedInvalidMessageCounter).read_volatile() };
        loop {
            let heard = changes();
            let Some(oid) = find() else { return Ok(None) };
            // SAFETY: a lock needs no such table. A table is opened only under the lock that this has taken: the transaction
            // holds it till its end. try_relation_open answers NULL where the table is gone.
            unsafe {
                match patience {
                    Patience::Wait => pg_sys::LockRelationOid(oid, LOCK),
                    Patience::Skip if pg_sys::ConditionalLockRelationOid(oid, LOCK) => {}
                    Patience::Skip => return Err(Busy),
                }
                if changes() != heard && find() != Some(oid) {
                    pg_sys::UnlockRelationOid(oid, LOCK);
                    continue;
                }
                let relation = pg_sys::try_relation_open(oid, pg_sys::NoLock as _);
                return Ok((!relation.is_null()).then_some(Table(relation)));
            }
        }
    }

    fn entry(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: `open` opened the table, which stays open as long as this lives. An open table has its catalog row.
        unsafe { &*(*self.0).rd_rel }
    }

    /// Whether it is a plain table, whose rows are its own.
    pub fn is_plain(&self) -> bool {
        self.entry().relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
    }

    /// Whether it is a partition.
    pub fn is_partition(&self) -> bool {
        self.entry().relispartition
    }

    /// Its OID.
    pub fn oid(&self) -> pg_sys::Oid {
        self.entry().oid
    }

    /// Its owner.
    pub fn owner(&self) -> pg_sys::Oid {
        self.entry().relowner
    }

    /// Its schema.
    pub fn schema(&self) -> pg_sys::Oid {
        self.entry().relnamespace
    }

    /// A column of this name.
    pub fn column(&self, name: &CStr) -> Option<Column> {
        // SAFETY: the description of an open table, which nobody changes under our lock.
        let columns = unsafe { PgTupleDesc::from_pg_unchecked((*self.0).rd_att) };
        let mut columns = columns.iter().filter(|column| !column.attisdropped);
        let is_named = |column: &&pg_sys::FormData_pg_attribute| {
            // SAFETY: a name is a C string.
            unsafe { CStr::from_ptr(column.attname.data.as_ptr()) == name }
        };
        let column = columns.find(is_named)?;
        Some(Column { table: self.oid(), number: column.attnum, kind: column.atttypid })
    }

    /// All rows that are committed now, as the catalog's own are read.
    ///
    /// # Panics
    /// Where it is no plain table.
    pub fn rows(&self) -> Rows<'_> {
        assert!(self.is_plain(), "a plain table");
        let (no_index, latest, no_key) = (pg_sys::InvalidOid, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: `self` holds the table open and locked for longer than the scan lives, and it has rows of its own. For want
        // of a snapshot the scan takes and releases one itself.
        let scan = unsafe { pg_sys::systable_beginscan(self.0, no_index, false, latest, 0, no_key) };
        Rows { scan, table: self, _key: None, borrowed: PhantomData }
    }

    /// The rows that have this value in a column of type uuid. They are found by an index if there is one.
    ///
    /// # Panics
    /// Where it is no plain table, or the column is another table's or of another type.
    pub fn rows_with_uuid<'a>(&'a self, snapshot: &'a Snapshot, column: Column, uuid: &'a [u8; 16]) -> Rows<'a> {
        assert!(self.is_plain(), "a plain table");
        assert!(column.table == self.oid() && column.kind == pg_sys::UUIDOID, "a column of this table, of type uuid");
        let index = self.index_on(column);
        let mut key = Box::new(pg_sys::ScanKeyData::default());
        // SAFETY: `self` holds the table open and locked for longer than the scan lives, and it has rows of its own. The index is
        // one of its own, or none. The snapshot stays registered for as long as the scan borrows it. The key is for a column of
        // type uuid (see above), by uuid's equality; a uuid is passed as a pointer to its 16 bytes, which the scan borrows.
        let scan = unsafe {
            pg_sys::ScanKeyInit(
                &mut *key,
                column.number,
                pg_sys::BTEqualStrategyNumber as _,
                pg_sys::Oid::from(pg_sys::F_UUID_EQ),
                pg_sys::Datum::from(uuid.as_ptr().cast_mut().cast::<std::ffi::c_void>()),
            );
            let oid = index.unwrap_or(pg_sys::InvalidOid);
            pg_sys::systable_beginscan(self.0, oid, index.is_some(), snapshot.0, 1, &mut *key)
        };
        Rows { scan, table: self, _key: Some(key), borrowed: PhantomData }
    }

    /// A btree that begins with this column, by the ordinary order of uuid, and has all rows. Nobody drops it under our lock.
    fn index_on(&self, column: Column) -> Option<pg_sys::Oid> {
        // SAFETY: the list of an open table's indexes, in memory of the caller's.
        let mut indexes = unsafe { oids(pg_sys::RelationGetIndexList(self.0)) };
        indexes.find(|index| lookup::is_btree_of_uuids(*index, column.number))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: `open` opened it, and nobody else closes it. The lock stays until the transaction ends.
            unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as _) };
        }
    }
}

/// A column of one table.
#[derive(Clone, Copy)]
pub struct Column {
    table: pg_sys::Oid,
    number: pg_sys::AttrNumber,
    kind: pg_sys::Oid,
}

impl Column {
    /// Its type.
    pub fn kind(self) -> pg_sys::Oid {
        self.kind
    }
}

/// A scan of a table. After an error Postgres ends it.
pub struct Rows<'a> {
    scan: pg_sys::SysScanDesc,
    table: &'a Table,
    _key: Option<Box<pg_sys::ScanKeyData>>,
    borrowed: PhantomData<&'a Snapshot>,
}

impl Rows<'_> {
    /// The next row. It is borrowed, as it is gone when the scan goes on.
    pub fn next(&mut self) -> Option<Row<'_>> {
        // SAFETY: a scan that was begun when this was made, and hasn't ended.
        let tuple = unsafe { pg_sys::systable_getnext(self.scan) };
        (!tuple.is_null()).then_some(Row { tuple, table: self.table })
    }

    /// Whether a row fits.
    pub fn any(&mut self, fits: impl Fn(&Row<'_>) -> bool) -> bool {
        while let Some(row) = self.next() {
            if fits(&row) {
                return true;
            }
        }
        false
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: begun when this was made, and ended nowhere else.
            unsafe { pg_sys::systable_endscan(self.scan) };
        }
    }
}

/// A row of a table, as long as the scan stands on it.
pub struct Row<'a> {
    tuple: pg_sys::HeapTuple,
    table: &'a Table,
}

impl Row<'_> {
    fn datum(&self, column: Column) -> Option<pg_sys::Datum> {
        assert!(column.table == self.table.oid(), "a column of this table");
        let mut is_null = false;
        // SAFETY: the scan stands on this row, which it has from this open table. The column is one of the table's, and none of
        // them can be dropped under our lock.
        let value =
            unsafe { pg_sys::heap_getattr(self.tuple, i32::from(column.number), (*self.table.0).rd_att, &mut is_null) };
        (!is_null).then_some(value)
    }

    /// Whether it has a value in a column of any type.
    pub fn has(&self, column: Column) -> bool {
        self.datum(column).is_some()
    }

    /// The value of a column of type timestamptz. The infinite ones are the smallest and the largest number.
    pub fn timestamptz(&self, column: Column) -> Option<pg_sys::TimestampTz> {
        assert!(column.kind == pg_sys::TIMESTAMPTZOID, "a column of type timestamptz");
        Some(self.datum(column)?.value() as pg_sys::TimestampTz)
    }

    /// Whether a column of type text or varchar has this value.
    pub fn has_text(&self, column: Column, text: &str) -> bool {
        assert!(matches!(column.kind, pg_sys::TEXTOID | pg_sys::VARCHAROID), "a column of type text or varchar");
        // SAFETY: a value that isn't NULL, of one of these types (see above): each is a varlena in the server's encoding.
        let value = self.datum(column).and_then(|value| unsafe { <&str>::from_datum(value, false) });
        value == Some(text)
    }

    /// The value of a column of type uuid.
    pub fn uuid(&self, column: Column) -> Option<[u8; 16]> {
        assert!(column.kind == pg_sys::UUIDOID, "a column of type uuid");
        // SAFETY: a value that isn't NULL, of type uuid (see above). Postgres passes it as a pointer to its 16 bytes. They stay as long
        // as the scan stands on this row, and are copied here.
        self.datum(column).map(|value| unsafe { *value.cast_mut_ptr::<[u8; 16]>() })
    }

    /// The value of a column of type integer or bigint.
    pub fn number(&self, column: Column) -> Option<i64> {
        let value = self.datum(column)?.value();
        match column.kind {
            pg_sys::INT4OID => Some(i64::from(value as i32)),
            pg_sys::INT8OID => Some(value as i64),
            _ => panic!("a column of type integer or bigint"),
        }
    }

    /// The texts of a column of type text[]; none where it is NULL.
    pub fn texts(&self, column: Column) -> Vec<String> {
        assert!(column.kind == pg_sys::TEXTARRAYOID, "a column of type text[]");
        // SAFETY: a value that isn't NULL, of type text[] (see above), in the server's encoding. What it has is copied.
        let texts = self.datum(column).and_then(|value| unsafe { Vec::<Option<String>>::from_datum(value, false) });
        texts.unwrap_or_default().into_iter().flatten().collect()
    }

    /// The value of a column whose type is an OID, or is represented by one, as regclass and enums are. Of another type it is some
    /// number.
    pub fn oid(&self, column: Column) -> Option<pg_sys::Oid> {
        Some(pg_sys::Oid::from(self.datum(column)?.value() as u32))
    }
}

/// All that is committed now, and all that this transaction did: not only what an older snapshot of it sees. Within a
/// parallel query there is only that one.
pub struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    /// The latest.
    pub fn latest() -> Snapshot {
        // SAFETY: takes a snapshot; or the active one, which each statement of a parallel query has. Postgres keeps it until
        // `drop` releases it.
        unsafe {
            let snapshot = if transaction::is_in_parallel_mode() {
                pg_sys::GetActiveSnapshot()
            } else {
                pg_sys::GetLatestSnapshot()
            };
            Snapshot(pg_sys::RegisterSnapshot(snapshot))
        }
    }
}

/// What the [latest snapshot](Snapshot::latest) sees. Where it is the same at two times of one transaction, the same rows are there,
/// of tables and of the catalog.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many transactions have ended in this server that may have changed something, by Postgres' own count. From it, Postgres
    /// tells itself whether a new snapshot would be another than the last one.
    ended: u64,
    /// Of what this transaction did, all is seen of the commands before this one.
    command: pg_sys::CommandId,
    /// What this transaction did in a subtransaction that failed isn't seen. A subtransaction that follows one has another number, and
    /// what is around it went on in the same command only if nothing was done in it.
    subtransaction: pg_sys::SubTransactionId,
}

impl Seen {
    /// As it is now. `None` where two times can't be compared: in a parallel query, and where Postgres doesn't count.
    pub fn now() -> Option<Seen> {
        if transaction::is_in_parallel_mode() {
            return None;
        }
        // SAFETY: takes a snapshot, which is there until the next one is taken; its numbers are read at once.
        let (ended, command) = unsafe {
            let snapshot = &*pg_sys::GetLatestSnapshot();
            (snapshot.snapXactCompletionCount, snapshot.curcid)
        };
        // A copy of a snapshot has 0.
        (ended != 0).then(|| Seen { ended, command, subtransaction: transaction::current_subtransaction() })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // After an error Postgres releases it when it ends the (sub)transaction.
        if !std::thread::panicking() {
            // SAFETY: `latest` registered it once.
            unsafe { pg_sys::UnregisterSnapshot(self.0) };
        }
    }
}
