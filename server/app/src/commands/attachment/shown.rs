//! What is said of modules and of where they are attached.

use serde_json::{Value, json};
use strongroom_policy_host::{ShippedModule, shipped};

use super::super::{facts, listed, settings_schema, table, text, utc};
use crate::cli::{AttachmentAt, Output};

/// The modules of a server, by which a digest is told with its name.
pub(super) struct Modules(pub(super) Vec<Value>);

impl Modules {
    /// Those that ship with the product, which nobody has to be asked for.
    pub(super) fn shipped() -> Self {
        let one = |one: ShippedModule| json!({ "name": one.name, "digest": one.digest, "ships": true });
        Self(shipped().into_iter().map(one).collect())
    }

    /// Their names.
    pub(super) fn names(&self) -> String {
        self.0.iter().map(|one| text(one, "/name")).collect::<Vec<_>>().join(", ")
    }

    /// A digest with the name and version of its module in front; alone where the server does not tell them.
    pub(super) fn named(&self, digest: &str) -> String {
        self.cut(digest, digest)
    }

    /// The same with the beginning of the digest, for a table: it will do where a module is asked for.
    fn in_short(&self, digest: &str) -> String {
        self.cut(digest, digest.get(..SHOWN_DIGEST).unwrap_or(digest))
    }

    fn cut(&self, digest: &str, shown: &str) -> String {
        match self.0.iter().find(|one| text(one, "/digest") == digest) {
            Some(one) => match text(one, "/version") {
                version if version.is_empty() => format!("{} ({shown})", text(one, "/name")),
                version => format!("{} {version} ({shown})", text(one, "/name")),
            },
            None => digest.to_owned(),
        }
    }

    /// The digests that somebody may mean: by a whole digest, by a name, or by the beginning of a digest.
    pub(super) fn meant(&self, module: &str) -> Vec<String> {
        let digests = |fits: &dyn Fn(&Value) -> bool| {
            self.0.iter().filter(|one| fits(one)).map(|one| text(one, "/digest")).collect::<Vec<_>>()
        };
        let named = digests(&|one| text(one, "/name") == module);
        let begins = module.len() >= LEAST_DIGEST && module.bytes().all(|byte| byte.is_ascii_hexdigit());
        if named.is_empty() && begins {
            let beginning = module.to_ascii_lowercase();
            return digests(&|one| text(one, "/digest").starts_with(&beginning));
        }
        named
    }
}

/// Least characters of a digest that stand for all of it.
pub(super) const LEAST_DIGEST: usize = 6;
/// Characters of a digest that a table has room for.
const SHOWN_DIGEST: usize = 12;

/// Says how an attachment stands now that it was changed.
pub(super) fn told(at: &AttachmentAt, answer: &Value, modules: &Modules, done: &str) {
    if at.server.output == Output::Json {
        println!("{}", crate::plain::json(answer));
        return;
    }
    let of_vault = answer.pointer("/settings/policies").and_then(Value::as_array);
    let everywhere = answer.get("policies").and_then(Value::as_array);
    let all = of_vault.into_iter().flatten().chain(everywhere.into_iter().flatten());
    let mut all = all.map(|one| one.get("attachment").unwrap_or(one));
    let found = all.find(|one| one.get("name").and_then(Value::as_str) == Some(&at.name));
    let means = match found.and_then(|one| one.get("state")).and_then(Value::as_str) {
        Some("enforce") => "enforce: its denials deny from the next request on",
        Some("shadow") => "shadow: asked without a say; policy attached counts what it would have said",
        Some("off") => "off: not asked",
        _ => "as policy attached shows",
    };
    println!("{} at {} is {done}in the state {means}", at.name, at.which);
    let module = found.map(|one| text(one, "/module")).unwrap_or_default();
    if !module.is_empty() {
        println!("module {}", modules.named(&module));
    }
}

/// Whether somebody looked at what would change before it was enforced: the record of the change tells the same.
pub(super) fn how_far_reviewed(reviewed: Option<&Value>) -> String {
    let Some(reviewed) = reviewed else {
        return "no replay that is kept tried it enforced like this, so nobody looked at what changes (strongroom policy replays run)".to_owned();
    };
    let count = |name| reviewed.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (groups, open, untold) = (count("groups"), count("not_reviewed"), count("untold"));
    let more = if untold == 0 { String::new() } else { format!(", and {untold} decisions are in no group") };
    format!("{open} of {groups} change groups of replay {} are not reviewed{more}", text(reviewed, "/replay"))
}

/// Says what a rollback brings back, before it does.
pub(super) fn going_back(previous: &Value, modules: &Modules) {
    let part = |pointer| text(previous, pointer);
    eprintln!(
        "going back to module {} with settings {}, in the state {}",
        modules.named(&part("/module")),
        part("/settings"),
        part("/state")
    );
}

