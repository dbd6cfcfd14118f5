//! Shapes of what the domain reads and writes itself, as the document says them. A test compares them
//! with what is really answered: a field that is here and not there, or the other way round, fails it.

#![expect(dead_code, reason = "these describe; nothing is ever made of them")]

use std::collections::BTreeMap;

use utoipa::ToSchema;
use uuid::Uuid;

/// What grants requests for a vault's contents.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AccessMode {
    Rbac,
    AccessPolicy,
    Layered,
    Modules,
}

/// What a key that signs tokens does now.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum TokenKeyState {
    Announced,
    Signing,
    Retired,
}

/// What a network rule does.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum NetworkAction {
    Allow,
    Deny,
}

/// The first rule that fits decides.
#[derive(ToSchema)]
pub(crate) struct NetworkRule {
    action: NetworkAction,
    /// Network of the client's address, for example `10.0.0.0/8`.
    #[schema(required = false)]
    network: Option<String>,
    /// Name of the listener.
    listener: Option<String>,
    /// From when on it fits nothing any more, Unix milliseconds.
    ends_at: Option<i64>,
}

/// From where a vault may be reached.
#[derive(ToSchema)]
pub(crate) struct NetworkRules {
    default_action: NetworkAction,
    rules: Vec<NetworkRule>,
}

/// Either `default_action` with `rules`, or `allow` alone: these networks and no others.
#[derive(ToSchema)]
pub(crate) struct NetworkRulesGiven {
    default_action: Option<NetworkAction>,
    rules: Option<Vec<NetworkRule>>,
    allow: Option<Vec<String>>,
}

/// Whether a module is asked.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AttachmentState {
    Off,
    /// Asked after the decision, without a say in it.
    Shadow,
    Enforce,
}

/// A policy module attached to a vault.
#[derive(ToSchema)]
pub(crate) struct PolicyAttachment {
    /// Unique within the vault.
    name: String,
    /// SHA-256 of the module, hexadecimal.
    module: String,
    /// A JSON document.
    settings: String,
    state: AttachmentState,
    /// Whether its `allow` grants in the access mode `modules`; absent when not.
    #[schema(required = false)]
    authority: bool,
    /// What stood in its place before, for a rollback. Kept by the server.
    #[schema(required = false, read_only)]
    previous: Option<AttachedBefore>,
}

/// A module that another version, or another setting, was put in the place of.
#[derive(ToSchema)]
pub(crate) struct AttachedBefore {
    module: String,
    settings: String,
    state: AttachmentState,
    /// Whether it granted; absent when not.
    #[schema(required = false)]
    authority: bool,
}

/// Settings of a vault.
#[derive(ToSchema)]
pub(crate) struct VaultSettings {
    network: NetworkRules,
    policies: Vec<PolicyAttachment>,
    /// Days a deleted object stays recoverable: 7 to 90.
    retention_days: u16,
    /// Once on, nobody can turn it off.
    purge_protection: bool,
    #[schema(required = false)]
    tags: BTreeMap<String, String>,
    region: Option<String>,
    /// `rbac` when absent.
    #[schema(required = false)]
    access_mode: AccessMode,
    /// Algorithms that no key of the vault is used by; absent when there are none.
    #[schema(required = false)]
    refused_algorithms: Vec<String>,
}

/// What is absent stays as it is.
#[derive(ToSchema)]
pub(crate) struct VaultUpdate {
    network: Option<NetworkRulesGiven>,
    policies: Option<Vec<PolicyAttachment>>,
    /// Puts the module that was attached under this name before in its place again.
    roll_back: Option<String>,
    /// Detaches the module that is attached under this name.
    detach: Option<String>,
    /// Fixed when the vault is made: only what it is already may be said.
    retention_days: Option<u16>,
    /// Can be turned on, never off.
    purge_protection: Option<bool>,
    /// Replaces all tags.
    tags: Option<BTreeMap<String, String>>,
    /// The empty text removes it.
    region: Option<String>,
    access_mode: Option<AccessMode>,
    /// Replaces the algorithms that no key of the vault is used by.
    refused_algorithms: Option<Vec<String>>,
    /// Change the network rules and the modules even if the caller could not reach the vault any more.
    #[schema(required = false)]
    force: bool,
}

/// Whom a grant is for: a principal (`id`), or a group (`issuer`, `group`).
#[derive(ToSchema)]
pub(crate) struct Grantee {
    /// `principal` or `group`.
    r#type: String,
    id: Option<PrincipalId>,
    issuer: Option<String>,
    group: Option<String>,
}

/// Who somebody is: a subject means something at its issuer only.
#[derive(ToSchema)]
pub(crate) struct PrincipalId {
    issuer: String,
    subject: String,
}

/// A permission on secrets.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SecretPermission {
    Get,
    List,
    Set,
    Delete,
    Recover,
    Backup,
    Restore,
    Purge,
}

/// A permission on keys.
#[derive(ToSchema)]
pub(crate) enum KeyPermission {
    #[schema(rename = "get")]
    Get,
    #[schema(rename = "list")]
    List,
    #[schema(rename = "update")]
    Update,
    #[schema(rename = "create")]
    Create,
    #[schema(rename = "import")]
    Import,
    #[schema(rename = "delete")]
    Delete,
    #[schema(rename = "recover")]
    Recover,
    #[schema(rename = "backup")]
    Backup,
    #[schema(rename = "restore")]
    Restore,
    #[schema(rename = "purge")]
    Purge,
    #[schema(rename = "encrypt")]
    Encrypt,
    #[schema(rename = "decrypt")]
    Decrypt,
    #[schema(rename = "wrapKey")]
    WrapKey,
    #[schema(rename = "unwrapKey")]
    UnwrapKey,
    #[schema(rename = "sign")]
    Sign,
    #[schema(rename = "verify")]
    Verify,
    #[schema(rename = "rotate")]
    Rotate,
    #[schema(rename = "getrotationpolicy")]
    GetRotationPolicy,
    #[schema(rename = "setrotationpolicy")]
    SetRotationPolicy,
    #[schema(rename = "release")]
    Release,
}

