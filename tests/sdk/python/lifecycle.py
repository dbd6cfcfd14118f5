"""The life of a secret through Azure's own Python packages, unmodified.

Usage: lifecycle.py CREDENTIAL, where CREDENTIAL says how to prove who we are:
  secret       ClientSecretCredential, told its authority and the installation's id as its tenant
  plain        ClientSecretCredential, told nothing but tenant, id and secret
  environment  EnvironmentCredential, told nothing but the environment
  default      DefaultAzureCredential, told nothing but the environment
  workload     WorkloadIdentityCredential, told nothing but the environment
  certificate  CertificateCredential with the file CLIENT_CERTIFICATE (certificate and key), told its authority;
               what follows "certificate" is part of the names only
  token        a credential of one's own that has a token of an OIDC issuer already, in ACCESS_TOKEN
Everything else comes from the environment: VAULT_URL, AZURE_*, REQUESTS_CA_BUNDLE.
"""

import os
import sys
import time
from datetime import datetime, timezone

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient


def client_secret(client_id, secret):
    return ClientSecretCredential(
        os.environ["INSTALLATION_ID"], client_id, secret,
        authority=os.environ["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True,
    )


class OwnToken:
    def get_token(self, *scopes, **options):
        return AccessToken(os.environ["ACCESS_TOKEN"], int(time.time()) + 600)


def credential(kind):
    if kind == "secret":
        return client_secret(os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"])
    if kind.startswith("certificate"):
        return CertificateCredential(
            os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["CLIENT_CERTIFICATE"],
            authority=os.environ["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True,
        )
    if kind == "plain":
        names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]
        return ClientSecretCredential(*[os.environ[name] for name in names])
    kinds = {
        "environment": EnvironmentCredential,
        "default": DefaultAzureCredential,
        "workload": WorkloadIdentityCredential,
        "token": OwnToken,
    }
    return kinds[kind]()


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def main():
    kind = sys.argv[1]
    url = os.environ["VAULT_URL"]
    client = SecretClient(url, credential(kind))
    name = f"python-{kind}"

    first = client.set_secret(name, "first")
    ends = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    begins = datetime(2020, 1, 1, tzinfo=timezone.utc)
    value = "Zażółć gęślą jaźń 🔐 \"quoted\" \\ \n\t\u2028"
    second = client.set_secret(
        name, value, content_type="text/plain", tags={"team": "płatności", "empty": ""},
        expires_on=ends, not_before=begins, enabled=True,
    )
    assert second.properties.version != first.properties.version
    assert second.properties.vault_url == url, second.properties.vault_url

    read = client.get_secret(name)
    assert read.value == value, repr(read.value)
    properties = read.properties
    assert properties.version == second.properties.version
    assert properties.content_type == "text/plain"
    assert properties.tags == {"team": "płatności", "empty": ""}, properties.tags
    assert (properties.expires_on, properties.not_before, properties.enabled) == (ends, begins, True)
    assert properties.recovery_level == "Recoverable+Purgeable" and properties.recoverable_days == 90
    assert client.get_secret(name, first.properties.version).value == "first"

    for number in range(30):
        client.set_secret(f"{name}-{number:02}", "x")
    listed = [item.name for item in client.list_properties_of_secrets()]
    assert listed == sorted(listed) and name in listed, listed
    assert sum(item.startswith(f"{name}-") for item in listed) == 30, "every page was followed"
    versions = {item.version for item in client.list_properties_of_secret_versions(name)}
    assert versions == {first.properties.version, second.properties.version}

    client.set_secret(f"{name}-off", "x", enabled=False)
    off = refused(HttpResponseError, lambda: client.get_secret(f"{name}-off"))
    assert off.status_code == 403 and off.error.code == "Forbidden", off
    missing = refused(ResourceNotFoundError, lambda: client.get_secret("not-there"))
    assert missing.error.code == "SecretNotFound", missing

    changed = client.update_secret_properties(name, first.properties.version, content_type="old", tags={"kept": "yes"})
    assert (changed.content_type, changed.tags, changed.version) == ("old", {"kept": "yes"}, first.properties.version)
    assert client.get_secret(name, first.properties.version).value == "first"
    backup = client.backup_secret(name)
    assert isinstance(backup, bytes) and b"first" not in backup
    refused(ResourceExistsError, lambda: client.restore_secret_backup(backup))
    refused(HttpResponseError, lambda: client.restore_secret_backup(b"no backup"))

    deleted = client.begin_delete_secret(name).result()
    assert deleted.recovery_id and deleted.scheduled_purge_date > deleted.deleted_date
    refused(ResourceNotFoundError, lambda: client.get_secret(name))
    refused(ResourceExistsError, lambda: client.set_secret(name, "again"))
    assert client.get_deleted_secret(name).name == name
    assert name in [item.name for item in client.list_deleted_secrets()]
    recovered = client.begin_recover_deleted_secret(name)
    recovered.wait()
    assert client.get_secret(name).value == value
    client.begin_delete_secret(name).wait()
    client.purge_deleted_secret(name)
    refused(ResourceNotFoundError, lambda: client.get_deleted_secret(name))
    client.set_secret(name, "a new life")
    assert len(list(client.list_properties_of_secret_versions(name))) == 1
    client.begin_delete_secret(name).wait()
    client.purge_deleted_secret(name)
    restored = client.restore_secret_backup(backup)
    assert restored.version == second.properties.version, "the version ids are the old ones"
    assert {item.version for item in client.list_properties_of_secret_versions(name)} == versions
    assert client.get_secret(name).value == value
    assert client.get_secret(name, first.properties.version).properties.tags == {"kept": "yes"}

    if kind == "secret":
        denied(url)
    print("done")


def denied(url):
    """Who has no grant is told so; who has no credential gets no token."""
    nobody = client_secret(os.environ["NOBODY_CLIENT_ID"], os.environ["NOBODY_CLIENT_SECRET"])
    no_role = refused(HttpResponseError, lambda: SecretClient(url, nobody).get_secret("any"))
    assert no_role.status_code == 403 and no_role.error.innererror["code"] == "ForbiddenByRbac", no_role
    wrong = client_secret(os.environ["AZURE_CLIENT_ID"], os.environ["NOBODY_CLIENT_SECRET"])
    refused(ClientAuthenticationError, lambda: SecretClient(url, wrong).get_secret("any"))


main()
