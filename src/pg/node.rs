//! Postgres' trees of nodes: each begins with a tag that says what it is.
//!
//! A [`Node`] is made where Postgres makes a tree: [`NodeTree::read`] and [`parse`]. From there on every step is safe.
//! Its lifetime is that of the [`Memory`] which holds the tree. A step looks at the tag, and follows a pointer only to where
//! Postgres' headers say that a node, a list or a string is.

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use pgrx::pg_sys::{self, NodeTag};
use pgrx::prelude::*;

use super::catch::unless_it_raises;
use super::list::{List, oids};
use super::memory::Memory;

/// Whether a node is of this kind.
///
/// # Safety
/// `node` must be NULL or a node.
pub unsafe fn is(node: *mut pg_sys::Node, tag: NodeTag) -> bool {
    // SAFETY: every node begins with its tag.
    unsafe { node.as_ref() }.is_some_and(|node| node.type_ == tag)
}

/// The node as what its tag says it is.
///
/// # Safety
/// `node` must be NULL or a node that outlives `'a`; `tag` must be the tag of `T`, or of what begins with a `T`.
pub unsafe fn cast<'a, T>(node: *mut pg_sys::Node, tag: NodeTag) -> Option<&'a T> {
    // SAFETY: the caller's promises.
    unsafe { if is(node, tag) { node.cast::<T>().as_ref() } else { None } }
}

/// A tree as a catalog stores it: a value of Postgres' type `pg_node_tree`. Its input function refuses every text, so the value
/// was written by Postgres itself.
pub struct NodeTree(CString);

impl NodeTree {
    /// Reads it back; `None` where Postgres can't: it is nested too deeply.
    pub fn read<'tree>(&self, memory: &'tree Memory) -> Option<Node<'tree>> {
        // SAFETY: a C string. Reading takes no lock and opens nothing.
        let read = || unsafe { pg_sys::stringToNode(self.0.as_ptr()) };
        let node = memory.with(|| unless_it_raises(read))?;
        // SAFETY: stringToNode returns NULL or a tree of the current memory context, which is `memory`. Nobody changes it.
        unsafe { Node::new(node.cast()) }
    }

    /// Its text, by which equal trees are found.
    pub fn text(&self) -> &CStr {
        &self.0
    }
}

impl FromDatum for NodeTree {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a pg_node_tree is stored as a text is. The caller passes a datum of that type.
        let text = unsafe { <&[u8]>::from_polymorphic_datum(datum, is_null, oid) }?;
        CString::new(text).ok().map(NodeTree)
    }
}

// SPI compares this type with the column's.
impl IntoDatum for NodeTree {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        None
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::PG_NODE_TREEOID
    }
}

/// Parses SQL, without looking up what any name in it means: nothing is run by that. `None` where it isn't SQL.
pub fn parse<'tree>(sql: &CStr, memory: &'tree Memory) -> Option<List<'tree>> {
    // SAFETY: a C string. Parsing takes no lock and opens nothing.
    let parse = || unsafe { pg_sys::pg_parse_query(sql.as_ptr()) };
    let statements = memory.with(|| unless_it_raises(parse))?;
    // SAFETY: pg_parse_query returns a list of the current memory context, which is `memory`. Nobody changes it.
    Some(unsafe { List::new(statements) })
}

/// A node of any kind, in a tree that lives as long as `'tree`.
#[derive(Clone, Copy)]
pub struct Node<'tree> {
    node: NonNull<pg_sys::Node>,
    tree: PhantomData<&'tree pg_sys::Node>,
}