/// A permission on certificates.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum CertificatePermission {
    Get,
    List,
    Update,
    Create,
    Import,
    Delete,
    Recover,
    Backup,
    Restore,
    Purge,
    ManageContacts,
    ManageIssuers,
    GetIssuers,
    ListIssuers,
    SetIssuers,
    DeleteIssuers,
}

/// Every check of a token, in order.
#[derive(ToSchema)]
pub(crate) struct TokenChecks {
    /// Who the bearer is; none when the token is not accepted.
    principal: Option<Principal>,
    /// Machine-readable reason when it is not accepted.
    reason: Option<String>,
    checks: Vec<TokenCheck>,
}

/// A bearer.
#[derive(ToSchema)]
pub(crate) struct Principal {
    id: PrincipalId,
    kind: String,
    groups: Vec<String>,
    claims: BTreeMap<String, String>,
}

/// One check of a token.
#[derive(ToSchema)]
pub(crate) struct TokenCheck {
    /// A claim, a header, the signature.
    check: String,
    /// `passed`, `failed` or `not-reached`.
    state: String,
    /// Whether what was looked at is covered by a signature that holds.
    verified: bool,
    found: String,
    expected: String,
    advice: Option<String>,
}

/// One audit record. Never holds a value.
#[derive(ToSchema)]
pub(crate) struct Record {
    /// The request id, which is the decision id too.
    id: Uuid,
    /// When the request arrived, Unix milliseconds.
    at: i64,
    principal: Option<PrincipalId>,
    /// `user`, `workload`, `system` or `anonymous`.
    principal_kind: String,
    #[schema(required = false)]
    claims: BTreeMap<String, String>,
    #[schema(required = false)]
    groups: Vec<String>,
    client: String,
    listener: String,
    /// Azure's AuditEvent words where they exist.
    operation: String,
    vault: Option<String>,
    kind: Option<String>,
    object: Option<String>,
    version: Option<String>,
    /// Of an operation with a key: by which algorithm.
    algorithm: Option<String>,
    revision: Option<i64>,
    /// The rows that the change wrote.
    #[schema(required = false)]
    changed: Vec<serde_json::Value>,
    /// The assertion or code that was used up: beginning of its digest, when it was used, and when it expires.
    used_once: Option<serde_json::Value>,
    /// On a change of a vault: what it made of it.
    vault_change: Option<serde_json::Value>,
    /// Of a change of a key, and of what is managed: what it made of it; of a verification: what it found.
    #[schema(required = false)]
    details: BTreeMap<String, String>,
    /// `allowed`, `denied`, `failed` or `unauthenticated`.
    outcome: String,
    /// Machine-readable; `ok` when done.
    reason: String,
    stated_reason: Option<String>,
    status: Option<u16>,
    /// How many alike this record stands for, when floods are counted.
    count: Option<u64>,
    duration_micros: u64,
    /// What each stage of the gate said.
    #[schema(required = false)]
    trace: Vec<serde_json::Value>,
    /// How long each policy module ran, microseconds, by the name of its stage.
    #[schema(required = false)]
    module_micros: BTreeMap<String, u64>,
    trace_digest: Option<String>,
    settings_revision: Option<i64>,
    /// Revision of what was attached to all vaults, where anything was.
    policies_revision: Option<i64>,
    /// On a change of what is attached: each attachment whose module or settings are others now, with all its settings.
    #[schema(required = false)]
    attached: Vec<serde_json::Value>,
    /// What policy modules were asked.
    input: Option<serde_json::Value>,
}

/// A record as it is chained.
#[derive(ToSchema)]
pub(crate) struct ChainedRecord {
    /// Position in its node's chain, from 1.
    seq: u64,
    id: Uuid,
    /// The record as it was written, byte for byte.
    record: String,
    /// Head of the chain after it, hexadecimal.
    head: String,
}

/// How far one node's chain had come.
#[derive(ToSchema)]
pub(crate) struct NodeHead {
    node: String,
    seq: u64,
    head: String,
}

/// A signed statement about the whole log.
#[derive(ToSchema)]
pub(crate) struct TreeCheckpoint {
    /// How many segments the tree had.
    size: u64,
    /// Its root, hexadecimal.
    root: String,
    heads: Vec<NodeHead>,
    /// Unix milliseconds.
    at: i64,
    key_id: String,
    /// Ed25519, hexadecimal.
    signature: String,
}

/// A run of consecutive positions of one node's chain: one leaf of the tree.
#[derive(ToSchema)]
pub(crate) struct Segment {
    node: String,
    first: u64,
    last: u64,
    head: String,
    root: String,
}

/// A record with its proof of inclusion.
#[derive(ToSchema)]
pub(crate) struct Receipt {
    /// Form of this document: 1.
    receipt: u32,
    installation: Uuid,
    id: Uuid,
    /// The record as it was written, byte for byte.
    record: String,
    seq: u64,
    head: String,
    position_path: Vec<String>,
    segment: Segment,
    index: u64,
    segment_path: Vec<String>,
    checkpoint: TreeCheckpoint,
}
