//! The route table: every path this server answers, on which host, for whom. Nothing else is routed,
//! so a test can walk it.

use crate::message::Method;

/// Which host a route lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// `https://BASE`.
    Base,
    /// `https://VAULT.BASE`.
    Vault,
}

/// What a caller must show before anything else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A bearer token; without one the answer is the 401 challenge.
    Bearer,
    /// A dashboard session; without one a page leads to sign-in.
    Session,
}

macro_rules! routes {
    ($($site:ident $method:ident $template:literal $access:ident $endpoint:ident;)*) => {
        /// What answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table below says what each is")]
        pub enum Endpoint { $($endpoint,)* }

        /// Every route. A literal segment stands before a `{parameter}` in the same place; `{scope}`, at
        /// the beginning alone, stands for any number of segments.
        pub const ROUTES: &[Route] = &[$(Route {
            site: Site::$site,
            method: Method::$method,
            template: $template,
            access: Access::$access,
            endpoint: Endpoint::$endpoint,
        },)*];
    };
}

routes! {
    Base Get "/healthz" Public Health;
    Base Get "/readyz" Public Ready;
    Base Get "/assets/{file}" Public Asset;
    Base Get "/setup" Public SetupPage;
    Base Post "/setup" Public SetupForm;
    Base Get "/sign-in" Public SignInPage;
    Base Get "/auth/{provider}/start" Public SignInStart;
    Base Get "/auth/callback" Public SignInCallback;
    Base Get "/auth/{provider}/callback" Public ProviderCallback;
    Base Get "/signed-out" Public SignedOut;
    Base Post "/auth/{provider}/back-channel-logout" Public BackChannelLogout;
    Base Post "/sign-out" Session SignOut;
    Base Get "/" Session Home;
    Base Get "/overview" Session OverviewPage;
    Base Get "/search" Session SearchPage;
    Base Get "/vaults" Session VaultsPage;
    Base Get "/new-vault" Session NewVaultPage;
    Base Post "/new-vault" Session NewVaultForm;
    Base Get "/deleted-vaults" Session DeletedVaultsPage;
    Base Post "/deleted-vaults/{vault}/recover" Session VaultRecoverForm;
    Base Get "/deleted-vaults/{vault}/purge" Session VaultPurgePage;
    Base Post "/deleted-vaults/{vault}/purge" Session VaultPurgeForm;
    Base Get "/vaults/{vault}" Session VaultPage;
    Base Get "/vaults/{vault}/settings" Session VaultSettingsPage;
    Base Post "/vaults/{vault}/settings" Session VaultSettingsForm;
    Base Get "/vaults/{vault}/protect" Session VaultProtectPage;
    Base Post "/vaults/{vault}/protect" Session VaultProtectForm;
    Base Get "/vaults/{vault}/network" Session NetworkPage;
    Base Post "/vaults/{vault}/network" Session NetworkForm;
    Base Get "/vaults/{vault}/approvals" Session ApprovalsPage;
    Base Post "/vaults/{vault}/approvals/{id}/grant" Session ApprovalGrantForm;
    Base Post "/vaults/{vault}/approvals/{id}/refuse" Session ApprovalRefuseForm;
    Base Post "/ask-approval" Session ApprovalAskForm;
    Base Get "/vaults/{vault}/replays" Session ReplaysPage;
    Base Post "/vaults/{vault}/replays" Session ReplayForm;
    Base Get "/vaults/{vault}/replays/{id}" Session ReplayPage;
    Base Post "/vaults/{vault}/replays/{id}/review" Session ReplayReviewForm;
    Base Get "/vaults/{vault}/delete" Session VaultDeletePage;
    Base Post "/vaults/{vault}/delete" Session VaultDeleteForm;
    Base Get "/vaults/{vault}/secrets" Session SecretsPage;
    Base Get "/vaults/{vault}/new-secret" Session NewSecretPage;
    Base Post "/vaults/{vault}/new-secret" Session NewSecretForm;
    Base Post "/vaults/{vault}/bulk-secrets" Session BulkSecretsForm;
    Base Get "/vaults/{vault}/import-secrets" Session SecretImportPage;
    Base Post "/vaults/{vault}/import-secrets" Session SecretImportLookForm;
    Base Post "/vaults/{vault}/import-secrets/store" Session SecretImportForm;
    Base Get "/vaults/{vault}/secrets/{name}" Session SecretPage;
    Base Get "/vaults/{vault}/secrets/{name}/new-version" Session NewVersionPage;
    Base Post "/vaults/{vault}/secrets/{name}/new-version" Session NewVersionForm;
    Base Get "/vaults/{vault}/secrets/{name}/delete" Session SecretDeletePage;
    Base Post "/vaults/{vault}/secrets/{name}/delete" Session SecretDeleteForm;
    Base Get "/vaults/{vault}/secrets/{name}/{version}" Session SecretVersionPage;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/reveal" Session SecretReveal;
    Base Get "/vaults/{vault}/secrets/{name}/{version}/edit" Session VersionEditPage;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/edit" Session VersionEditForm;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/enable" Session VersionEnableForm;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/disable" Session VersionDisableForm;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/roll-back" Session RollBackForm;
    Base Post "/vaults/{vault}/secrets/{name}/{version}/compare" Session CompareForm;
    Base Get "/vaults/{vault}/keys" Session KeysPage;
    Base Get "/vaults/{vault}/new-key" Session NewKeyPage;
    Base Post "/vaults/{vault}/new-key" Session NewKeyForm;
    Base Get "/vaults/{vault}/import-key" Session KeyImportPage;
    Base Post "/vaults/{vault}/import-key" Session KeyLookForm;
    Base Post "/vaults/{vault}/import-key/store" Session KeyImportForm;
    Base Get "/vaults/{vault}/restore-key" Session KeyRestorePage;
    Base Post "/vaults/{vault}/restore-key" Session KeyRestoreForm;
    Base Get "/vaults/{vault}/keys/{name}" Session KeyPage;
    Base Get "/vaults/{vault}/keys/{name}/delete" Session KeyDeletePage;
    Base Post "/vaults/{vault}/keys/{name}/delete" Session KeyDeleteForm;
    Base Post "/vaults/{vault}/keys/{name}/rotation/now" Session KeyRotateForm;
    Base Get "/vaults/{vault}/keys/{name}/rotation" Session KeyRotationPage;
    Base Post "/vaults/{vault}/keys/{name}/rotation" Session KeyRotationForm;
    Base Get "/vaults/{vault}/keys/{name}/{version}" Session KeyVersionPage;
    Base Get "/vaults/{vault}/keys/{name}/{version}/public" Session KeyPublicFile;
    Base Post "/vaults/{vault}/keys/{name}/{version}/backup" Session KeyBackupForm;
    Base Get "/vaults/{vault}/keys/{name}/{version}/edit" Session KeyEditPage;
    Base Post "/vaults/{vault}/keys/{name}/{version}/edit" Session KeyEditForm;
    Base Post "/vaults/{vault}/keys/{name}/{version}/enable" Session KeyEnableForm;
    Base Post "/vaults/{vault}/keys/{name}/{version}/disable" Session KeyDisableForm;
    Base Post "/vaults/{vault}/keys/{name}/{version}/use" Session KeyUseForm;
    Base Get "/vaults/{vault}/certificates" Session CertificatesPage;
    Base Get "/vaults/{vault}/new-certificate" Session MakeCertificatePage;
    Base Post "/vaults/{vault}/new-certificate" Session MakeCertificateForm;
    Base Get "/vaults/{vault}/import-certificate" Session CertificateImportPage;
    Base Post "/vaults/{vault}/import-certificate" Session CertificateLookForm;
    Base Post "/vaults/{vault}/import-certificate/store" Session CertificateImportForm;
    Base Get "/vaults/{vault}/certificates/{name}" Session CertificatePage;
    Base Get "/vaults/{vault}/certificates/{name}/policy" Session CertificatePolicyPage;
    Base Post "/vaults/{vault}/certificates/{name}/policy" Session CertificatePolicyForm;
    Base Get "/vaults/{vault}/certificates/{name}/delete" Session CertificateDeletePage;
    Base Post "/vaults/{vault}/certificates/{name}/delete" Session CertificateDeleteForm;
    Base Post "/vaults/{vault}/certificates/{name}/policy/renew" Session CertificateRenewForm;
    Base Post "/vaults/{vault}/certificates/{name}/pending/merge" Session CertificateMergeForm;
    Base Post "/vaults/{vault}/certificates/{name}/pending/cancel" Session CertificateCancelForm;
    Base Post "/vaults/{vault}/certificates/{name}/pending/delete" Session CertificateForgetForm;
    Base Get "/vaults/{vault}/certificates/{name}/revocations" Session RevocationsPage;
    Base Get "/vaults/{vault}/certificates/{name}/revoke" Session RevokeSignedPage;
    Base Post "/vaults/{vault}/certificates/{name}/revoke" Session RevokeSignedForm;
    Base Get "/vaults/{vault}/certificates/{name}/{version}" Session CertificateVersionPage;
    Base Get "/vaults/{vault}/certificates/{name}/{version}/revoke" Session RevokeVersionPage;
    Base Post "/vaults/{vault}/certificates/{name}/{version}/revoke" Session RevokeVersionForm;
    Base Get "/vaults/{vault}/certificates/{name}/{version}/public" Session CertificatePublicFile;
    Base Post "/vaults/{vault}/certificates/{name}/{version}/export" Session CertificateExportForm;
    Base Get "/vaults/{vault}/certificates/{name}/{version}/edit" Session CertificateEditPage;
    Base Post "/vaults/{vault}/certificates/{name}/{version}/edit" Session CertificateEditForm;
    Base Post "/vaults/{vault}/certificates/{name}/{version}/enable" Session CertificateEnableForm;
    Base Post "/vaults/{vault}/certificates/{name}/{version}/disable" Session CertificateDisableForm;
    Base Get "/vaults/{vault}/issuers" Session IssuersPage;
    Base Get "/vaults/{vault}/new-issuer" Session NewIssuerPage;
    Base Post "/vaults/{vault}/new-issuer" Session NewIssuerForm;
    Base Get "/vaults/{vault}/issuers/{name}" Session IssuerPage;
    Base Get "/vaults/{vault}/issuers/{name}/edit" Session IssuerEditPage;
    Base Post "/vaults/{vault}/issuers/{name}/edit" Session IssuerEditForm;
    Base Post "/vaults/{vault}/issuers/{name}/enable" Session IssuerEnableForm;
    Base Post "/vaults/{vault}/issuers/{name}/disable" Session IssuerDisableForm;
    Base Get "/vaults/{vault}/issuers/{name}/delete" Session IssuerDeletePage;
    Base Post "/vaults/{vault}/issuers/{name}/delete" Session IssuerDeleteForm;
    Base Get "/vaults/{vault}/contacts" Session ContactsPage;
    Base Post "/vaults/{vault}/contacts" Session ContactsForm;
    Base Post "/vaults/{vault}/contacts/delete" Session ContactsDeleteForm;
    Base Get "/vaults/{vault}/deleted-certificates" Session DeletedCertificatesPage;
    Base Post "/vaults/{vault}/deleted-certificates/{name}/recover" Session CertificateRecoverForm;
    Base Get "/vaults/{vault}/deleted-certificates/{name}/purge" Session CertificatePurgePage;
    Base Post "/vaults/{vault}/deleted-certificates/{name}/purge" Session CertificatePurgeForm;
    Base Get "/vaults/{vault}/deleted-keys" Session DeletedKeysPage;
    Base Post "/vaults/{vault}/deleted-keys/{name}/recover" Session KeyRecoverForm;
    Base Get "/vaults/{vault}/deleted-keys/{name}/purge" Session KeyPurgePage;
    Base Post "/vaults/{vault}/deleted-keys/{name}/purge" Session KeyPurgeForm;
    Base Get "/vaults/{vault}/deleted" Session DeletedPage;
    Base Post "/vaults/{vault}/deleted/{name}/recover" Session RecoverForm;
    Base Get "/vaults/{vault}/deleted/{name}/purge" Session PurgePage;
    Base Post "/vaults/{vault}/deleted/{name}/purge" Session PurgeForm;
    Base Get "/vaults/{vault}/access" Session VaultAccessPage;
    Base Get "/vaults/{vault}/access-policy" Session AccessPolicyPage;
    Base Post "/vaults/{vault}/access-policy" Session AccessPolicyForm;
    Base Get "/vaults/{vault}/access-policy/remove" Session AccessPolicyRemovePage;
    Base Post "/vaults/{vault}/access-policy/remove" Session AccessPolicyRemoveForm;
    Base Get "/access" Session AccessPage;
    Base Get "/access/grants" Session GrantsPage;
    Base Get "/access/grants/unused" Session UnusedGrantsPage;
    Base Post "/access/grants/unused" Session UnusedGrantsForm;
    Base Get "/access/new-assignment" Session NewAssignmentPage;
    Base Post "/access/new-assignment" Session NewAssignmentForm;
    Base Get "/access/assignments/{id}/remove" Session AssignmentRemovePage;
    Base Post "/access/assignments/{id}/remove" Session AssignmentRemoveForm;
    Base Get "/access/roles" Session RolesPage;
    Base Get "/access/new-role" Session NewRolePage;
    Base Post "/access/new-role" Session NewRoleForm;
    Base Get "/access/roles/{id}" Session RolePage;
    Base Get "/access/roles/{id}/edit" Session RoleEditPage;
    Base Post "/access/roles/{id}/edit" Session RoleEditForm;
    Base Get "/access/roles/{id}/delete" Session RoleDeletePage;
    Base Post "/access/roles/{id}/delete" Session RoleDeleteForm;
    Base Get "/access/end-sessions" Session EndSessionsPage;
    Base Post "/access/end-sessions" Session EndSessionsForm;
    Base Get "/access/workloads" Session WorkloadsPage;
    Base Get "/access/new-workload" Session NewWorkloadPage;
    Base Post "/access/new-workload" Session NewWorkloadForm;
    Base Get "/access/workloads/{client_id}" Session WorkloadPage;
    Base Post "/access/workloads/{client_id}/rename" Session WorkloadRenameForm;
    Base Post "/access/workloads/{client_id}/enable" Session WorkloadEnableForm;
    Base Post "/access/workloads/{client_id}/disable" Session WorkloadDisableForm;
    Base Get "/access/workloads/{client_id}/delete" Session WorkloadDeletePage;
    Base Post "/access/workloads/{client_id}/delete" Session WorkloadDeleteForm;
    Base Post "/access/workloads/{client_id}/try-token" Session TokenTryForm;
    Base Post "/access/workloads/{client_id}/new-secret" Session NewClientSecretForm;
    Base Post "/access/workloads/{client_id}/new-certificate" Session NewCertificateForm;
    Base Post "/access/workloads/{client_id}/new-federation" Session NewFederationForm;
    Base Get "/access/workloads/{client_id}/secrets/{credential}/remove" Session ClientSecretRemovePage;
    Base Post "/access/workloads/{client_id}/secrets/{credential}/remove" Session ClientSecretRemoveForm;
    Base Get "/access/workloads/{client_id}/certificates/{credential}/remove" Session CertificateRemovePage;
    Base Post "/access/workloads/{client_id}/certificates/{credential}/remove" Session CertificateRemoveForm;
    Base Get "/access/workloads/{client_id}/federations/{credential}/remove" Session FederationRemovePage;
    Base Post "/access/workloads/{client_id}/federations/{credential}/remove" Session FederationRemoveForm;
    Base Get "/why" Session WhyPage;
    Base Get "/why/{id}" Session WhyDecisionPage;
    Base Get "/policy" Session PoliciesPage;
    Base Get "/policy/upload" Session ModuleUploadPage;
    Base Post "/policy/upload" Session ModuleUploadForm;
    Base Get "/policy/documents" Session DocumentsPage;
    Base Get "/policy/new-document" Session NewDocumentPage;
    Base Post "/policy/new-document" Session NewDocumentForm;
    Base Get "/policy/documents/{document}" Session DocumentPage;
    Base Get "/policy/documents/{document}/edit" Session DocumentEditPage;
    Base Post "/policy/documents/{document}/edit" Session DocumentEditForm;
    Base Get "/policy/documents/{document}/remove" Session DocumentRemovePage;
    Base Post "/policy/documents/{document}/remove" Session DocumentRemoveForm;
    Base Get "/policy/modules/{digest}" Session ModulePage;
    Base Get "/policy/modules/{digest}/attach" Session AttachPage;
    Base Post "/policy/modules/{digest}/attach" Session AttachForm;
    Base Get "/policy/modules/{digest}/try" Session ModuleTryPage;
    Base Post "/policy/modules/{digest}/try" Session ModuleTryForm;
    Base Get "/policy/modules/{digest}/remove" Session ModuleRemovePage;
    Base Post "/policy/modules/{digest}/remove" Session ModuleRemoveForm;
    Base Get "/policy/attached/{where}/{attachment}" Session AttachmentPage;
    Base Get "/policy/attached/{where}/{attachment}/settings" Session AttachmentSettingsPage;
    Base Post "/policy/attached/{where}/{attachment}/settings" Session AttachmentSettingsForm;
    Base Get "/policy/attached/{where}/{attachment}/enforce" Session EnforcePage;
    Base Post "/policy/attached/{where}/{attachment}/state" Session AttachmentStateForm;
    Base Post "/policy/attached/{where}/{attachment}/order" Session AttachmentOrderForm;
    Base Post "/policy/attached/{where}/{attachment}/roll-back" Session AttachmentRollBackForm;
    Base Get "/policy/attached/{where}/{attachment}/detach" Session DetachPage;
    Base Post "/policy/attached/{where}/{attachment}/detach" Session DetachForm;
    Base Get "/settings" Session SettingsPage;
    Base Post "/settings/providers/{provider}/test" Session ProviderTestForm;
    Base Post "/settings/token-keys/rotate" Session TokenKeysRotateForm;
    Base Get "/settings/token-keys/revoke" Session TokenKeysRevokePage;
    Base Post "/settings/token-keys/revoke" Session TokenKeysRevokeForm;
    Base Get "/me" Session MePage;
    Base Post "/me/look" Session LookForm;
    Base Post "/me/pins" Session PinForm;
    Base Post "/me/audit-views" Session AuditViewForm;
    Base Get "/me/roles/{id}/drop" Session DropRolePage;
    Base Post "/me/roles/{id}/drop" Session DropRoleForm;
    Base Post "/me/end-others" Session EndOthersForm;
    Base Post "/me/sessions/{session}/end" Session SessionEndForm;
    Base Get "/audit" Session AuditPage;
    Base Get "/audit/live" Session AuditLive;
    Base Get "/audit/export" Session AuditExportPage;
    Base Get "/audit/verify" Session AuditVerifyPage;
    Base Get "/audit/bundle" Session AuditBundlePage;
    Base Get "/audit/{id}" Session AuditEntryPage;
    Base Get "/command-line" Session CommandLinePage;
    Base Post "/command-line" Session CommandLineAllow;
    Base Get "/api/v1/vaults" Bearer VaultList;
    Base Post "/api/v1/vaults" Bearer VaultCreate;
    Base Get "/api/v1/vaults/{vault}" Bearer VaultGet;
    Base Patch "/api/v1/vaults/{vault}" Bearer VaultUpdate;
    Base Get "/api/v1/vaults/{vault}/access-policies" Bearer AccessPolicyList;
    Base Put "/api/v1/vaults/{vault}/access-policies" Bearer AccessPolicyPut;
    Base Delete "/api/v1/vaults/{vault}/access-policies" Bearer AccessPolicyRemove;
    Base Get "/api/v1/vaults/{vault}/policies" Bearer PolicyList;
    Base Get "/api/v1/vaults/{vault}/network-hits" Bearer NetworkHits;
    Base Get "/api/v1/vaults/{vault}/approvals" Bearer ApprovalList;
    Base Post "/api/v1/vaults/{vault}/approvals/{id}/grant" Bearer ApprovalGrant;
    Base Post "/api/v1/vaults/{vault}/approvals/{id}/refuse" Bearer ApprovalRefuse;
    Base Post "/api/v1/vaults/{vault}/why" Bearer DecisionForesee;
    Base Get "/api/v1/vaults/{vault}/replays" Bearer ReplayList;
    Base Post "/api/v1/vaults/{vault}/replays" Bearer ReplayRun;
    Base Get "/api/v1/vaults/{vault}/replays/{id}" Bearer ReplayShow;
    Base Post "/api/v1/vaults/{vault}/replays/{id}/reviews" Bearer ReplayReview;
    Base Get "/api/v1/policies" Bearer PolicyListEverywhere;
    Base Put "/api/v1/policies" Bearer PolicyPutEverywhere;
    Base Post "/api/v1/policies/{attachment}/rollback" Bearer PolicyRollBackEverywhere;
    Base Get "/api/v1/policy-modules" Bearer PolicyModuleList;
    Base Post "/api/v1/policy-modules" Bearer PolicyModulePush;
    Base Get "/api/v1/policy-modules/{digest}" Bearer PolicyModuleShow;
    Base Get "/api/v1/policy-modules/{digest}/content" Bearer PolicyModulePull;
    Base Delete "/api/v1/policy-modules/{digest}" Bearer PolicyModuleRemove;
    Base Get "/api/v1/policy-documents" Bearer PolicyDocumentList;
    Base Get "/api/v1/policy-documents/{document}" Bearer PolicyDocumentShow;
    Base Put "/api/v1/policy-documents/{document}" Bearer PolicyDocumentPut;
    Base Delete "/api/v1/policy-documents/{document}" Bearer PolicyDocumentRemove;
    Base Get "/api/v1/roles" Bearer RoleList;
    Base Post "/api/v1/roles" Bearer RoleCreate;
    Base Get "/api/v1/roles/{id}" Bearer RoleShow;
    Base Put "/api/v1/roles/{id}" Bearer RolePut;
    Base Delete "/api/v1/roles/{id}" Bearer RoleDelete;
    Base Get "/api/v1/access" Bearer AccessList;
    Base Get "/api/v1/assignments" Bearer AssignmentList;
    Base Delete "/api/v1/vaults/{vault}" Bearer VaultDelete;
    Base Get "/api/v1/deletedvaults" Bearer DeletedVaultList;
    Base Get "/api/v1/deletedvaults/{vault}" Bearer DeletedVaultGet;
    Base Post "/api/v1/deletedvaults/{vault}/recover" Bearer DeletedVaultRecover;
    Base Delete "/api/v1/deletedvaults/{vault}" Bearer DeletedVaultPurge;
    Base Post "/api/v1/assignments" Bearer AssignmentAdd;
    Base Get "/api/v1/assignments/{id}" Bearer AssignmentShow;
    Base Get "/api/v1/assignments/{id}/uses" Bearer AssignmentUses;
    Base Delete "/api/v1/assignments/{id}" Bearer AssignmentRemove;
    Base Get "/api/v1/workloads" Bearer WorkloadList;
    Base Post "/api/v1/workloads" Bearer WorkloadCreate;
    Base Get "/api/v1/workloads/{client_id}" Bearer WorkloadShow;
    Base Patch "/api/v1/workloads/{client_id}" Bearer WorkloadUpdate;
    Base Delete "/api/v1/workloads/{client_id}" Bearer WorkloadDelete;
    Base Post "/api/v1/workloads/{client_id}/secrets" Bearer WorkloadSecretAdd;
    Base Delete "/api/v1/workloads/{client_id}/secrets/{credential}" Bearer WorkloadSecretRemove;
    Base Post "/api/v1/workloads/{client_id}/certificates" Bearer WorkloadCertificateAdd;
    Base Delete "/api/v1/workloads/{client_id}/certificates/{credential}" Bearer WorkloadCertificateRemove;
    Base Post "/api/v1/workloads/{client_id}/federations" Bearer WorkloadFederationAdd;
    Base Delete "/api/v1/workloads/{client_id}/federations/{credential}" Bearer WorkloadFederationRemove;
    Base Post "/api/v1/session" Public SessionBegin;
    Base Get "/api/v1/session" Bearer SessionShow;
    Base Delete "/api/v1/session" Bearer SessionEnd;
    Base Post "/api/v1/token/explain" Bearer TokenExplain;
    Base Get "/api/v1/token/keys" Bearer TokenKeyList;
    Base Post "/api/v1/token/keys/rotate" Bearer TokenKeyRotate;
    Base Post "/api/v1/token/keys/revoke" Bearer TokenKeyRevoke;
    Base Post "/api/v1/sessions/end" Bearer SessionsEnd;
    Base Get "/api/v1/audit" Bearer AuditQuery;
    Base Get "/api/v1/audit/checkpoint" Bearer AuditCheckpoint;
    Base Get "/api/v1/audit/chain/{node}" Bearer AuditChain;
    Base Get "/api/v1/audit/{id}/receipt" Bearer AuditReceipt;
    Base Get "/metadata/endpoints" Public CloudMetadata;
    Base Get "/crl/{vault}/{authority}/{list}" Public RevocationList;
    Base Get "/subscriptions" Bearer SubscriptionList;
    Base Get "/tenants" Bearer TenantList;
    Base Get "/{tenant}/v2.0/.well-known/openid-configuration" Public TenantDiscoveryV2;
    Base Get "/{tenant}/.well-known/openid-configuration" Public TenantDiscovery;
    Base Get "/{tenant}/discovery/v2.0/keys" Public TenantKeys;
    Base Get "/{tenant}/discovery/keys" Public TenantKeysV1;
    Base Post "/{tenant}/oauth2/v2.0/token" Public TokenV2;
    Base Post "/{tenant}/oauth2/token" Public TokenV1;
    Vault Get "/{scope}/providers/Microsoft.Authorization/roleDefinitions" Bearer DefinitionList;
    Vault Get "/{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}" Bearer DefinitionGet;
    Vault Put "/{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}" Bearer DefinitionPut;
    Vault Delete "/{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}" Bearer DefinitionDelete;
    Vault Get "/{scope}/providers/Microsoft.Authorization/roleAssignments" Bearer ScopedAssignmentList;
    Vault Get "/{scope}/providers/Microsoft.Authorization/roleAssignments/{id}" Bearer ScopedAssignmentGet;
    Vault Put "/{scope}/providers/Microsoft.Authorization/roleAssignments/{id}" Bearer ScopedAssignmentCreate;
    Vault Delete "/{scope}/providers/Microsoft.Authorization/roleAssignments/{id}" Bearer ScopedAssignmentDelete;
    Vault Get "/secrets" Bearer SecretList;
    Vault Put "/secrets/{name}" Bearer SecretSet;
    Vault Get "/secrets/{name}" Bearer SecretGet;
    Vault Patch "/secrets/{name}" Bearer SecretUpdate;
    Vault Patch "/secrets/{name}/{version}" Bearer SecretUpdateVersion;
    Vault Delete "/secrets/{name}" Bearer SecretDelete;
    Vault Get "/secrets/{name}/versions" Bearer SecretVersions;
    Vault Get "/secrets/{name}/{version}" Bearer SecretGetVersion;
    Vault Post "/secrets/restore" Bearer SecretRestore;
    Vault Post "/secrets/{name}/backup" Bearer SecretBackup;
    Vault Get "/deletedsecrets" Bearer DeletedList;
    Vault Get "/deletedsecrets/{name}" Bearer DeletedGet;
    Vault Delete "/deletedsecrets/{name}" Bearer DeletedPurge;
    Vault Post "/deletedsecrets/{name}/recover" Bearer DeletedRecover;
    Vault Get "/keys" Bearer KeyList;
    Vault Post "/keys/restore" Bearer KeyRestore;
    Vault Put "/keys/{name}" Bearer KeyImport;
    Vault Get "/keys/{name}" Bearer KeyGet;
    Vault Patch "/keys/{name}" Bearer KeyUpdate;
    Vault Delete "/keys/{name}" Bearer KeyDelete;
    Vault Post "/keys/{name}/create" Bearer KeyCreate;
    Vault Get "/keys/{name}/versions" Bearer KeyVersions;
    Vault Post "/keys/{name}/backup" Bearer KeyBackup;
    Vault Post "/keys/{name}/rotate" Bearer KeyRotate;
    Vault Get "/keys/{name}/rotationpolicy" Bearer KeyRotationGet;
    Vault Put "/keys/{name}/rotationpolicy" Bearer KeyRotationPut;
    Vault Get "/keys/{name}/{version}" Bearer KeyGetVersion;
    Vault Patch "/keys/{name}/{version}" Bearer KeyUpdateVersion;
    Vault Post "/keys/{name}/{version}/encrypt" Bearer KeyEncrypt;
    Vault Post "/keys/{name}/{version}/decrypt" Bearer KeyDecrypt;
    Vault Post "/keys/{name}/{version}/sign" Bearer KeySign;
    Vault Post "/keys/{name}/{version}/verify" Bearer KeyVerify;
    Vault Post "/keys/{name}/{version}/wrapkey" Bearer KeyWrap;
    Vault Post "/keys/{name}/{version}/unwrapkey" Bearer KeyUnwrap;
    Vault Post "/rng" Bearer RandomBytes;
    Vault Get "/deletedkeys" Bearer DeletedKeyList;
    Vault Get "/deletedkeys/{name}" Bearer DeletedKeyGet;
    Vault Delete "/deletedkeys/{name}" Bearer DeletedKeyPurge;
    Vault Post "/deletedkeys/{name}/recover" Bearer DeletedKeyRecover;
    Vault Get "/certificates" Bearer CertificateList;
    Vault Post "/certificates/restore" Bearer CertificateRestore;
    Vault Get "/certificates/contacts" Bearer ContactsGet;
    Vault Put "/certificates/contacts" Bearer ContactsSet;
    Vault Delete "/certificates/contacts" Bearer ContactsDelete;
    Vault Get "/certificates/issuers" Bearer IssuerList;
    Vault Get "/certificates/issuers/{name}" Bearer IssuerGet;
    Vault Put "/certificates/issuers/{name}" Bearer IssuerSet;
    Vault Patch "/certificates/issuers/{name}" Bearer IssuerUpdate;
    Vault Delete "/certificates/issuers/{name}" Bearer IssuerDelete;
    Vault Get "/certificates/{name}" Bearer CertificateGet;
    Vault Patch "/certificates/{name}" Bearer CertificateUpdate;
    Vault Delete "/certificates/{name}" Bearer CertificateDelete;
    Vault Post "/certificates/{name}/create" Bearer CertificateCreate;
    Vault Post "/certificates/{name}/import" Bearer CertificateImport;
    Vault Get "/certificates/{name}/versions" Bearer CertificateVersions;
    Vault Delete "/certificates/{name}/versions" Bearer CertificateVersionsDelete;
    Vault Get "/certificates/{name}/policy" Bearer CertificatePolicyGet;
    Vault Patch "/certificates/{name}/policy" Bearer CertificatePolicyUpdate;
    Vault Get "/certificates/{name}/pending" Bearer CertificatePendingGet;
    Vault Patch "/certificates/{name}/pending" Bearer CertificatePendingUpdate;
    Vault Delete "/certificates/{name}/pending" Bearer CertificatePendingDelete;
    Vault Post "/certificates/{name}/pending/merge" Bearer CertificatePendingMerge;
    Vault Post "/certificates/{name}/backup" Bearer CertificateBackup;
    Vault Post "/certificates/{name}/revoke" Bearer CertificateRevoke;
    Vault Get "/certificates/{name}/revocations" Bearer RevocationsGet;
    Vault Get "/certificates/{name}/{version}" Bearer CertificateGetVersion;
    Vault Patch "/certificates/{name}/{version}" Bearer CertificateUpdateVersion;
    Vault Get "/deletedcertificates" Bearer DeletedCertificateList;
    Vault Get "/deletedcertificates/{name}" Bearer DeletedCertificateGet;
    Vault Delete "/deletedcertificates/{name}" Bearer DeletedCertificatePurge;
    Vault Post "/deletedcertificates/{name}/recover" Bearer DeletedCertificateRecover;
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Host.
    pub site: Site,
    /// Method.
    pub method: Method,
    /// Path with `{parameters}`.
    pub template: &'static str,
    /// For whom.
    pub access: Access,
    /// What answers.
    pub endpoint: Endpoint,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A route, with its parameters in order.
    Route(&'static Route, Vec<String>),
    /// The path exists, not with this method.
    OtherMethod,
    /// Nothing.
    Nothing,
}

impl Route {
    fn parameters(&self, path: &[String]) -> Option<Vec<String>> {
        let mut parameters = Vec::new();
        let (mut template, mut path) = (self.template, path);
        if let Some(rest) = template.strip_prefix("/{scope}/") {
            let (scope, after) = path.split_at_checked(path.len().checked_sub(rest.split('/').count())?)?;
            parameters.push(scope.join("/"));
            (template, path) = (rest, after);
        }
        let mut parts = path.iter();
        for wanted in template.trim_start_matches('/').split('/').filter(|t| !t.is_empty()) {
            let part = parts.next()?;
            if wanted.starts_with('{') {
                parameters.push(part.clone());
            } else if !part.eq_ignore_ascii_case(wanted) {
                return None;
            }
        }
        parts.next().is_none().then_some(parameters)
    }
}

/// Finds the route of a path. On a vault's host empty segments in front are skipped: what joins a vault's address that
/// ends in a slash with a path sends one, and no name is empty, so that nothing else can be meant.
#[must_use]
pub fn find(site: Site, method: Method, path: &[String]) -> Found {
    let empty = if site == Site::Vault { path.iter().take_while(|part| part.is_empty()).count() } else { 0 };
    let path = path.get(empty..).unwrap_or_default();
    let mut other_method = false;
    for route in ROUTES.iter().filter(|r| r.site == site) {
        if let Some(parameters) = route.parameters(path) {
            if route.method == method {
                return Found::Route(route, parameters);
            }
            other_method = true;
        }
    }
    // Operations that no key has. They stand where a version may, and are none.
    let is_none =
        |last: &str| ["release", "securewrapkey", "secureunwrapkey"].iter().any(|n| last.eq_ignore_ascii_case(n));
    let is_none = matches!(path, [kind, _, last]
        if site == Site::Vault && kind.eq_ignore_ascii_case("keys") && is_none(last));
    if other_method && !is_none { Found::OtherMethod } else { Found::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::segments;

    fn endpoint(site: Site, method: Method, path: &str) -> String {
        match find(site, method, &segments(path).unwrap()) {
            Found::Route(route, parameters) => format!("{:?} {}", route.endpoint, parameters.join(",")),
            Found::OtherMethod => "405".into(),
            Found::Nothing => "404".into(),
        }
    }

    #[test]
    fn paths_that_sdks_send_are_found() {
        use Method::{Delete, Get, Post, Put};
        use Site::Vault;
        assert_eq!(endpoint(Vault, Get, "/secrets/db/"), "SecretGet db", "the empty version");
        assert_eq!(endpoint(Vault, Get, "/secrets/db//"), "SecretGetVersion db,", "the empty version");
        for front in ["/", "//", "///"] {
            assert_eq!(endpoint(Vault, Get, &format!("{front}secrets/db")), "SecretGet db", "{front}");
            assert_eq!(
                endpoint(Vault, Get, &format!("{front}%2fsecrets/db")),
                "404",
                "a slash that is written is none"
            );
        }
        assert_eq!(endpoint(Vault, Get, "//"), "404");
        assert_eq!(endpoint(Vault, Get, "/secrets//db"), "SecretGetVersion ,db", "a name that is none");
        assert_eq!(endpoint(Vault, Get, "/Secrets/db/Versions"), "SecretVersions db", "the case of words is nothing");
        assert_eq!(endpoint(Vault, Get, "/secrets/db/0123"), "SecretGetVersion db,0123");
        assert_eq!(endpoint(Vault, Put, "/secrets/"), "405");
        assert_eq!(endpoint(Vault, Post, "/keys/k/0a"), "405");
        for none in ["release", "securewrapkey", "SecureUnwrapKey"] {
            assert_eq!(endpoint(Vault, Post, &format!("/keys/k/{none}")), "404");
            assert_eq!(endpoint(Vault, Post, &format!("/keys/k/0a/{none}")), "404");
        }
        assert_eq!(endpoint(Vault, Delete, "/deletedsecrets/db"), "DeletedPurge db");
        // What got such a name before it was refused.
        assert_eq!(endpoint(Vault, Delete, "/certificates/Contacts"), "ContactsDelete ");
        assert_eq!(endpoint(Vault, Delete, "/certificates/Contacts/versions"), "CertificateVersionsDelete Contacts");
        for name in ["issuers", "restore"] {
            assert_eq!(endpoint(Vault, Delete, &format!("/certificates/{name}")), format!("CertificateDelete {name}"));
        }
        let roles = "providers/Microsoft.Authorization/roleDefinitions";
        for (scope, found) in [
            ("", ""),
            ("/", ""),
            ("//", ""),
            ("///", ""),
            ("//secrets/db/", "secrets/db"),
            ("/secrets/db/", "secrets/db"),
            ("/a/b/c/", "a/b/c"),
        ] {
            assert_eq!(endpoint(Vault, Get, &format!("{scope}{roles}")), format!("DefinitionList {found}"), "{scope}");
            assert_eq!(
                endpoint(Vault, Put, &format!("{scope}{roles}/7")),
                format!("DefinitionPut {found},7"),
                "{scope}"
            );
        }
        assert_eq!(endpoint(Site::Base, Get, &format!("/{roles}")), "404");
        assert_eq!(endpoint(Vault, Get, "/vaults"), "404", "the dashboard is not on a vault's host");
        assert_eq!(endpoint(Site::Base, Get, "/"), "Home ");
        assert_eq!(endpoint(Site::Base, Get, "/secrets"), "404");
    }
}
