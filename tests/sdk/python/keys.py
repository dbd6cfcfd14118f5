"""The life and the use of keys through Azure's own Python packages, unmodified; what they give is checked
with Python's cryptography, and what cryptography makes is taken back, in both directions.

Everything comes from the environment: VAULT_URL, AZURE_*, REQUESTS_CA_BUNDLE.
"""

import hashlib
import hmac
import os
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import UserAgentPolicy
from azure.identity import EnvironmentCredential
from azure.keyvault.keys import (
    JsonWebKey, KeyClient, KeyCurveName, KeyOperation, KeyRotationLifetimeAction, KeyRotationPolicy,
    KeyRotationPolicyAction, KeyType,
)
from azure.keyvault.keys.crypto import (
    CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm,
)
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CREDENTIAL = EnvironmentCredential()
CLIENT = KeyClient(os.environ["VAULT_URL"], CREDENTIAL)
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {
    KeyCurveName.p_256: (ec.SECP256R1(), SignatureAlgorithm.es256, "256", 32),
    KeyCurveName.p_256_k: (ec.SECP256K1(), SignatureAlgorithm.es256_k, "256", 32),
    KeyCurveName.p_384: (ec.SECP384R1(), SignatureAlgorithm.es384, "384", 48),
    KeyCurveName.p_521: (ec.SECP521R1(), SignatureAlgorithm.es512, "512", 66),
}
TEXT = b"what is signed"


def digest(size):
    return hashlib.new(f"sha{size}", TEXT).digest()


def number(data):
    return int.from_bytes(data, "big")


