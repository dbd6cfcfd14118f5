"""The life of certificates through Azure's own Python package, unmodified; what comes out is checked with Python's
cryptography.

Everything comes from the environment: VAULT_URL, AZURE_*, REQUESTS_CA_BUNDLE.
"""

import base64
import os
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import EnvironmentCredential
from azure.keyvault.certificates import (
    AdministratorContact, CertificateClient, CertificateContact, CertificateContentType, CertificatePolicy, KeyType, KeyUsageType, LifetimeAction,
    CertificatePolicyAction, WellKnownIssuerNames,
)
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import pkcs12

CREDENTIAL = EnvironmentCredential()
URL = os.environ["VAULT_URL"]
CLIENT = CertificateClient(URL, CREDENTIAL)
KEYS = KeyClient(URL, CREDENTIAL)
SECRETS = SecretClient(URL, CREDENTIAL)
DAY = timedelta(days=1)


def refused(status, call):
    try:
        call()
    except HttpResponseError as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"{status} was expected")


def default_policy():
    made = CLIENT.begin_create_certificate("py-default", CertificatePolicy.get_default(), _polling_interval=0.1).result()
    certificate = x509.load_der_x509_certificate(bytes(made.cer))
    assert certificate.subject.rfc4514_string() == "CN=DefaultPolicy", certificate.subject
    now = datetime.now(timezone.utc)
    assert now - DAY < certificate.not_valid_before_utc < now
    assert now + 364 * DAY < certificate.not_valid_after_utc < now + 367 * DAY
    assert made.properties.x509_thumbprint == certificate.fingerprint(hashes.SHA1())
    assert made.properties.expires_on == certificate.not_valid_after_utc
    assert made.policy.key_type == KeyType.rsa and made.policy.key_size == 2048
    secret = SECRETS.get_secret("py-default", made.properties.version)
    assert secret.properties.content_type == "application/x-pkcs12" and secret.properties.key_id == made.key_id
    key, leaf, others = pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)
    assert leaf == certificate and not others
    assert secret.properties.previous_version is None
    given = SECRETS.get_secret("py-default", out_content_type="application/x-pem-file")
    assert given.properties.content_type == "application/x-pem-file"
    assert serialization.load_pem_private_key(given.value.encode(), None).public_key() == certificate.public_key()
    refused(400, lambda: SECRETS.get_secret("py-default", out_content_type="text/plain"))
    # The key of the vault signs what the certificate verifies.
    crypto = CryptographyClient(KEYS.get_key("py-default"), CREDENTIAL)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"text")
    signature = crypto.sign(SignatureAlgorithm.rs256, digest.finalize()).signature
    certificate.public_key().verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())
    assert key.public_key() == certificate.public_key()


def life():
    policy = CertificatePolicy(
        issuer_name=WellKnownIssuerNames.self, subject="CN=app.example,O=Example", san_dns_names=["app.example"],
        key_type=KeyType.ec, key_curve_name="P-384", content_type=CertificateContentType.pem, validity_in_months=6,
        key_usage=[KeyUsageType.digital_signature], exportable=True, reuse_key=True,
        lifetime_actions=[LifetimeAction(CertificatePolicyAction.auto_renew, days_before_expiry=20)],
    )
    first = CLIENT.begin_create_certificate("py-life", policy, tags={"team": "payments"}, _polling_interval=0.1).result()
    assert first.properties.tags == {"team": "payments"} and first.policy.san_dns_names == ["app.example"]
    operation = CLIENT.get_certificate_operation("py-life")
    assert operation.status == "completed" and x509.load_der_x509_csr(bytes(operation.csr)).is_signature_valid
    second = CLIENT.begin_create_certificate("py-life", policy, _polling_interval=0.1).result()
    assert first.properties.version != second.properties.version
    of = x509.load_der_x509_certificate
    assert of(bytes(first.cer)).public_key() == of(bytes(second.cer)).public_key(), "reuse_key"
    versions = {version.version for version in CLIENT.list_properties_of_certificate_versions("py-life")}
    assert versions == {first.properties.version, second.properties.version}
    assert "py-life" in {line.name for line in CLIENT.list_properties_of_certificates()}
    updated = CLIENT.update_certificate_properties("py-life", second.properties.version, enabled=False, tags={"a": "b"})
    assert not updated.properties.enabled and updated.properties.tags == {"a": "b"}
    refused(403, lambda: SECRETS.get_secret("py-life"))
    CLIENT.update_certificate_properties("py-life", second.properties.version, enabled=True)
    assert SECRETS.get_secret("py-life").properties.previous_version == first.properties.version
    text = SECRETS.get_secret("py-life").value.encode()
    key = serialization.load_pem_private_key(text, None)
    assert isinstance(key.curve, ec.SECP384R1)
    changed = CLIENT.get_certificate_policy("py-life")
    changed._validity_in_months = 1
    assert CLIENT.update_certificate_policy("py-life", changed).validity_in_months == 1
    refused(403, lambda: KEYS.begin_delete_key("py-life"))

    blob = CLIENT.backup_certificate("py-life")
    deleted = CLIENT.begin_delete_certificate("py-life").result()
    assert deleted.recovery_id.endswith("/deletedcertificates/py-life")
    assert CLIENT.get_deleted_certificate("py-life").name == "py-life"
    assert "py-life" in {line.name for line in CLIENT.list_deleted_certificates()}
    CLIENT.begin_recover_deleted_certificate("py-life").wait()
    assert SECRETS.get_secret("py-life").value.encode() == text
    CLIENT.begin_delete_certificate("py-life").wait()
    CLIENT.purge_deleted_certificate("py-life")
    restored = CLIENT.restore_certificate_backup(blob)
    assert restored.cer == second.cer and SECRETS.get_secret("py-life").value.encode() == text