impl<'tree> Node<'tree> {
    /// The node at this place; `None` for NULL.
    ///
    /// # Safety
    /// `node` must be NULL or a node as Postgres made it, whole: with everything that its headers say a node of that tag has.
    /// All that it points at must outlive `'tree`, and stay unchanged.
    pub(super) unsafe fn new(node: *mut pg_sys::Node) -> Option<Node<'tree>> {
        NonNull::new(node).map(|node| Node { node, tree: PhantomData })
    }

    pub(super) fn tag(self) -> NodeTag {
        // SAFETY: `new` was promised a node, and every node begins with its tag.
        unsafe { self.node.as_ref() }.type_
    }

    /// The node as a `T`, if it is one.
    pub fn cast<T: Tagged>(self) -> Option<NodeRef<'tree, T>> {
        // SAFETY: the tag is that of `T`.
        (self.tag() == T::TAG).then(|| unsafe { self.as_if() })
    }

    /// The node as a list, if it is one of nodes.
    pub fn list(self) -> Option<List<'tree>> {
        // SAFETY: by its tag it is a list, and it is part of a tree: so its items are nodes.
        (self.tag() == NodeTag::T_List).then(|| unsafe { List::new(self.node.cast().as_ptr()) })
    }

    /// # Safety
    /// The node must be a `T`, by its tag.
    unsafe fn as_if<T>(self) -> NodeRef<'tree, T> {
        // SAFETY: `new` was promised a whole node, and the caller promises what it is.
        NodeRef(unsafe { self.node.cast().as_ref() })
    }

    /// The type of an expression; `None` where that can't be told: it isn't one, or its type was dropped meanwhile.
    pub fn expression_type(self) -> Option<pg_sys::Oid> {
        // SAFETY: a node. exprType raises for one that is no expression; what it looks up, it doesn't hold.
        unless_it_raises(|| unsafe { pg_sys::exprType(self.node.as_ptr()) })
    }

    /// Whether an expression may call a VOLATILE function. One that can't be judged may.
    pub fn may_be_volatile(self) -> bool {
        // SAFETY: a node. Postgres raises for one that is no expression; what it looks up, it doesn't hold.
        unless_it_raises(|| unsafe { pg_sys::contain_volatile_functions(self.node.as_ptr()) }).unwrap_or(true)
    }

    /// Whether an expression may call a function that isn't IMMUTABLE. One that can't be judged may.
    pub fn may_be_mutable(self) -> bool {
        // SAFETY: as for `may_be_volatile`.
        unless_it_raises(|| unsafe { pg_sys::contain_mutable_functions(self.node.as_ptr()) }).unwrap_or(true)
    }

    /// The text that Postgres would store it as. A tree that was read back holds no places of the source text, so equal trees
    /// give equal texts.
    pub fn to_text(self) -> Option<String> {
        // SAFETY: a node. Writing takes no lock and opens nothing; it raises where the tree is too deep.
        let text = unless_it_raises(|| unsafe { pg_sys::nodeToString(self.node.as_ptr().cast()) })?;
        // SAFETY: nodeToString returns a C string that is the caller's.
        unsafe { taken(text) }
    }
}

/// The text at this place, which is freed; `None` for NULL.
///
/// # Safety
/// `text` must be NULL or a C string that was allocated with palloc, and that nobody else has.
pub(super) unsafe fn taken(text: *mut c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        pg_sys::pfree(text.cast());
        Some(copy)
    }
}

/// A node of a known kind. Its plain fields are read by their names. Where a field is a pointer, the method of its name follows it.
pub struct NodeRef<'tree, T>(&'tree T);

impl<T> Clone for NodeRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NodeRef<'_, T> {}

impl<T> Deref for NodeRef<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

/// The types of nodes that are recognized by one tag.
///
/// # Safety
/// A node with this tag must begin with a `Self`.
pub unsafe trait Tagged {
    /// The tag.
    const TAG: NodeTag;
}

/// Declares types of nodes: their tags, and those of their fields that are pointers. `node`: NULL or a node. `list`: NIL or a
/// list of nodes. `oids`: NIL or a list of OIDs. `text`: NULL or a C string. Each line says what Postgres' own header (primnodes.h, parsenodes.h) says.
macro_rules! node_types {
    ($($tag:ident $type:ident { $($kind:ident $field:ident),* })*) => { $(
        // SAFETY: Postgres' makeNode gives each type the tag of its name.
        unsafe impl Tagged for pg_sys::$type {
            const TAG: NodeTag = NodeTag::$tag;
        }

        #[allow(missing_docs, non_snake_case, reason = "named and documented in Postgres' headers")]
        impl<'tree> NodeRef<'tree, pg_sys::$type> {
            $( node_types!(@$kind $field); )*
        }
    )* };
    (@node $field:ident) => {
        pub fn $field(self) -> Option<Node<'tree>> {
            // SAFETY: Postgres' header says that this is NULL or a node. It is part of the tree.
            unsafe { Node::new(self.0.$field.cast()) }
        }
    };
    (@list $field:ident) => {
        pub fn $field(self) -> List<'tree> {
            // SAFETY: Postgres' header says that this is NIL or a list of nodes. It is part of the tree.
            unsafe { List::new(self.0.$field) }
        }
    };
    (@oids $field:ident) => {
        pub fn $field(self) -> impl Iterator<Item = pg_sys::Oid> {
            // SAFETY: Postgres' header says that this is NIL or a list of OIDs. It is part of the tree.
            unsafe { oids(self.0.$field) }
        }
    };
    (@text $field:ident) => {
        pub fn $field(self) -> Option<&'tree CStr> {
            let text: *const c_char = self.0.$field;
            // SAFETY: Postgres' header says that this is NULL or a C string. It is part of the tree.
            if text.is_null() { None } else { Some(unsafe { CStr::from_ptr(text) }) }
        }
    };
}