pub(super) fn print_module(module: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(module));
        return;
    }
    let by = match module.get("ships").and_then(Value::as_bool) {
        Some(true) => "ships with the server".to_owned(),
        _ => {
            let at = module.get("uploaded_at").and_then(Value::as_i64).map(utc).unwrap_or_default();
            format!("uploaded {at} by {}", text(module, "/uploaded_by/subject"))
        }
    };
    println!(
        "{}",
        facts([
            ("name", text(module, "/name")),
            ("version", text(module, "/version")),
            ("summary", text(module, "/summary")),
            ("digest", text(module, "/digest")),
            ("size", format!("{} bytes", text(module, "/size"))),
            ("from", by),
            ("actions", listed(module, "/actions")),
        ])
    );
    let schema = module.get("settings_schema").and_then(Value::as_str);
    if let Some(schema) = schema.and_then(|schema| serde_json::from_str::<Value>(schema).ok()) {
        println!("{}", settings_schema(&schema));
    }
}

pub(super) fn print_modules(modules: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(modules.to_vec())));
        return;
    }
    let mut shown = table(&["NAME", "VERSION", "SIZE", "UPLOADED", "BY", "DIGEST"]);
    for module in modules {
        let ships = module.get("ships").and_then(Value::as_bool) == Some(true);
        let at = module.get("uploaded_at").and_then(Value::as_i64).map(utc).unwrap_or_default();
        let at = if ships { "ships".to_owned() } else { at };
        shown.add_row([
            text(module, "/name"),
            text(module, "/version"),
            text(module, "/size"),
            at,
            text(module, "/uploaded_by/subject"),
            text(module, "/digest"),
        ]);
    }
    println!("{shown}");
}

pub(super) fn print_attached(attached: &Value, modules: &Modules, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(attached));
        return;
    }
    let mut shown = table(&[
        "NAME",
        "STATE",
        "MODULE",
        "SETTINGS",
        "WOULD ALLOW",
        "WOULD DENY",
        "ABSTAINED",
        "WOULD FAIL",
        "OVER BUDGET",
        "SINCE",
    ]);
    for one in attached.get("policies").and_then(Value::as_array).into_iter().flatten() {
        let part = |pointer| text(one, pointer);
        shown.add_row([
            part("/attachment/name"),
            part("/attachment/state"),
            modules.in_short(&part("/attachment/module")),
            part("/attachment/settings"),
            part("/shadow/would_allow"),
            part("/shadow/would_deny"),
            part("/shadow/would_abstain"),
            part("/shadow/would_fail"),
            part("/shadow/over_budget"),
            one.pointer("/shadow/since").and_then(Value::as_i64).map(utc).unwrap_or_default(),
        ]);
    }
    println!("{shown}");
    for one in attached.get("policies").and_then(Value::as_array).into_iter().flatten() {
        for sample in one.pointer("/shadow/samples").and_then(Value::as_array).into_iter().flatten() {
            let at = sample.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
            let name = text(one, "/attachment/name");
            println!("{at}  {name} would have denied {}: {}", text(sample, "/decision"), text(sample, "/reason"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_meant_by_its_name_or_by_the_beginning_of_its_digest() {
        let module = |name: &str, digest: &str| json!({ "name": name, "version": "1.0.0", "digest": digest });
        let modules = Modules(vec![module("a", "abcdef01"), module("b", "abcdef02"), module("b", "12345678")]);
        assert_eq!(modules.meant("a"), ["abcdef01"]);
        assert_eq!(modules.meant("b"), ["abcdef02", "12345678"]);
        assert_eq!(modules.meant("ABCDEF"), ["abcdef01", "abcdef02"]);
        assert_eq!(modules.meant("abcdef02"), ["abcdef02"]);
        assert!(modules.meant("abcde").is_empty() && modules.meant("").is_empty());
        assert_eq!(modules.named("abcdef01"), "a 1.0.0 (abcdef01)");
        assert_eq!(modules.named("unknown"), "unknown");
        // Those that ship are known to everybody.
        let shipped = Modules::shipped();
        let [digest] = shipped.meant("two-person").try_into().unwrap();
        assert_eq!((digest.len(), shipped.named(&digest)), (64, format!("two-person ({digest})")));
    }

    #[test]
    fn what_was_not_reviewed_is_told() {
        assert!(how_far_reviewed(None).starts_with("no replay"));
        let reviewed = json!({ "replay": "r", "groups": 4, "not_reviewed": 1, "untold": 0 });
        assert_eq!(how_far_reviewed(Some(&reviewed)), "1 of 4 change groups of replay r are not reviewed");
    }
}
