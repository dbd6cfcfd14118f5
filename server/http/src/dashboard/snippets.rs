//! Commands that do what a page does, by the command line and by curl. A token stands in a variable, a
//! value stands nowhere.

use strongroom_domain::names::VaultName;
use strongroom_web::{Panel, Snippet, say};

pub(super) use crate::changes::quoted;
use crate::{api::wire::API_VERSION, services::Services};

/// Commands for the pages of one vault.
pub(super) struct Commands {
    authority: &'static str,
    vault_url: String,
    base: String,
}

impl Commands {
    pub(super) fn of_vault(services: &Services, vault: &VaultName) -> Self {
        Self { vault_url: services.addresses.vault(vault), ..Self::of_installation(services) }
    }

    pub(super) fn of_installation(services: &Services) -> Self {
        // An installation of `dev` has a certificate authority of its own.
        let authority = if services.development { " --cacert \"$VAULT_CA\"" } else { "" };
        Self { authority, vault_url: String::new(), base: services.addresses.base().to_owned() }
    }

    /// Of an installation and a vault at these addresses.
    #[cfg(test)]
    pub(super) fn to(base: &str, vault_url: &str) -> Self {
        Self { authority: "", vault_url: vault_url.to_owned(), base: base.to_owned() }
    }

    /// `strongroom ... --vault-url URL`
    pub(super) fn vault(&self, command: &str) -> Snippet {
        Snippet::new(say!("snippets-command-line"), format!("strongroom {command} --vault-url {}", self.vault_url))
    }

    /// `strongroom ... --server URL`
    pub(super) fn server(&self, command: &str) -> Snippet {
        Snippet::new(say!("snippets-command-line"), format!("strongroom {command} --server {}", self.base))
    }

    /// A request to the vault's own host.
    pub(super) fn curl_vault(&self, method: &str, path: &str, body: Option<&str>) -> Snippet {
        let separator = if path.contains('?') { '&' } else { '?' };
        self.curl(method, &format!("{}{path}{separator}api-version={API_VERSION}", self.vault_url), body)
    }

    /// A request to the management API.
    pub(super) fn curl_server(&self, method: &str, path: &str, body: Option<&str>) -> Snippet {
        self.curl(method, &format!("{}{path}", self.base), body)
    }

    fn curl(&self, method: &str, url: &str, body: Option<&str>) -> Snippet {
        let mut code = format!("curl{}", self.authority);
        if method != "GET" {
            code.push_str(&format!(" -X {method}"));
        }
        code.push_str(" -H \"Authorization: Bearer $TOKEN\" \\\n");
        if let Some(body) = body {
            code.push_str(&format!("  -H \"Content-Type: application/json\" -d {} \\\n", quoted(body)));
        }
        code.push_str(&format!("  \"{url}\""));
        Snippet::new("curl", code)
    }
}

/// The panel of a page's commands.
pub(super) fn panel(snippets: Vec<Snippet>) -> Panel {
    Panel::copy_as(snippets)
}