def merge():
    policy = CertificatePolicy(issuer_name=WellKnownIssuerNames.unknown, subject="CN=merged.example")
    operation = CLIENT.begin_create_certificate("py-merge", policy, _polling_interval=0.1).result()
    assert operation.status == "inProgress", operation
    request = x509.load_der_x509_csr(bytes(operation.csr))
    authority = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder().subject_name(request.subject).public_key(request.public_key())
        .issuer_name(x509.Name.from_rfc4514_string("CN=Authority")).serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY).not_valid_after(now + 9 * DAY).sign(authority, hashes.SHA256())
    )
    # As Azure's sample does it.
    pem = signed.public_bytes(serialization.Encoding.PEM)
    merged = CLIENT.merge_certificate("py-merge", x509_certificates=[base64.b64encode(pem)])
    assert bytes(merged.cer) == signed.public_bytes(serialization.Encoding.DER)

    CLIENT.begin_create_certificate("py-merge", policy, _polling_interval=0.1)
    assert CLIENT.cancel_certificate_operation("py-merge").status == "cancelled"
    CLIENT.delete_certificate_operation("py-merge")
    try:
        CLIENT.get_certificate_operation("py-merge")
        raise AssertionError("the operation is there still")
    except ResourceNotFoundError as error:
        assert error.error.code == "PendingCertificateNotFound"
    assert CLIENT.get_certificate("py-merge").cer == merged.cer


def imported():
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name.from_rfc4514_string("CN=imported.example")
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 9 * DAY)
        .sign(key, hashes.SHA256())
    )
    der = made.public_bytes(serialization.Encoding.DER)
    pfx = pkcs12.serialize_key_and_certificates(b"a", key, made, None, serialization.BestAvailableEncryption(b"open"))
    taken = CLIENT.import_certificate("py-pfx", pfx, password="open", tags={"a": "b"})
    assert bytes(taken.cer) == der and taken.properties.tags == {"a": "b"}
    assert taken.policy.issuer_name == "Unknown" and taken.policy.subject == "CN=imported.example", taken.policy
    again, leaf, _ = pkcs12.load_key_and_certificates(base64.b64decode(SECRETS.get_secret("py-pfx").value), None)
    assert leaf == made and again.private_numbers() == key.private_numbers()
    refused(400, lambda: CLIENT.import_certificate("py-pfx", pfx, password="wrong"))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    policy = CertificatePolicy(issuer_name=WellKnownIssuerNames.self, content_type=CertificateContentType.pem)
    assert bytes(CLIENT.import_certificate("py-pem", pem, policy=policy).cer) == der
    assert SECRETS.get_secret("py-pem").properties.content_type == "application/x-pem-file"
    # A later one is a new version; a deleted name is taken.
    assert CLIENT.import_certificate("py-pem", pem, policy=policy).properties.version
    CLIENT.begin_delete_certificate("py-pem").wait()
    refused(409, lambda: CLIENT.import_certificate("py-pem", pem, policy=policy))


def contacts_and_issuers():
    try:
        CLIENT.get_contacts()
        raise AssertionError("there are no contacts yet")
    except ResourceNotFoundError:
        pass
    people = [CertificateContact(email="ops@app.example", name="Ops"), CertificateContact(email="b@app.example")]
    assert [c.email for c in CLIENT.set_contacts(people)] == ["ops@app.example", "b@app.example"]
    assert CLIENT.get_contacts()[0].name == "Ops"
    assert len(CLIENT.delete_contacts()) == 2

    # Azure's package has no words for an authority: what it sends is told to it as it goes over the wire.
    CLIENT._client.create_certificate("py-root", {
        "policy": {
            "issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-256"},
            "x509_props": {
                "subject": "CN=py-root", "key_usage": ["keyCertSign", "cRLSign"], "ekus": [],
                "basic_constraints": {"ca": True},
            },
        },
    })
    issuer = CLIENT.create_issuer(
        "py-house", "Strongroom-CA", account_id="acc", password="never", organization_id="py-root",
        admin_contacts=[AdministratorContact(first_name="A", email="ops@app.example")],
    )
    assert issuer.provider == "Strongroom-CA" and issuer.account_id == "acc" and issuer.password is None, issuer
    assert CLIENT.get_issuer("py-house").organization_id == "py-root"
    assert [(i.name, i.provider) for i in CLIENT.list_properties_of_issuers()] == [("py-house", "Strongroom-CA")]
    assert CLIENT.update_issuer("py-house", enabled=False).enabled is False
    wanted = CertificatePolicy(issuer_name="py-house", subject="CN=issued.example")
    refused(400, lambda: CLIENT.begin_create_certificate("py-issued", wanted))
    assert CLIENT.update_issuer("py-house", enabled=True).enabled is True
    wanted = CertificatePolicy(issuer_name="py-house", subject="CN=issued.example", san_dns_names=["issued.example"])
    issued = CLIENT.begin_create_certificate("py-issued", wanted, _polling_interval=0.2).result()
    leaf = x509.load_der_x509_certificate(bytes(issued.cer))
    root = x509.load_der_x509_certificate(bytes(CLIENT.get_certificate("py-root").cer))
    leaf.verify_directly_issued_by(root)
    assert CLIENT.delete_issuer("py-house").provider == "Strongroom-CA"
    refused(404, lambda: CLIENT.get_issuer("py-house"))


default_policy()
life()
imported()
merge()
contacts_and_issuers()
print("done")
