//! The route table as JSON lines, for the test that walks it.

use serde_json::json;
use strongroom_http::routes::{Access, ROUTES, Site};

pub(crate) fn run() -> anyhow::Result<()> {
    for route in ROUTES {
        let site = match route.site {
            Site::Base => "base",
            Site::Vault => "vault",
        };
        let access = match route.access {
            Access::Public => "public",
            Access::Bearer => "bearer",
            Access::Session => "session",
        };
        println!(
            "{}",
            json!({ "site": site, "method": route.method.as_str(), "path": route.template, "access": access })
        );
    }
    Ok(())
}