def data(value, length=None):
    return value.to_bytes(length or (value.bit_length() + 7) // 8, "big")


def refused(status, code, call, inner=None):
    try:
        call()
    except HttpResponseError as error:
        assert error.status_code == status, error
        assert error.error.code == code, error
        if inner:
            assert error.error.innererror["code"] == inner, error
        return error
    raise AssertionError(f"{code} was expected")


def remote(key_id):
    """A client that leaves everything to the server, as one does that may not read the key: the package would
    otherwise verify, encrypt and wrap by itself."""
    client = CryptographyClient(key_id, CREDENTIAL)
    client._keys_get_forbidden = True
    return client


def public_rsa(key):
    return rsa.RSAPublicNumbers(number(key.key.e), number(key.key.n)).public_key()


def public_ec(key, curve):
    return ec.EllipticCurvePublicNumbers(number(key.key.x), number(key.key.y), curve).public_key()


def life():
    name = "py-life"
    expires = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    first = CLIENT.create_ec_key(name, curve=KeyCurveName.p_256, tags={"team": "płatności"}, expires_on=expires)
    assert first.properties.tags == {"team": "płatności"} and first.properties.expires_on == expires
    assert first.properties.exportable is False and first.key_type == KeyType.ec
    second = CLIENT.create_rsa_key(name, size=2048)
    assert second.properties.version != first.properties.version
    assert CLIENT.get_key(name).id == second.id and CLIENT.get_key(name, first.properties.version).id == first.id
    assert [op for op in second.key_operations] == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
    updated = CLIENT.update_key_properties(name, key_operations=[KeyOperation.sign], enabled=False, tags={})
    assert updated.key_operations == ["sign"] and updated.properties.enabled is False
    versions = {item.version for item in CLIENT.list_properties_of_key_versions(name)}
    assert versions == {first.properties.version, second.properties.version}
    assert name in [item.name for item in CLIENT.list_properties_of_keys()]
    backup = CLIENT.backup_key(name)
    deleted = CLIENT.begin_delete_key(name).result()
    assert deleted.recovery_id and deleted.scheduled_purge_date > deleted.deleted_date
    assert CLIENT.get_deleted_key(name).id == second.id
    assert name in [item.name for item in CLIENT.list_deleted_keys()]
    refused(409, "Conflict", lambda: CLIENT.create_ec_key(name), "ObjectIsDeletedButRecoverable")
    CLIENT.begin_recover_deleted_key(name).wait()
    refused(409, "Conflict", lambda: CLIENT.restore_key_backup(backup))
    CLIENT.begin_delete_key(name).wait()
    CLIENT.purge_deleted_key(name)
    refused(404, "KeyNotFound", lambda: CLIENT.get_key(name))
    restored = CLIENT.restore_key_backup(backup)
    assert restored.id == second.id and restored.key_operations == ["sign"]
    refused(400, "BadParameter", lambda: CLIENT.create_rsa_key("py-hsm", hardware_protected=True))
    refused(400, "BadParameter", lambda: CLIENT.create_rsa_key("py-small", size=1024))
    refused(400, "BadParameter", lambda: CLIENT.create_ec_key("py-out", exportable=True))


def signatures():
    for curve, (theirs, algorithm, size, length) in CURVES.items():
        key = CLIENT.create_ec_key(f"py-{curve.value}", curve=curve)
        crypto = remote(key.id)
        signature = crypto.sign(algorithm, digest(size)).signature
        assert len(signature) == 2 * length
        encoded = utils.encode_dss_signature(number(signature[:length]), number(signature[length:]))
        public_ec(key, theirs).verify(encoded, TEXT, ec.ECDSA(HASHES[size]))
        assert CryptographyClient(key, CREDENTIAL).verify(algorithm, digest(size), signature).is_valid
        assert crypto.verify(algorithm, digest(size), signature).is_valid
        assert not crypto.verify(algorithm, digest(size), bytes(2 * length)).is_valid
        # And a key of theirs, imported: what they sign with it, the vault verifies.
        own = ec.generate_private_key(theirs)
        numbers = own.private_numbers()
        imported = CLIENT.import_key(f"py-in-{curve.value}", JsonWebKey(
            kty="EC", crv=curve, key_ops=["sign", "verify"], d=data(numbers.private_value, length),
            x=data(numbers.public_numbers.x, length), y=data(numbers.public_numbers.y, length)))
        r, s = utils.decode_dss_signature(own.sign(TEXT, ec.ECDSA(HASHES[size])))
        assert verified(imported, algorithm, digest(size), data(r, length) + data(s, length))
        signature = remote(imported.id).sign(algorithm, digest(size)).signature
        encoded = utils.encode_dss_signature(number(signature[:length]), number(signature[length:]))
        own.public_key().verify(encoded, TEXT, ec.ECDSA(HASHES[size]))
    for bits in (2048, 3072, 4096):
        key = CLIENT.create_rsa_key(f"py-rsa-{bits}", size=bits)
        crypto = remote(key.id)
        for size, theirs in HASHES.items():
            for algorithm, pad in [
                (f"RS{size}", padding.PKCS1v15()),
                (f"PS{size}", padding.PSS(mgf=padding.MGF1(theirs), salt_length=padding.PSS.DIGEST_LENGTH)),
            ]:
                signature = crypto.sign(SignatureAlgorithm(algorithm), digest(size)).signature
                public_rsa(key).verify(signature, TEXT, pad, theirs)
                assert verified(key, algorithm, digest(size), signature)
                assert not verified(key, algorithm, digest(size), bytes(bits // 8))


def verified(key, algorithm, value, signature):
    return remote(key.id).verify(SignatureAlgorithm(algorithm), value, signature).is_valid


def oaep(theirs):
    return padding.OAEP(mgf=padding.MGF1(theirs), algorithm=theirs, label=None)


def rsa_encryption():
    key = CLIENT.get_key("py-rsa-2048")
    crypto = remote(key.id)
    paddings = {"RSA1_5": padding.PKCS1v15(), "RSA-OAEP": oaep(hashes.SHA1()), "RSA-OAEP-256": oaep(hashes.SHA256())}
    own = rsa.generate_private_key(65537, 2048)
    private, public = own.private_numbers(), own.private_numbers().public_numbers
    imported = CLIENT.import_key("py-in-rsa", JsonWebKey(
        kty="RSA", key_ops=["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"], n=data(public.n),
        e=data(public.e), d=data(private.d), p=data(private.p), q=data(private.q), dp=data(private.dmp1),
        dq=data(private.dmq1), qi=data(private.iqmp)))
    for algorithm, pad in paddings.items():
        theirs = public_rsa(key).encrypt(b"data", pad)
        assert crypto.decrypt(EncryptionAlgorithm(algorithm), theirs).plaintext == b"data"
        assert crypto.unwrap_key(KeyWrapAlgorithm(algorithm), theirs).key == b"data"
        ours = remote(imported.id)
        assert own.decrypt(ours.encrypt(EncryptionAlgorithm(algorithm), b"data").ciphertext, pad) == b"data"
        assert own.decrypt(ours.wrap_key(KeyWrapAlgorithm(algorithm), b"data").encrypted_key, pad) == b"data"
        failures = set()
        for bad in (bytes(256), b"\xff" * 256, theirs[:-1], theirs + b"\0", b"", theirs[:-1] + bytes([theirs[-1] ^ 1])):
            error = refused(400, "BadParameter", lambda: crypto.decrypt(EncryptionAlgorithm(algorithm), bad))
            failures.add(error.message)
        assert len(failures) == 1, failures
    mismatched = JsonWebKey(kty="RSA", n=data(public.n), e=data(public.e), d=data(private.d), p=data(private.q),
                            q=data(private.p), dp=data(private.dmp1), dq=data(private.dmq1), qi=data(private.iqmp))
    refused(400, "BadParameter", lambda: CLIENT.import_key("py-bad", mismatched))


def symmetric():
    for bits in (128, 192, 256):
        material = os.urandom(bits // 8)
        key = CLIENT.import_key(f"py-oct-{bits}", JsonWebKey(
            kty="oct", k=material, key_ops=["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"]))
        assert key.key.k is None, "a symmetric key never comes back"
        crypto = remote(key.id)
        gcm = EncryptionAlgorithm(f"A{bits}GCM")
        sealed = crypto.encrypt(gcm, TEXT, additional_authenticated_data=b"aad")
        assert AESGCM(material).decrypt(sealed.iv, sealed.ciphertext + sealed.tag, b"aad") == TEXT
        nonce = os.urandom(12)
        theirs = AESGCM(material).encrypt(nonce, TEXT, b"aad")
        opened = crypto.decrypt(gcm, theirs[:-16], iv=nonce, authentication_tag=theirs[-16:],
                                additional_authenticated_data=b"aad")
        assert opened.plaintext == TEXT
        refused(400, "BadParameter", lambda: crypto.decrypt(
            gcm, theirs[:-16], iv=nonce, authentication_tag=bytes(16), additional_authenticated_data=b"aad"))
        iv, blocks = os.urandom(16), b"0123456789abcdef" * 2
        encryptor = Cipher(algorithms.AES(material), modes.CBC(iv)).encryptor()
        theirs = encryptor.update(blocks) + encryptor.finalize()
        cbc = EncryptionAlgorithm(f"A{bits}CBC")
        assert crypto.encrypt(cbc, blocks, iv=iv).ciphertext == theirs
        assert crypto.decrypt(cbc, theirs, iv=iv).plaintext == blocks
        padded = crypto.encrypt(EncryptionAlgorithm(f"A{bits}CBCPAD"), TEXT, iv=iv)
        decryptor = Cipher(algorithms.AES(material), modes.CBC(iv)).decryptor()
        assert decryptor.update(padded.ciphertext) + decryptor.finalize() == TEXT + bytes([2]) * 2
        assert crypto.decrypt(EncryptionAlgorithm(f"A{bits}CBCPAD"), padded.ciphertext, iv=iv).plaintext == TEXT
        wrapped = crypto.wrap_key(KeyWrapAlgorithm(f"A{bits}KW"), blocks).encrypted_key
        assert keywrap.aes_key_unwrap(material, wrapped) == blocks
        assert crypto.unwrap_key(KeyWrapAlgorithm(f"A{bits}KW"), keywrap.aes_key_wrap(material, blocks)).key == blocks
        for size in ("256", "384", "512"):
            algorithm, value = SignatureAlgorithm(f"HS{size}"), digest(size)
            code = crypto.sign(algorithm, value).signature
            assert code == hmac.digest(material, value, f"sha{size}")
            assert crypto.verify(algorithm, value, code).is_valid
            assert not crypto.verify(algorithm, value, bytes(len(code))).is_valid
    made = CLIENT.create_oct_key("py-oct", size=256, hardware_protected=False)
    assert made.key_type == "oct"
    nothing_is_sealed_under_a_key_that_the_package_drew()


def nothing_is_sealed_under_a_key_that_the_package_drew():
    material, key_of_data = os.urandom(32), b"0123456789abcdef" * 2
    wrap, pad = KeyWrapAlgorithm.aes_256, EncryptionAlgorithm.a256_cbcpad
    uses = [KeyOperation.encrypt, KeyOperation.decrypt, KeyOperation.wrap_key, KeyOperation.unwrap_key]
    jwk = JsonWebKey(kty="oct", k=material, key_ops=uses)
    key = CLIENT.import_key("py-drawn", jwk)
    # The package uses a symmetric key by itself for what key_ops names, so it is told of nothing of that sort.
    assert key.key_operations == [] and CLIENT.get_key("py-drawn").key_operations == []
    for client in (CryptographyClient(key, CREDENTIAL), CryptographyClient(key.id, CREDENTIAL)):
        assert keywrap.aes_key_unwrap(material, client.wrap_key(wrap, key_of_data).encrypted_key) == key_of_data
        theirs = keywrap.aes_key_wrap(material, key_of_data)
        assert client.unwrap_key(wrap, theirs).key == key_of_data
        sealed = client.encrypt(pad, TEXT, iv=b"v" * 16).ciphertext
        assert remote(key.id).decrypt(pad, sealed, iv=b"v" * 16).plaintext == TEXT
    # A program that calls itself something else is told all, and then the package draws a key and loses what it
    # wraps. Who may not read the key is safe there too.
    otherwise = UserAgentPolicy("another-program/1", user_agent_use_env=False)
    known = KeyClient(os.environ["VAULT_URL"], CREDENTIAL, user_agent_policy=otherwise).get_key("py-drawn")
    assert known.key_operations == uses
    lost = CryptographyClient(known, CREDENTIAL).wrap_key(wrap, key_of_data).encrypted_key
    try:
        keywrap.aes_key_unwrap(material, lost)
        raise AssertionError("the package is mended: say so in the documents")
    except keywrap.InvalidUnwrap:
        pass
    refused(400, "BadParameter", lambda: remote(key.id).unwrap_key(wrap, lost))
    kept = remote(key.id).wrap_key(wrap, key_of_data).encrypted_key
    assert keywrap.aes_key_unwrap(material, kept) == key_of_data


def windows_and_operations():
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    early = CLIENT.create_ec_key("py-early", not_before=soon)
    refused(403, "Forbidden", lambda: remote(early.id).sign(SignatureAlgorithm.es256, digest("256")))
    only = CLIENT.create_rsa_key("py-only", key_operations=[KeyOperation.verify])
    refused(403, "Forbidden", lambda: remote(only.id).sign(SignatureAlgorithm.rs256, digest("256")), "KeyOperationForbidden")
    off = CLIENT.create_ec_key("py-off", enabled=False)
    refused(403, "Forbidden", lambda: remote(off.id).sign(SignatureAlgorithm.es256, digest("256")), "KeyDisabled")
    assert len(CLIENT.get_random_bytes(32)) == 32


def rotation():
    name = "py-turning"
    first = CLIENT.create_rsa_key(name, key_operations=[KeyOperation.encrypt, KeyOperation.decrypt], tags={"a": "b"})
    usual = CLIENT.get_key_rotation_policy(name)
    assert usual.created_on is None and usual.expires_in is None
    assert [(a.action, a.time_before_expiry) for a in usual.lifetime_actions] == [(KeyRotationPolicyAction.notify, "P30D")]
    rotate = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P90D")
    policy = CLIENT.update_key_rotation_policy(name, KeyRotationPolicy(), lifetime_actions=[rotate], expires_in="P2Y")
    assert policy.expires_in == "P2Y" and policy.created_on and policy.updated_on and policy.id.endswith("/rotationpolicy")
    assert {a.action for a in policy.lifetime_actions} == {KeyRotationPolicyAction.rotate, KeyRotationPolicyAction.notify}
    again = CLIENT.get_key_rotation_policy(name)
    assert again.id == policy.id and again.updated_on == policy.updated_on
    # As it was read it can be written.
    assert CLIENT.update_key_rotation_policy(name, again).expires_in == "P2Y"
    sealed = public_rsa(first).encrypt(b"data", oaep(hashes.SHA256()))
    second = CLIENT.rotate_key(name)
    assert second.id != first.id and second.key.n != first.key.n and second.properties.tags == {"a": "b"}
    assert second.key_operations == first.key_operations
    assert timedelta(days=729) < second.properties.expires_on - second.properties.created_on < timedelta(days=732)
    assert CLIENT.get_key(name).id == second.id
    assert remote(first.id).decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed).plaintext == b"data"
    soon = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P1D")
    refused(400, "BadParameter", lambda: CLIENT.update_key_rotation_policy(name, policy, lifetime_actions=[soon]))
    refused(404, "KeyNotFound", lambda: CLIENT.rotate_key("py-none"))


life()
rotation()
signatures()
rsa_encryption()
symmetric()
windows_and_operations()
print("done")
