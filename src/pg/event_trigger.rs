//! Calls of an event trigger's function, and what the command did that fired it.

use std::ffi::{CStr, c_char};

use pgrx::prelude::*;

use super::list::pointers;
use super::node::{cast, is};

/// A call of an event trigger's function.
pub struct EventTriggerCall<'a> {
    data: &'a pg_sys::EventTriggerData,
    /// The function that is called.
    pub function: pg_sys::Oid,
}

/// What a command did, as far as tables come into a schema or beneath another table by it.
pub enum Done {
    /// It made tables, and they may be partitions or children of others.
    MadeTables {
        /// Whether they may.
        may_inherit: bool,
    },
    /// It attached a partition, or made a table inherit.
    Attached,
    /// It moved a table into another schema.
    Moved,
    /// It gave a table another name, or made it a table of its own that was a partition.
    Freed {
        /// The table's name before, if it got another one.
        from: Option<String>,
        /// Its name now, without its schema.
        name: String,
    },
    /// It moved an extension into another schema.
    MovedExtension,
    /// It gave a schema another name.
    RenamedSchema {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// None of these.
    Other,
}

impl<'a> EventTriggerCall<'a> {
    /// `None` where the function isn't called by an event trigger.
    ///
    /// # Safety
    /// `fcinfo` must be what Postgres called the function with, and `'a` must end with the call.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Option<EventTriggerCall<'a>> {
        // SAFETY: the caller's promise. Postgres keeps the context, which is NULL or a node, and the function's look-up until the
        // call ends.
        unsafe {
            let call = fcinfo.as_ref()?;
            let data = cast(call.context, pg_sys::NodeTag::T_EventTriggerData)?;
            Some(EventTriggerCall { data, function: call.flinfo.as_ref()?.fn_oid })
        }
    }

    /// What the command did.
    pub fn done(&self) -> Done {
        use pg_sys::NodeTag::*;
        use pg_sys::ObjectType::*;
        let node = self.data.parsetree;
        // SAFETY: the command's tree, whole and unchanged until the call ends. Each tag is that of the struct which it is read as,
        // by Postgres' parsenodes.h; that of a foreign table begins with that of a table.
        unsafe {
            if let Some(made) = cast::<pg_sys::CreateStmt>(node, T_CreateStmt) {
                return made_table(made);
            }
            if let Some(made) = cast::<pg_sys::CreateForeignTableStmt>(node, T_CreateForeignTableStmt) {
                return made_table(&made.base);
            }
            if let Some(made) = cast::<pg_sys::CreateTableAsStmt>(node, T_CreateTableAsStmt) {
                let is_temporary = made.into.as_ref().is_some_and(|into| is_temporary(into.rel));
                let is_table = made.objtype == OBJECT_TABLE && !is_temporary;
                return if is_table { Done::MadeTables { may_inherit: false } } else { Done::Other };
            }
            if let Some(made) = cast::<pg_sys::CreateSchemaStmt>(node, T_CreateSchemaStmt) {
                let is_empty = made.schemaElts.is_null();
                return if is_empty { Done::Other } else { Done::MadeTables { may_inherit: true } };
            }
            if is(node, T_ImportForeignSchemaStmt) {
                return Done::MadeTables { may_inherit: false };
            }
            if let Some(altered) = cast::<pg_sys::AlterTableStmt>(node, T_AlterTableStmt) {
                return altered_table(altered);
            }
            if let Some(moved) = cast::<pg_sys::AlterObjectSchemaStmt>(node, T_AlterObjectSchemaStmt) {
                return match moved.objectType {
                    OBJECT_TABLE | OBJECT_FOREIGN_TABLE => Done::Moved,
                    OBJECT_EXTENSION => Done::MovedExtension,
                    _ => Done::Other,
                };
            }
            match cast::<pg_sys::RenameStmt>(node, T_RenameStmt) {
                Some(renamed) if renamed.renameType == OBJECT_SCHEMA => {
                    Done::RenamedSchema { from: text(renamed.subname), to: text(renamed.newname) }
                }
                Some(renamed) if matches!(renamed.renameType, OBJECT_TABLE | OBJECT_FOREIGN_TABLE | OBJECT_INDEX) => {
                    let from = renamed.relation.as_ref().map(|name| text(name.relname));
                    Done::Freed { from, name: text(renamed.newname) }
                }
                _ => Done::Other,
            }
        }
    }
}

/// # Safety
/// The tree must be whole.
unsafe fn made_table(made: &pg_sys::CreateStmt) -> Done {
    // SAFETY: the caller's promise.
    if unsafe { is_temporary(made.relation) } {
        return Done::Other;
    }
    Done::MadeTables { may_inherit: !made.inhRelations.is_null() }
}

/// Whether a name is said to be that of a temporary table.
///
/// # Safety
/// `name` must be NULL or a RangeVar.
unsafe fn is_temporary(name: *mut pg_sys::RangeVar) -> bool {
    // SAFETY: the caller's promise.
    let name = unsafe { name.as_ref() };
    name.is_some_and(|name| name.relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP)
}

/// # Safety
/// The tree must be whole.
unsafe fn altered_table(altered: &pg_sys::AlterTableStmt) -> Done {
    use pg_sys::AlterTableType;
    // SAFETY: the caller's promise: a list of the commands, which lives as long as the tree.
    for command in unsafe { pointers::<pg_sys::AlterTableCmd>(altered.cmds) } {
        // SAFETY: as above.
        let Some(command) = (unsafe { command.as_ref() }) else { continue };
        match command.subtype {
            AlterTableType::AT_AddInherit | AlterTableType::AT_AttachPartition => return Done::Attached,
            AlterTableType::AT_DetachPartition | AlterTableType::AT_DetachPartitionFinalize => {
                // SAFETY: such a command names a partition, by a RangeVar.
                let name = unsafe {
                    let partition = cast::<pg_sys::PartitionCmd>(command.def, pg_sys::NodeTag::T_PartitionCmd);
                    partition.and_then(|partition| partition.name.as_ref()).map(|name| text(name.relname))
                };
                return name.map_or(Done::Other, |name| Done::Freed { from: None, name });
            }
            _ => {}
        }
    }
    Done::Other
}

/// # Safety
/// `text` must be NULL or a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
