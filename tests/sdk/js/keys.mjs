// The life and the use of keys through Azure's own JavaScript packages, unmodified; what they give is checked with
// Node's crypto (OpenSSL), in both directions. Everything comes from the environment: VAULT_URL, AZURE_*,
// NODE_EXTRA_CA_CERTS.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { EnvironmentCredential } from '@azure/identity';
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys';

const { VAULT_URL } = process.env;
const credential = new EnvironmentCredential();
const client = new KeyClient(VAULT_URL, credential);
const text = Buffer.from('what is signed');
const digest = (size) => crypto.createHash(`sha${size}`).update(text).digest();
const refused = (call, status, code) =>
  assert.rejects(call, (error) => {
    assert.deepEqual([error.statusCode, error.code], [status, code], String(error));
    return true;
  });
const jwk = (key) => {
  const part = (bytes) => bytes && Buffer.from(bytes).toString('base64url');
  const { n, e, x, y } = key.key;
  const crv = key.key.crv === 'P-256K' ? 'secp256k1' : key.key.crv;
  const members = { kty: key.keyType, crv, n: part(n), e: part(e), x: part(x), y: part(y) };
  return crypto.createPublicKey({ key: JSON.parse(JSON.stringify(members)), format: 'jwk' });
};

const first = await client.createEcKey('js-life', { curve: 'P-256', tags: { a: 'b' } });
const second = await client.createRsaKey('js-life', { keySize: 2048 });
assert.equal((await client.getKey('js-life')).id, second.id);
assert.equal((await client.getKey('js-life', { version: first.properties.version })).id, first.id);
await client.updateKeyProperties('js-life', second.properties.version, { enabled: false, keyOps: ['sign'] });
const versions = [];
for await (const item of client.listPropertiesOfKeyVersions('js-life')) versions.push(item.version);
assert.equal(versions.length, 2);
const backup = await client.backupKey('js-life');
await (await client.beginDeleteKey('js-life', { intervalInMs: 50 })).pollUntilDone();
assert.ok((await client.getDeletedKey('js-life')).properties.recoveryId);
await (await client.beginRecoverDeletedKey('js-life', { intervalInMs: 50 })).pollUntilDone();
await (await client.beginDeleteKey('js-life', { intervalInMs: 50 })).pollUntilDone();
await client.purgeDeletedKey('js-life');
await refused(() => client.getKey('js-life'), 404, 'KeyNotFound');
assert.equal((await client.restoreKeyBackup(backup)).id, second.id);

for (const [curve, algorithm, size] of [
  ['P-256', 'ES256', 256], ['P-256K', 'ES256K', 256], ['P-384', 'ES384', 384], ['P-521', 'ES512', 512],
]) {
  const key = await client.createEcKey(`js-${curve}`, { curve });
  const use = new CryptographyClient(key, credential);
  const { result } = await use.sign(algorithm, digest(size));
  const given = { key: jwk(key), dsaEncoding: 'ieee-p1363' };
  assert.ok(crypto.verify(`sha${size}`, text, given, result), algorithm);
  assert.ok((await use.verify(algorithm, digest(size), result)).result);
}

for (const keySize of [2048, 3072, 4096]) {
  const key = await client.createRsaKey(`js-rsa-${keySize}`, { keySize });
  const use = new CryptographyClient(key, credential);
  for (const size of [256, 384, 512]) {
    const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: size / 8 };
    for (const [algorithm, more] of [[`RS${size}`, {}], [`PS${size}`, pss]]) {
      const { result } = await use.sign(algorithm, digest(size));
      assert.ok(crypto.verify(`sha${size}`, text, { key: jwk(key), ...more }, result), algorithm);
    }
  }
  for (const [algorithm, more] of [
    ['RSA1_5', { padding: crypto.constants.RSA_PKCS1_PADDING }],
    ['RSA-OAEP', { oaepHash: 'sha1' }],
    ['RSA-OAEP-256', { oaepHash: 'sha256' }],
  ]) {
    const theirs = crypto.publicEncrypt({ key: jwk(key), ...more }, text);
    assert.deepEqual(Buffer.from((await use.decrypt({ algorithm, ciphertext: theirs })).result), text, algorithm);
    assert.deepEqual(Buffer.from((await use.unwrapKey(algorithm, theirs)).result), text);
    const ours = await use.encrypt({ algorithm, plaintext: text });
    assert.deepEqual(Buffer.from((await use.decrypt({ algorithm, ciphertext: ours.result })).result), text);
    const wrapped = await use.wrapKey(algorithm, text);
    assert.deepEqual(Buffer.from((await use.unwrapKey(algorithm, wrapped.result)).result), text);
  }
}

for (const bits of [128, 192, 256]) {
  const material = crypto.randomBytes(bits / 8);
  const keyOps = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey', 'sign', 'verify'];
  const key = await client.importKey(`js-oct-${bits}`, { kty: 'oct', k: material, keyOps });
  const use = new CryptographyClient(key.id, credential);
  const aad = Buffer.from('aad');
  const gcm = { algorithm: `A${bits}GCM`, additionalAuthenticatedData: aad };
  const sealed = await use.encrypt({ ...gcm, plaintext: text });
  const node = crypto.createDecipheriv(`aes-${bits}-gcm`, material, sealed.iv);
  node.setAAD(aad).setAuthTag(sealed.authenticationTag);
  assert.deepEqual(Buffer.concat([node.update(sealed.result), node.final()]), text, gcm.algorithm);
  const { result: ciphertext, iv, authenticationTag } = sealed;
  assert.deepEqual(Buffer.from((await use.decrypt({ ...gcm, ciphertext, iv, authenticationTag })).result), text);
  for (const [algorithm, plaintext] of [[`A${bits}CBC`, digest(256)], [`A${bits}CBCPAD`, text]]) {
    const ours = await use.encrypt({ algorithm, plaintext });
    const theirs = crypto.createCipheriv(`aes-${bits}-cbc`, material, ours.iv);
    theirs.setAutoPadding(algorithm.endsWith('PAD'));
    const expected = Buffer.concat([theirs.update(plaintext), theirs.final()]);
    assert.deepEqual(Buffer.from(ours.result), expected, algorithm);
    const opened = await use.decrypt({ algorithm, ciphertext: expected, iv: ours.iv });
    assert.deepEqual(Buffer.from(opened.result), plaintext);
  }
  const wrapped = await use.wrapKey(`A${bits}KW`, digest(256));
  const wrap = crypto.createCipheriv(`id-aes${bits}-wrap`, material, Buffer.alloc(8, 0xa6));
  assert.deepEqual(Buffer.from(wrapped.result), Buffer.concat([wrap.update(digest(256)), wrap.final()]));
  assert.deepEqual(Buffer.from((await use.unwrapKey(`A${bits}KW`, wrapped.result)).result), digest(256));
  for (const size of [256, 384, 512]) {
    const code = (await use.sign(`HS${size}`, digest(size))).result;
    const theirs = crypto.createHmac(`sha${size}`, material).update(digest(size)).digest();
    assert.deepEqual(Buffer.from(code), theirs, `HS${size}`);
    assert.ok((await use.verify(`HS${size}`, digest(size), theirs)).result);
    assert.ok(!(await use.verify(`HS${size}`, digest(size), Buffer.alloc(theirs.length))).result);
  }
}

const early = await client.createEcKey('js-early', { notBefore: new Date(Date.now() + 3600_000) });
await refused(() => new CryptographyClient(early.id, credential).sign('ES256', digest(256)), 403, 'Forbidden')
  .catch((error) => assert.match(String(error), /can't be used before/i));
console.log('done');
