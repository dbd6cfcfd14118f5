"""Role definitions and assignments through Azure's own administration package, unmodified.

Everything comes from the environment: VAULT_URL, INSTALLATION_ID, AZURE_AUTHORITY_HOST, REQUESTS_CA_BUNDLE, and id
and secret of three workloads: OWNER_*, who owns the vault, AZURE_*, who uses its secrets, and NOBODY_*.
"""

import os
import uuid

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import (
    KeyVaultAccessControlClient,
    KeyVaultDataAction,
    KeyVaultPermission,
    KeyVaultRoleScope,
)
from azure.keyvault.secrets import SecretClient

GET_SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
READ_METADATA = "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def credential(who):
    return ClientSecretCredential(
        os.environ["INSTALLATION_ID"], os.environ[f"{who}_CLIENT_ID"], os.environ[f"{who}_CLIENT_SECRET"],
        authority=os.environ["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True,
    )


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def definitions(client, nobody):
    scope = KeyVaultRoleScope.GLOBAL
    built_in = {item.role_name: item for item in client.list_role_definitions(scope)}
    user = built_in["Key Vault Secrets User"]
    assert (user.name, user.role_type) == (SECRETS_USER, "AKVBuiltInRole"), user
    assert user.type == "Microsoft.Authorization/roleDefinitions" and user.assignable_scopes == ["/"]
    assert set(user.permissions[0].data_actions) == {GET_SECRET, READ_METADATA}

    name = uuid.uuid4()
    only_names = [KeyVaultPermission(data_actions=["Microsoft.KeyVault/vaults/secrets/*"], not_data_actions=[GET_SECRET])]
    made = client.set_role_definition(
        scope, name=name, role_name="All but values", description="d", permissions=only_names,
        assignable_scopes=[scope],
    )
    assert (made.name, made.role_name, made.description, made.role_type) == \
        (str(name), "All but values", "d", "CustomRole"), made
    assert made.id == f"Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{name}"
    found = client.get_role_definition(scope, name)
    assert found.permissions[0].not_data_actions == [GET_SECRET] and found.assignable_scopes == ["/"]
    reads = [KeyVaultPermission(data_actions=[GET_SECRET, KeyVaultDataAction.SIGN_HSM_KEY])]
    updated = client.set_role_definition(scope, name=name, role_name="Values", permissions=reads)
    assert updated.permissions[0].data_actions == [GET_SECRET, KeyVaultDataAction.SIGN_HSM_KEY.value], updated.permissions
    assert updated.description == ""
    assert name in [uuid.UUID(item.name) for item in client.list_role_definitions(scope)]

    twice = refused(ResourceExistsError, lambda: client.set_role_definition(
        scope, role_name="VALUES", permissions=reads))
    assert twice.error.innererror["code"] == "RoleDefinitionWithSameNameExists", twice
    missing = refused(ResourceNotFoundError, lambda: client.get_role_definition(scope, uuid.uuid4()))
    assert missing.error.code == "RoleDefinitionNotFound", missing
    for call in [
        lambda: list(nobody.list_role_definitions(scope)),
        lambda: nobody.set_role_definition(scope, role_name="Mine", permissions=reads),
        lambda: nobody.delete_role_definition(scope, name),
    ]:
        assert refused(HttpResponseError, call).status_code == 403
    return updated


def assignments(client, nobody, definition):
    secrets = SecretClient(os.environ["VAULT_URL"], credential("NOBODY"))
    writer = SecretClient(os.environ["VAULT_URL"], credential("AZURE"))
    writer.set_secret("one", "1")
    writer.set_secret("two", "2")
    who = os.environ["NOBODY_CLIENT_ID"]

    given = client.create_role_assignment("/secrets/one", definition.id, who)
    assert given.role_assignment_id == \
        f"/secrets/one/providers/Microsoft.Authorization/roleAssignments/{given.name}", given
    properties = given.properties
    assert (properties.scope, properties.principal_id) == ("/secrets/one", who)
    assert properties.role_definition_id == definition.id
    assert secrets.get_secret("one").value == "1", "from the next request on"
    assert refused(HttpResponseError, lambda: secrets.get_secret("two")).status_code == 403

    whole = client.create_role_assignment(KeyVaultRoleScope.GLOBAL, SECRETS_USER, who, name=uuid.uuid4())
    assert secrets.get_secret("two").value == "2"
    same = refused(ResourceExistsError, lambda: client.create_role_assignment(
        KeyVaultRoleScope.GLOBAL, SECRETS_USER, who, name=whole.name))
    assert same.error.innererror["code"] == "RoleAssignmentExists", same
    readers, auditors = "group:https://idp.example#readers", "group:https://idp.example#auditors"
    for number in range(120):
        group = readers if number < 100 else auditors
        client.create_role_assignment(f"/secrets/many-{number:03}", SECRETS_USER, group)
    full = refused(ResourceExistsError, lambda: client.create_role_assignment("/secrets/more", SECRETS_USER, readers))
    assert full.error.innererror["code"] == "RoleAssignmentLimitExceeded", full
    listed = {item.name: item for item in client.list_role_assignments(KeyVaultRoleScope.GLOBAL)}
    assert {given.name, whole.name} <= set(listed), "at the scope and below it"
    groups = [item for item in listed.values() if item.properties.principal_id in (readers, auditors)]
    assert len(groups) == 120, "every page was followed"
    assert [item.name for item in client.list_role_assignments("/secrets/one")] == [given.name]
    fetched = client.get_role_assignment("/secrets/one", given.name)
    assert fetched.properties.scope == "/secrets/one"
    elsewhere = refused(ResourceNotFoundError, lambda: client.get_role_assignment("/secrets/two", given.name))
    assert elsewhere.error.code == "RoleAssignmentNotFound", elsewhere
    refused(HttpResponseError, lambda: client.create_role_assignment(KeyVaultRoleScope.KEYS, SECRETS_USER, who))

    in_use = refused(ResourceExistsError, lambda: client.delete_role_definition("/", definition.name))
    assert in_use.error.innererror["code"] == "RoleDefinitionHasAssignments", in_use
    for call in [
        lambda: list(nobody.list_role_assignments("/")),
        lambda: nobody.create_role_assignment("/", SECRETS_USER, who),
        lambda: nobody.delete_role_assignment("/", whole.name),
    ]:
        assert refused(HttpResponseError, call).status_code == 403
    # What is not at the scope is not deleted; the package takes that for done.
    client.delete_role_assignment("/secrets/two", given.name)
    assert secrets.get_secret("one").value == "1"
    client.delete_role_assignment("/secrets/one", given.name)
    client.delete_role_assignment("/", whole.name)
    assert refused(HttpResponseError, lambda: secrets.get_secret("one")).status_code == 403
    refused(ResourceNotFoundError, lambda: client.get_role_assignment("/", whole.name))
    client.delete_role_definition("/", definition.name)
    refused(ResourceNotFoundError, lambda: client.get_role_definition("/", definition.name))


def main():
    url = os.environ["VAULT_URL"]
    client = KeyVaultAccessControlClient(url, credential("OWNER"))
    nobody = KeyVaultAccessControlClient(url, credential("NOBODY"))
    assignments(client, nobody, definitions(client, nobody))
    print("done")


main()
