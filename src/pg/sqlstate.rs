//! Every SQLSTATE that pg_aal raises, by the name that Postgres' errcodes.txt gives it (appendix A of its manual).
//!
//! docs/errors.md lists them. A test holds it against this file.

/// Five characters that tell a client what kind of error it is.
#[derive(Clone, Copy)]
pub struct SqlState(&'static [u8; 5]);

impl SqlState {
    /// No error: a line of the log, or a NOTICE.
    pub const SUCCESSFUL_COMPLETION: SqlState = SqlState(b"00000");
    /// A warning.
    pub const WARNING: SqlState = SqlState(b"01000");
    /// Not supported.
    pub const FEATURE_NOT_SUPPORTED: SqlState = SqlState(b"0A000");
    /// An argument must not be NULL.
    pub const NULL_VALUE_NOT_ALLOWED: SqlState = SqlState(b"22004");
    /// A text says no interval.
    pub const INVALID_DATETIME_FORMAT: SqlState = SqlState(b"22007");
    /// An interval is out of range.
    pub const DATETIME_FIELD_OVERFLOW: SqlState = SqlState(b"22008");
    /// An argument has no valid value.
    pub const INVALID_PARAMETER_VALUE: SqlState = SqlState(b"22023");
    /// The claims are not one JSON object.
    pub const INVALID_TEXT_REPRESENTATION: SqlState = SqlState(b"22P02");
    /// The transaction has the wrong isolation level.
    pub const ACTIVE_SQL_TRANSACTION: SqlState = SqlState(b"25001");
    /// The transaction or the server is read-only.
    pub const READ_ONLY_SQL_TRANSACTION: SqlState = SqlState(b"25006");
    /// A token does not verify.
    pub const INVALID_AUTHORIZATION: SqlState = SqlState(b"28000");
    /// A trigger is called in a way that it is not made for.
    pub const TRIGGER_PROTOCOL_VIOLATED: SqlState = SqlState(b"39P01");
    /// The catalog changed while it was read or written.
    pub const SERIALIZATION_FAILURE: SqlState = SqlState(b"40001");
    /// There is no such schema.
    pub const INVALID_SCHEMA_NAME: SqlState = SqlState(b"3F000");
    /// A level or its freshness is not met, or the caller is not the owner.
    pub const INSUFFICIENT_PRIVILEGE: SqlState = SqlState(b"42501");
    /// There is no such column.
    pub const UNDEFINED_COLUMN: SqlState = SqlState(b"42703");
    /// There is no such function.
    pub const UNDEFINED_FUNCTION: SqlState = SqlState(b"42883");
    /// There is no such role.
    pub const UNDEFINED_OBJECT: SqlState = SqlState(b"42704");
    /// Another policy or trigger has the name.
    pub const DUPLICATE_OBJECT: SqlState = SqlState(b"42710");
    /// A column has the wrong type.
    pub const DATATYPE_MISMATCH: SqlState = SqlState(b"42804");
    /// The relation is no table.
    pub const WRONG_OBJECT_TYPE: SqlState = SqlState(b"42809");
    /// There is no such table.
    pub const UNDEFINED_TABLE: SqlState = SqlState(b"42P01");
    /// A column cannot be used for this.
    pub const INVALID_COLUMN_REFERENCE: SqlState = SqlState(b"42P10");
    /// The setting or object is in the wrong state for this.
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: SqlState = SqlState(b"55000");
    /// An assertion failed.
    pub const ASSERT_FAILURE: SqlState = SqlState(b"P0004");
    /// PostgREST's own: the message and DETAIL are the HTTP response.
    pub const POSTGREST: SqlState = SqlState(b"PGRST");
    /// A failure that nobody expects.
    pub const INTERNAL_ERROR: SqlState = SqlState(b"XX000");

    /// `MAKE_SQLSTATE` of Postgres' elog.h: six bits a character, the first lowest.
    pub(super) const fn packed(self) -> std::ffi::c_int {
        let mut packed = 0;
        let mut i = 0;
        while i < 5 {
            packed |= ((self.0[i].wrapping_sub(b'0') & 0x3F) as std::ffi::c_int) << (6 * i);
            i += 1;
        }
        packed
    }
}
