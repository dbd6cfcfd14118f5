//! What is said of configurations with mistakes.

use super::*;

const HEAD: &str = "base = 'https://vault.example.com'\ndata = '/d'\n";
const TLS: &str = "[tls]\ncertificate = 'c'\nkey = 'k'\n";

/// What is said of a configuration with a mistake, in which `hunter2` stands where it should not.
fn told(text: &str) -> String {
    let told = format!("{:#}", parse(text).map(drop).unwrap_err());
    assert!(!told.contains("hunter2") && !told.contains('\n'), "{told}");
    told
}

#[test]
fn a_wrong_word_is_told_with_those_that_would_be_right() {
    assert!(parse(&format!("{HEAD}{TLS}")).is_ok());
    for (more, said) in [
        (
            format!("{TLS}[[issuers]]\nissuer = 'https://i'\nkind = 'hunter2'\n"),
            "line 8: `issuers[0].kind` is not right: expected one of `user`, `workload`",
        ),
        (
            format!("{TLS}[seal]\nprovider = 'hunter2'\n"),
            "line 7: `seal.provider` is not right: expected one of `file`, `passphrase`, `credential`, `environment`, \
             `pkcs11`",
        ),
        (
            format!("policy_isolation = 'hunter2'\n{TLS}"),
            "line 3: `policy_isolation` is not right: expected one of `full`, `process`, `none`",
        ),
        (
            format!("{TLS}[[listeners]]\nname = 'a'\nforwarded = 'hunter2'\n"),
            "line 8: `listeners[0].forwarded` is not right: expected one of `x-forwarded-for`, `forwarded`",
        ),
    ] {
        assert_eq!(told(&format!("{HEAD}{more}")), said);
    }
}

#[test]
fn a_mistake_is_told_with_its_line_and_key_and_never_its_value() {
    let unclosed =
        "base = 'https://vault.example.com'\ndata = '/d'\ndatabase = \"postgres://u:hunter2@db/v\nnode = 'a'\n";
    assert!(told(unclosed).starts_with("line 3: it is no TOML: "), "{}", told(unclosed));
    let unquoted = format!("{HEAD}database = postgres://u:hunter2@db/v\n{TLS}");
    assert!(told(&unquoted).starts_with("line 3: it is no TOML: "), "{}", told(&unquoted));
    let provider = "[[providers]]\nlabel = 'l'\nissuer = 'https://i'\nclient_id = 'c'\n";
    for (text, said) in [
        (
            format!("{HEAD}node = ''\n{TLS}"),
            "line 3: `node` is not right: expected 1 to 64 characters that can be seen".to_owned(),
        ),
        (
            format!("{HEAD}node = ' \u{202e}hunter2'\n{TLS}"),
            "line 3: `node` is not right: expected 1 to 64 characters that can be seen".to_owned(),
        ),
        (format!("{HEAD}data = 'hunter2'\n{TLS}"), "line 3: it is no TOML: duplicate key `data`".to_owned()),
        (
            format!("{HEAD}database = ['postgres://u:hunter2@db/v']\n{TLS}"),
            "line 3: `database` is not right: expected a string".to_owned(),
        ),
        (
            format!("{HEAD}listen = 'hunter2, expected hunter2'\n{TLS}"),
            "line 3: `listen` is not right: expected ADDRESS:PORT".to_owned(),
        ),
        (
            format!("{HEAD}{TLS}[limits]\nconnections = 'hunter2, expected hunter2'\n"),
            "line 7: `limits.connections` is not right: expected a whole number, 0 or more".to_owned(),
        ),
        (format!("{HEAD}[tls]\ncertificate = 'hunter2'\n"), "line 3: `tls.key` is missing".to_owned()),
        (HEAD.to_owned(), "line 1: `tls` is missing".to_owned()),
        (
            format!("{HEAD}{TLS}keyy = 'hunter2'\n"),
            "line 6: there is no key `tls.keyy`, expected one of `certificate`, `key`, `from_vault`".to_owned(),
        ),
        (
            format!("base = 'http://hunter2'\ndata = '/d'\n{TLS}"),
            "line 1: `base` is not right: expected https://HOST or https://HOST:PORT, without a path".to_owned(),
        ),
        (
            format!("{HEAD}{TLS}[[issuers]]\nissuer = 'hunter2'\n"),
            "line 7: `issuers[0].issuer` is not right: expected the https address of an issuer, without query and \
             fragment, letter for letter as its tokens say it"
                .to_owned(),
        ),
        (
            format!("{HEAD}{TLS}{provider}name = 'one'\n{provider}name = 'Hunter 2'\n"),
            "line 15: `providers[1].name` is not right: expected 1 to 32 lower-case letters, digits, - and _, \
             because it stands in addresses"
                .to_owned(),
        ),
    ] {
        assert_eq!(told(&text), said);
    }
}

#[test]
fn everything_is_looked_through_at_most_once_an_hour_and_at_least_once_a_week() {
    let every = |more: &str| parse(&format!("{HEAD}{more}{TLS}")).unwrap().scrub_every();
    assert_eq!(every("").unwrap(), Duration::from_secs(3600));
    assert_eq!(every("scrub_every_minutes = 10080\n").unwrap(), Duration::from_secs(7 * 86_400));
    for minutes in ["0", "59", "10081"] {
        let refused = every(&format!("scrub_every_minutes = {minutes}\n")).unwrap_err().to_string();
        assert_eq!(refused, "scrub_every_minutes is a number of minutes from 60 to 10080");
    }
}
