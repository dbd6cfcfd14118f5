### server/http/src/dashboard/mod.rs

mod-internal-error = Internal error
