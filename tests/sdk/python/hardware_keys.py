"""Keys in a hardware token through Azure's own Python packages, unmodified: made, used, rotated, destroyed.

Everything comes from the environment: VAULT_URL, AZURE_*, REQUESTS_CA_BUNDLE.
"""

import hashlib
import os

from azure.core.exceptions import HttpResponseError
from azure.identity import EnvironmentCredential
from azure.keyvault.keys import KeyClient, KeyCurveName, KeyType
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

CREDENTIAL = EnvironmentCredential()
CLIENT = KeyClient(os.environ["VAULT_URL"], CREDENTIAL)
TEXT = b"what is signed"
DIGEST = hashlib.sha256(TEXT).digest()


def number(data):
    return int.from_bytes(data, "big")


def refused(status, call):
    try:
        call()
    except HttpResponseError as error:
        assert error.status_code == status, error
        return str(error)
    raise AssertionError(f"{status} was expected")


def rsa_hsm():
    key = CLIENT.create_rsa_key("py-rsa", hardware_protected=True, size=2048)
    assert key.key_type == KeyType.rsa_hsm and key.properties.hsm_platform != "0"
    crypto = CryptographyClient(key, CREDENTIAL)
    signature = crypto.sign(SignatureAlgorithm.rs256, DIGEST).signature
    public = rsa.RSAPublicNumbers(number(key.key.e), number(key.key.n)).public_key()
    public.verify(signature, TEXT, padding.PKCS1v15(), hashes.SHA256())
    assert crypto.verify(SignatureAlgorithm.rs256, DIGEST, signature).is_valid
    # The package encrypts and wraps with the public half by itself; the token alone can undo it.
    sealed = crypto.encrypt(EncryptionAlgorithm.rsa_oaep, b"data").ciphertext
    assert crypto.decrypt(EncryptionAlgorithm.rsa_oaep, sealed).plaintext == b"data"
    wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep, b"k" * 32).encrypted_key
    second = CLIENT.rotate_key("py-rsa")
    assert second.id != key.id and second.key_type == KeyType.rsa_hsm and second.key.n != key.key.n
    assert crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep, wrapped).key == b"k" * 32, "an old version goes on"
    # What this token cannot decrypt by is not encrypted by the vault either.
    asks = CryptographyClient(key.id, CREDENTIAL)
    asks._keys_get_forbidden = True
    said = refused(400, lambda: asks.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"data"))
    assert "lacks the algorithm" in said, said
    asks.encrypt(EncryptionAlgorithm.rsa_oaep, b"data")


def ec_hsm():
    key = CLIENT.create_ec_key("py-ec", hardware_protected=True, curve=KeyCurveName.p_256)
    assert key.key_type == KeyType.ec_hsm
    crypto = CryptographyClient(key, CREDENTIAL)
    signature = crypto.sign(SignatureAlgorithm.es256, DIGEST).signature
    public = ec.EllipticCurvePublicNumbers(number(key.key.x), number(key.key.y), ec.SECP256R1()).public_key()
    encoded = utils.encode_dss_signature(number(signature[:32]), number(signature[32:]))
    public.verify(encoded, TEXT, ec.ECDSA(hashes.SHA256()))
    assert crypto.verify(SignatureAlgorithm.es256, DIGEST, signature).is_valid
    assert CLIENT.rotate_key("py-ec").key_type == KeyType.ec_hsm


def oct_hsm():
    key = CLIENT.create_oct_key("py-oct", size=256, hardware_protected=True)
    assert key.key_type == KeyType.oct_hsm and key.key.k is None
    # One client wraps and encrypts, another one undoes it: it was the token's key, not one that the package drew.
    there, back = CryptographyClient(key, CREDENTIAL), CryptographyClient(key.id, CREDENTIAL)
    wrapped = there.wrap_key(KeyWrapAlgorithm.aes_256, b"k" * 32).encrypted_key
    assert back.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped).key == b"k" * 32
    sealed = there.encrypt(EncryptionAlgorithm.a256_cbcpad, b"data", iv=b"v" * 16)
    assert back.decrypt(EncryptionAlgorithm.a256_cbcpad, sealed.ciphertext, iv=b"v" * 16).plaintext == b"data"
    sealed = there.encrypt(EncryptionAlgorithm.a256_gcm, b"data")
    opened = back.decrypt(EncryptionAlgorithm.a256_gcm, sealed.ciphertext, iv=sealed.iv,
                          authentication_tag=sealed.tag)
    assert opened.plaintext == b"data"


def end():
    for name in ("py-rsa", "py-ec", "py-oct"):
        CLIENT.begin_delete_key(name).wait()
        CLIENT.purge_deleted_key(name)
        refused(404, lambda: CLIENT.get_key(name))


rsa_hsm()
ec_hsm()
oct_hsm()
end()
print("done")