node_types! {
    // Expressions, as Postgres analyzed them.
    T_Const Const {}
    T_Var Var {}
    T_Param Param {}
    T_FuncExpr FuncExpr { list args }
    T_OpExpr OpExpr { list args }
    T_ScalarArrayOpExpr ScalarArrayOpExpr { list args }
    T_RowCompareExpr RowCompareExpr { list largs, list rargs, oids opnos, oids inputcollids }
    T_BoolExpr BoolExpr { list args }
    T_NullTest NullTest { node arg }
    T_BooleanTest BooleanTest { node arg }
    T_CaseExpr CaseExpr { node arg, list args, node defresult }
    T_CaseWhen CaseWhen { node expr, node result }
    T_CaseTestExpr CaseTestExpr {}
    T_CoalesceExpr CoalesceExpr { list args }
    T_ArrayExpr ArrayExpr { list elements }
    T_RelabelType RelabelType { node arg }
    T_CollateExpr CollateExpr { node arg }
    T_CoerceToDomain CoerceToDomain { node arg }
    T_CoerceViaIO CoerceViaIO { node arg }
    T_ArrayCoerceExpr ArrayCoerceExpr { node arg, node elemexpr }
    T_SubscriptingRef SubscriptingRef { node refexpr, list refupperindexpr, list reflowerindexpr, node refassgnexpr }
    T_SQLValueFunction SQLValueFunction {}
    T_SubLink SubLink { node testexpr, list operName, node subselect }
    T_NamedArgExpr NamedArgExpr { node arg, text name }
    T_FieldSelect FieldSelect { node arg }
    T_MinMaxExpr MinMaxExpr { list args }
    T_RowExpr RowExpr { list args }
    T_Aggref Aggref { list args }

    // Queries, as Postgres analyzed them.
    T_Query Query {
        list cteList, list rtable, node jointree, list targetList, list groupClause, list groupingSets,
        node havingQual, node limitOffset, node limitCount, node setOperations
    }
    T_SetOperationStmt SetOperationStmt { node larg, node rarg, oids colTypes, oids colCollations }
    T_FromExpr FromExpr { list fromlist, node quals }
    T_TargetEntry TargetEntry { node expr }
    T_RangeTblRef RangeTblRef {}
    T_CommonTableExpr CommonTableExpr { node ctequery }
    T_RangeTblEntry RangeTblEntry { node subquery, list functions }
    T_RangeTblFunction RangeTblFunction { node funcexpr }

    // Statements, as they were written.
    T_RawStmt RawStmt { node stmt }
    T_SelectStmt SelectStmt {
        list distinctClause, node intoClause, list targetList, list fromClause, node whereClause, list groupClause,
        node havingClause, list windowClause, list valuesLists, list sortClause, node limitOffset, node limitCount,
        node withClause
    }
    T_InsertStmt InsertStmt { node selectStmt, node withClause }
    T_UpdateStmt UpdateStmt { node whereClause, node withClause }
    T_DeleteStmt DeleteStmt { node whereClause, node withClause }
    T_ResTarget ResTarget { node val }
    T_RangeVar RangeVar { text schemaname, text relname, node alias }
    T_Alias Alias { text aliasname, list colnames }
    T_JoinExpr JoinExpr { node larg, node rarg }
    T_RangeSubselect RangeSubselect { node subquery }
    T_RangeFunction RangeFunction { list functions }
    T_A_Const A_Const {}
    T_ParamRef ParamRef {}
    T_ColumnRef ColumnRef { list fields }
    T_TypeCast TypeCast { node arg, node typeName }
    T_TypeName TypeName { list names, list typmods, list arrayBounds }
    T_A_Expr A_Expr { list name, node lexpr, node rexpr }
    T_A_ArrayExpr A_ArrayExpr { list elements }
    T_FuncCall FuncCall { list funcname, list args, node agg_filter, node over }
    T_String String { text sval }
    T_Boolean Boolean {}
    T_Integer Integer {}
}

