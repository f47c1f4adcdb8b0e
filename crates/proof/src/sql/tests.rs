use super::*;
use proptest::prelude::*;

/// Tokens in short: names as they are, quoted ones in quotes, strings in ‹›.
fn shown(sql: &str) -> String {
    let token = |token: Token<'_>| match token {
        Token::Name { name, quoted: false } => name.into_owned(),
        Token::Name { name, quoted: true } => format!("\"{name}\""),
        Token::Text(text) => format!("‹{text}›"),
        Token::Number(it) | Token::Parameter(it) | Token::Operator(it) => it.to_owned(),
        Token::Symbol(symbol) => symbol.to_string(),
    };
    tokens(sql).map(token).collect::<Vec<_>>().join(" ")
}

#[test]
fn comments_are_no_tokens_and_end_where_postgres_ends_them() {
    for (sql, expected) in [
        ("a -- b\nc /* d */ e -- f", "a c e"),
        ("a -- b /* c\nd */", "a d */"),
        ("a -- b\rc", "a c"),
        ("a /* b /* c */ d */ e", "a e"),
        ("a /* -- b */ c", "a c"),
        ("a /* 'b */ c", "a c"),
        ("a /* never /* ends */", "a"),
        ("/**/a/*/**/*/b/***/c", "a b c"),
        ("a -/* b */- c", "a - - c"),
        ("a +-- b\n c", "a + c"),
        ("1--2", "1"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

#[test]
fn a_string_hides_what_would_be_a_comment_and_a_comment_hides_what_would_be_a_string() {
    for (sql, expected) in [
        ("select '--'; delete", "select ‹--› ; delete"),
        ("'image/*' x", "‹image/*› x"),
        ("\"a--b\" \"/*\" c", "\"a--b\" \"/*\" c"),
        ("$$--$$ a $x$/*$x$ b", "‹--› a ‹/*› b"),
        ("-- it's\na", "a"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

#[test]
fn strings_are_what_they_stand_for() {
    for (sql, expected) in [
        ("'it''s'", "‹it's›"),
        ("''''", "‹'›"),
        (r"'a\' b", r"‹a\› b"),
        (r"E'a\'b' c", "‹a'b› c"),
        (r"e'\\' c", r"‹\› c"),
        (r"E'it''s\n\t\061\x61\u0061\U00000061\q'", "‹it's\n\t1aaaq›"),
        (r"E'\xc3\xa9'", "‹é›"),
        (r"E'\uD83D\uDE00'", "‹😀›"),
        (r"E'\xff'", "‹\u{FFFD}›"),
        ("N'a' b'01' X'1F'", "‹a› ‹01› ‹1F›"),
        (r"U&'\0061\+000061l\\'", r"‹aal\›"),
        ("U&'!0061al' uescape '!'", "‹aal›"),
        (r"u&'d\d83d\de00' UESCAPE /* c */ '!'", r"‹d\d83d\de00›"),
        (r"U&'\zz'", "‹zz›"),
        ("'a'\n  'b'", "‹ab›"),
        ("'a' -- c\n 'b' x", "‹ab› x"),
        ("'a' 'b'", "‹a› ‹b›"),
        ("'a' /* \n */ 'b'", "‹a› ‹b›"),
        (
            r"E'\'a'
          '\'b'",
            "‹'a'b›",
        ),
        ("$$it's$$ $a$b$$c$a$", "‹it's› ‹b$$c›"),
        ("$a$b$A$c$a$", "‹b$A$c›"),
        ("$é$b$é$", "‹b›"),
        ("'never ends", "‹never ends›"),
        (r"E'ends\", r"‹ends›"),
        ("$x$never ends$y$", "‹never ends$y$›"),
        ("'a\0b'", "‹a\0b›"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

#[test]
fn names_are_as_postgres_compares_them() {
    for (sql, expected) in [
        ("Auth . REQUIRE_AAL", "auth . require_aal"),
        ("\"My \"\"Table\"\"\"", "\"My \"Table\"\""),
        ("ÄÖ Öa", "ÄÖ Öa"),
        (r#"U&"d\0061ta" U&"d!0061ta" uescape '!'"#, "\"data\" \"data\""),
        ("a$b$c$d", "a$b$c$d"),
        ("e 'a' euro'b' ue'c'", "e ‹a› euro ‹b› ue ‹c›"),
        ("u&'a' u & 'a'", "‹a› u & ‹a›"),
        ("\"never ends", "\"never ends\""),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
    let long = "x".repeat(70);
    assert_eq!(shown(&long), long[..63]);
    // Never within a character.
    assert_eq!(shown(&format!("{}é", &long[..62])), long[..62]);
}

#[test]
fn operators_numbers_and_the_rest() {
    for (sql, expected) in [
        ("auth.jwt()->>'aal'", "auth . jwt ( ) ->> ‹aal›"),
        ("a=-1 b@-1 c->-1", "a = - 1 b @- 1 c -> - 1"),
        ("1..10", "1 .. 10"),
        ("for i in 1..n loop", "for i in 1 .. n loop"),
        ("1.5e3 .5 0x1F 1_000 a.b", "1.5e3 .5 0x1F 1_000 a . b"),
        ("$1 $12a $", "$1 $12 a $"),
        ("x::text := y[1];", "x : : text : = y [ 1 ] ;"),
        ("%I.%I", "% i . % i"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

#[test]
fn long_texts_take_linear_time() {
    // A quadratic reader would need minutes.
    for pattern in [
        "'",
        "\"",
        "$",
        "$a",
        "$a$",
        "$$",
        "/*",
        "*/",
        "/**/",
        "--",
        "-",
        "''\n",
        "E'\\",
        "u&'\\",
        "U&'' uescape ",
        "a$",
        "+",
        "1.",
        "'' --\n",
    ] {
        let text = pattern.repeat(100_000 / pattern.len());
        assert!(tokens(&text).count() <= text.len(), "{pattern}");
    }
}

/// Texts of what has a meaning to it, more than of anything else.
fn any_sql() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "'", "''", "\"", "$", "$$", "$a$", "$1", "/*", "*/", "--", "\n", "\r", " ", "\\", "E'", "e'", "U&'",
            "U&\"", "uescape", "N'", "aal", "A", "é", "😀", "(", ")", ".", ";", ":", "->>", "+", "-", "1", "\\u",
            "\\x", "00", "D83D", "\0",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_to_its_end(sql in any_sql()) {
        let mut reader = tokens(&sql);
        let mut left = sql.len();
        while reader.next().is_some() {
            prop_assert!(reader.rest.len() < left);
            left = reader.rest.len();
        }
        prop_assert_eq!(reader.rest, "");
    }

    /// A quoted text is one token with any content, and reads back.
    #[test]
    fn what_is_quoted_is_one_token(content in any_sql(), before in "[a-z ]{0,5}", after in "[a-z ]{0,5}") {
        let quoted = |sql: String| tokens(&format!("{before} {sql} ;{after}")).filter_map(|it| it.text().map(str::to_owned)).collect::<Vec<_>>();
        let expected = vec![content.clone()];
        prop_assert_eq!(quoted(format!("'{}'", content.replace('\'', "''"))), expected.clone());
        prop_assert_eq!(quoted(format!("E'{}'", content.replace('\\', "\\\\").replace('\'', "\\'"))), expected.clone());
        prop_assert_eq!(quoted(format!("U&'{}'", content.replace('\\', "\\\\").replace('\'', "''"))), expected.clone());
        prop_assume!(!content.contains("$q$") && !content.ends_with("$q"));
        prop_assert_eq!(quoted(format!("$q${content}$q$")), expected);
    }

    /// With any comment, the tokens are those without it.
    #[test]
    fn comments_change_nothing(a in any_sql(), comment in any_sql()) {
        prop_assume!(!comment.contains("/*") && !comment.contains("*/") && !comment.starts_with('/') && !comment.ends_with('*') && !comment.ends_with('/'));
        let of = |sql: &str| tokens(sql).map(|token| format!("{token:?}")).collect::<Vec<_>>();
        prop_assert_eq!(of(&format!("/*{comment}*/ {a}")), of(&format!(" {a}")));
        let line: String = comment.chars().filter(|letter| !is_line_end(*letter)).collect();
        prop_assert_eq!(of(&format!("--{line}\n{a}")), of(&format!("\n{a}")));
    }
}

#[test]
fn a_token_knows_its_place() {
    let sql = "a /* b */ 'c'\n 'd' -- e\n;";
    let places: Vec<&str> = placed_tokens(sql).map(|(_, place)| &sql[place]).collect();
    assert_eq!(places, ["a", "'c'\n 'd'", ";"]);
}
