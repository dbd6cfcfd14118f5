//! The address of the database: where it comes from, and how it is shown. It may hold a password, so it must never be
//! an argument with one, and never be shown whole.

use anyhow::{Context as _, bail};
use url::Url;

use crate::{
    kept_in::{KeptIn, PLACES},
    seal::environment,
};

/// The address that a configuration gives: itself, or by the place that keeps it.
pub(crate) fn address(database: Option<&str>, from: Option<&str>) -> anyhow::Result<Option<String>> {
    match (database, from) {
        (Some(_), Some(_)) => bail!("`database` and `database_from` say the same: keep one"),
        (None, Some(from)) => kept(from).map(Some),
        (database, None) => Ok(database.map(str::to_owned)),
    }
}

/// The address that an argument gives, where it holds no password: everybody on the machine sees arguments.
pub(crate) fn argument(database: String) -> anyhow::Result<String> {
    if has_password(&database) {
        bail!(
            "--database holds a password, or could, and everybody on this machine can see arguments in the list of \
             processes: change the password, and name the server's configuration by --config, or the place of the address \
             by --database-from ({PLACES}, which is the variable {}); without a password in the address, PGPASSWORD and \
             ~/.pgpass are asked for it",
            environment::DATABASE
        );
    }
    Ok(database)
}

/// The address in a place.
pub(crate) fn kept(from: &str) -> anyhow::Result<String> {
    // What stands there may be the address itself.
    let place = KeptIn::parse(from).with_context(|| format!("database_from is {PLACES}"))?;
    let address = place.read(environment::DATABASE).context("the address of the database cannot be read")?;
    Ok(address.expose().to_owned())
}

/// Whether an address holds a password. One that is none of a database could.
pub(crate) fn has_password(address: &str) -> bool {
    match Url::parse(address) {
        Ok(url) if ["sqlite", "postgres", "postgresql"].contains(&url.scheme()) => {
            url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
        }
        _ => true,
    }
}

/// An address as it may be shown: which database, and never by what user or password.
pub(crate) fn shown(address: &str) -> String {
    if let Some(file) = address.strip_prefix("sqlite://") {
        return file.split('?').next().unwrap_or_default().to_owned();
    }
    match Url::parse(address) {
        Ok(url) => {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
        }
        Err(_) => "the database".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_whoever_connects() {
        assert_eq!(shown("sqlite:///d/strongroom.db"), "/d/strongroom.db");
        let server = "postgres://u:hunter2@db.example:5433/vault?password=hunter2&sslmode=require";
        assert_eq!(shown(server), "postgres://db.example:5433/vault");
        assert_eq!(shown("postgres://u:hun ter2@:x"), "the database");
    }

    #[test]
    fn an_argument_holds_no_password() {
        for safe in ["postgres://db/vault", "postgres://u@db/vault?sslmode=require", "sqlite:///d/strongroom.db"] {
            assert_eq!(argument(safe.to_owned()).unwrap(), safe);
        }
        for wrong in ["postgres://u:hunter2@db/v", "postgres://u@db/v?password=hunter2", "u:hunter2@db/v:x y"] {
            let said = argument(wrong.to_owned()).unwrap_err().to_string();
            assert!(said.contains("--database-from") && !said.contains("hunter2") && !said.contains('\n'), "{said}");
        }
        assert!(!address(None, Some("hunter2")).unwrap_err().to_string().contains("hunter2"));
        assert!(address(Some("a"), Some("environment")).is_err());
    }
}
