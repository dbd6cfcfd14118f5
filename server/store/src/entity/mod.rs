//! The tables as sea-orm entities: shapes only, no meaning. Nothing outside this crate sees them.

pub(crate) mod access_policy;
pub(crate) mod acme_proof;
pub(crate) mod approval;
pub(crate) mod assignment;
pub(crate) mod audit_checkpoint;
pub(crate) mod audit_fence;
pub(crate) mod audit_record;
pub(crate) mod audit_segment;
pub(crate) mod audit_tree;
pub(crate) mod checkpoint;
pub(crate) mod condemned_key;
pub(crate) mod installation;
pub(crate) mod installation_policies;
pub(crate) mod policy_document;
pub(crate) mod policy_module;
pub(crate) mod policy_replay;
pub(crate) mod role_definition;
pub(crate) mod root_key;
pub(crate) mod sealed_blob;
pub(crate) mod secret;
pub(crate) mod secret_version;
pub(crate) mod session;
pub(crate) mod used_assertion;
pub(crate) mod vault;
pub(crate) mod workload;