impl<'tree> NodeRef<'tree, pg_sys::A_Const> {
    /// The value; `None` for NULL.
    pub fn value(self) -> Option<Node<'tree>> {
        let value = (&raw const self.0.val).cast_mut().cast();
        // SAFETY: unless it is NULL, a constant holds a whole node in itself: each member of the union begins with a tag.
        if self.0.isnull { None } else { unsafe { Node::new(value) } }
    }
}

/// Declares the forms of a node: a variant for each tag, with the type of a node that has it.
macro_rules! forms {
    ($($tag:ident => $form:ident($type:ident),)*) => {
        /// What a node is, by its tag.
        #[allow(missing_docs, non_camel_case_types, reason = "named and documented in Postgres' headers")]
        #[allow(dead_code, reason = "a node without fields of interest is told apart, too")]
        pub enum Form<'tree> {
            $($form(NodeRef<'tree, pg_sys::$type>),)*
            /// Anything else.
            Other,
        }

        impl<'tree> Node<'tree> {
            /// What it is, by its tag.
            pub fn form(self) -> Form<'tree> {
                match self.tag() {
                    // SAFETY: a node with this tag begins with this type.
                    $(NodeTag::$tag => Form::$form(unsafe { self.as_if() }),)*
                    _ => Form::Other,
                }
            }
        }
    };
}

forms! {
    T_Const => Const(Const),
    T_Var => Var(Var),
    T_Param => Param(Param),
    T_FuncExpr => FuncExpr(FuncExpr),
    T_OpExpr => OpExpr(OpExpr),
    // Both are operators' expressions, but for the tag.
    T_DistinctExpr => DistinctExpr(OpExpr),
    T_NullIfExpr => NullIfExpr(OpExpr),
    T_ScalarArrayOpExpr => ScalarArrayOpExpr(ScalarArrayOpExpr),
    T_RowCompareExpr => RowCompareExpr(RowCompareExpr),
    T_BoolExpr => BoolExpr(BoolExpr),
    T_NullTest => NullTest(NullTest),
    T_BooleanTest => BooleanTest(BooleanTest),
    T_CaseExpr => CaseExpr(CaseExpr),
    T_CaseTestExpr => CaseTestExpr(CaseTestExpr),
    T_CoalesceExpr => CoalesceExpr(CoalesceExpr),
    T_ArrayExpr => ArrayExpr(ArrayExpr),
    T_RelabelType => RelabelType(RelabelType),
    T_CollateExpr => CollateExpr(CollateExpr),
    T_CoerceToDomain => CoerceToDomain(CoerceToDomain),
    T_CoerceViaIO => CoerceViaIO(CoerceViaIO),
    T_ArrayCoerceExpr => ArrayCoerceExpr(ArrayCoerceExpr),
    T_SubscriptingRef => SubscriptingRef(SubscriptingRef),
    T_SQLValueFunction => SQLValueFunction(SQLValueFunction),
    T_SubLink => SubLink(SubLink),
    T_NamedArgExpr => NamedArgExpr(NamedArgExpr),
    T_FieldSelect => FieldSelect(FieldSelect),
    T_MinMaxExpr => MinMaxExpr(MinMaxExpr),
    T_RowExpr => RowExpr(RowExpr),
    T_Aggref => Aggref(Aggref),
    T_SelectStmt => SelectStmt(SelectStmt),
    T_InsertStmt => InsertStmt(InsertStmt),
    T_UpdateStmt => UpdateStmt(UpdateStmt),
    T_DeleteStmt => DeleteStmt(DeleteStmt),
    T_RangeVar => RangeVar(RangeVar),
    T_JoinExpr => JoinExpr(JoinExpr),
    T_RangeSubselect => RangeSubselect(RangeSubselect),
    T_RangeFunction => RangeFunction(RangeFunction),
    T_A_Const => A_Const(A_Const),
    T_ParamRef => ParamRef(ParamRef),
    T_ColumnRef => ColumnRef(ColumnRef),
    T_TypeCast => TypeCast(TypeCast),
    T_A_Expr => A_Expr(A_Expr),
    T_A_ArrayExpr => A_ArrayExpr(A_ArrayExpr),
    T_FuncCall => FuncCall(FuncCall),
    T_String => String(String),
    T_Boolean => Boolean(Boolean),
    T_Integer => Integer(Integer),
}
