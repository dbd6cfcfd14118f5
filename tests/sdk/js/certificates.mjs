// The life of certificates through Azure's own JavaScript packages, unmodified. What comes out is checked with OpenSSL,
// and servers that were started with what was exported, as PFX and as PEM, serve real clients. Everything comes from
// the environment: VAULT_URL, AZURE_*, NODE_EXTRA_CA_CERTS.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { EnvironmentCredential } from '@azure/identity';
import { CertificateClient } from '@azure/keyvault-certificates';
import { SecretClient } from '@azure/keyvault-secrets';

const { VAULT_URL } = process.env;
const credential = new EnvironmentCredential();
const client = new CertificateClient(VAULT_URL, credential);
const secrets = new SecretClient(VAULT_URL, credential);
const soon = { intervalInMs: 50 };
const made = async (name, policy, options) =>
  (await client.beginCreateCertificate(name, policy, { ...soon, ...options })).pollUntilDone();
const refused = (call, status, code) =>
  assert.rejects(call, (error) => {
    assert.deepEqual([error.statusCode, error.code], [status, code], String(error));
    return true;
  });
const all = async (pages) => {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
};
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'certificates-'));
const openssl = (...line) => execFileSync('openssl', line, { cwd: folder, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
const file = (name, content) => {
  fs.writeFileSync(path.join(folder, name), content);
  return name;
};
const pem = (der) => new crypto.X509Certificate(der).toString();

// A server that has nothing but what was exported, and a client that trusts nothing but the certificate.
const serves = async (context, certificate, servername) => {
  const server = tls.createServer(context, (socket) => socket.end('served')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: pem(certificate.cer), servername });
  let said = '';
  for await (const part of socket.setEncoding('utf8')) said += part;
  assert.equal(said, 'served');
  server.close();
};

const policy = {
  issuerName: 'Self', subject: 'CN=app.example,O=Example', subjectAlternativeNames: { dnsNames: ['app.example'] },
  keyType: 'EC', keyCurveName: 'P-256', contentType: 'application/x-pem-file', validityInMonths: 6, exportable: true,
  reuseKey: true, keyUsage: ['digitalSignature'], enhancedKeyUsage: ['1.3.6.1.5.5.7.3.1'],
  lifetimeActions: [{ action: 'AutoRenew', daysBeforeExpiry: 20 }],
};

try {
  const first = await made('js-life', policy, { tags: { team: 'payments' } });
  assert.deepEqual(first.properties.tags, { team: 'payments' });
  const shown = openssl('x509', '-in', file('first.pem', pem(first.cer)), '-noout', '-subject', '-ext', 'subjectAltName');
  assert.match(shown, /CN = app\.example/);
  assert.match(shown, /DNS:app\.example/);
  assert.match(openssl('verify', '-CAfile', 'first.pem', '-purpose', 'sslserver', 'first.pem'), /OK/);
  const thumbprint = Buffer.from(first.properties.x509Thumbprint).toString('hex').toUpperCase();
  assert.equal(new crypto.X509Certificate(first.cer).fingerprint.replaceAll(':', ''), thumbprint);
  const operation = (await client.getCertificateOperation('js-life')).getOperationState().certificateOperation;
  assert.equal(operation.status, 'completed');
  const second = await made('js-life', policy);
  assert.notEqual(second.properties.version, first.properties.version);
  const keyOf = (certificate) => new crypto.X509Certificate(certificate.cer).publicKey.export({ type: 'spki', format: 'pem' });
  assert.equal(keyOf(second), keyOf(first), 'reuseKey');
  assert.deepEqual((await client.getCertificateVersion('js-life', first.properties.version)).cer, first.cer);
  assert.equal((await client.getCertificate('js-life')).properties.version, second.properties.version);
  const versions = await all(client.listPropertiesOfCertificateVersions('js-life'));
  assert.deepEqual(new Set(versions.map((item) => item.version)), new Set([first, second].map((item) => item.properties.version)));
  assert.ok((await all(client.listPropertiesOfCertificates())).some((item) => item.name === 'js-life'));
  const updated = await client.updateCertificateProperties('js-life', second.properties.version, { enabled: false, tags: { a: 'b' } });
  assert.deepEqual([updated.properties.enabled, updated.properties.tags], [false, { a: 'b' }]);
  await refused(() => secrets.getSecret('js-life'), 403, 'Forbidden');
  await client.updateCertificateProperties('js-life', second.properties.version, { enabled: true });
  const stored = await client.getCertificatePolicy('js-life');
  const [action] = stored.lifetimeActions;
  assert.deepEqual([stored.validityInMonths, action.action, action.daysBeforeExpiry], [6, 'AutoRenew', 20]);
  // The package answers with an empty policy, whatever the server says.
  await client.updateCertificatePolicy('js-life', { ...stored, validityInMonths: 1 });
  assert.equal((await client.getCertificatePolicy('js-life')).validityInMonths, 1);

  // PEM and PFX, in servers.
  const text = (await secrets.getSecret('js-life')).value;
  file('life.pem', text);
  assert.match(openssl('x509', '-in', 'life.pem', '-noout', '-pubkey'), /PUBLIC KEY/);
  assert.equal(openssl('pkey', '-in', 'life.pem', '-pubout'), openssl('x509', '-in', 'life.pem', '-noout', '-pubkey'));
  await serves({ cert: text, key: text }, second, 'app.example');
  const rsa = await made('js-pfx', {
    ...policy, keyType: 'RSA', keySize: 2048, keyCurveName: undefined, contentType: 'application/x-pkcs12',
    keyUsage: ['digitalSignature', 'keyEncipherment'],
  });
  const pfx = Buffer.from((await secrets.getSecret('js-pfx')).value, 'base64');
  assert.match(openssl('pkcs12', '-in', file('rsa.pfx', pfx), '-passin', 'pass:', '-nodes'), /PRIVATE KEY/);
  await serves({ pfx, passphrase: '' }, rsa, 'app.example');

  // Taken in: what OpenSSL wrote, and not with another password.
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=imported.example',
    '-days', '9', '-keyout', 'i.key', '-out', 'i.pem');
  openssl('pkcs12', '-export', '-inkey', 'i.key', '-in', 'i.pem', '-passout', 'pass:open', '-out', 'i.pfx');
  const given = fs.readFileSync(path.join(folder, 'i.pfx'));
  const imported = await client.importCertificate('js-import', given, { password: 'open', tags: { a: 'b' } });
  assert.equal(pem(imported.cer), pem(fs.readFileSync(path.join(folder, 'i.pem'))));
  assert.deepEqual([imported.policy.issuerName, imported.properties.tags], ['Unknown', { a: 'b' }]);
  await refused(() => client.importCertificate('js-import', given, { password: 'wrong' }), 400, 'BadParameter');
  const both = ['i.key', 'i.pem'].map((name) => fs.readFileSync(path.join(folder, name))).reduce((a, b) => Buffer.concat([a, b]));
  const again = await client.importCertificate('js-import', both, { policy: { contentType: 'application/x-pem-file' } });
  assert.notEqual(again.properties.version, imported.properties.version);

  // A request, signed by an authority of OpenSSL's; one that is cancelled; one that is deleted.
  const waiting = { issuerName: 'Unknown', subject: 'CN=merged.example' };
  await client.beginCreateCertificate('js-merge', waiting, soon);
  const { csr } = (await client.getCertificateOperation('js-merge')).getOperationState().certificateOperation;
  const request = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  file('merge.csr', request);
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Authority', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30');
  openssl('x509', '-req', '-in', 'merge.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '9', '-out', 'merged.pem');
  // As Azure's sample does it: base64 without the lines around it.
  const lines = fs.readFileSync(path.join(folder, 'merged.pem'), 'utf8').split('\n').slice(1, -2).join('');
  const merged = await client.mergeCertificate('js-merge', [Buffer.from(lines)]);
  file('leaf.pem', pem(merged.cer));
  assert.match(openssl('verify', '-CAfile', 'ca.pem', 'leaf.pem'), /OK/);
  const poller = await client.beginCreateCertificate('js-merge', waiting, soon);
  await poller.cancelOperation();
  await assert.rejects(() => client.getCertificateOperation('js-merge'), /The operation was cancelled/);
  await client.deleteCertificateOperation('js-merge');
  await refused(() => client.getCertificateOperation('js-merge'), 404, 'PendingCertificateNotFound');
  assert.deepEqual((await client.getCertificate('js-merge')).cer, merged.cer);

  // Contacts, and an issuer: the authority, taken in.
  await refused(() => client.getContacts(), 404, 'CertificateContactsNotFound');
  await client.setContacts([{ email: 'ops@app.example', name: 'Ops' }]);
  assert.deepEqual((await client.getContacts()).map((one) => [one.email, one.name]), [['ops@app.example', 'Ops']]);
  await client.deleteContacts();
  const root = ['ca.key', 'ca.pem'].map((name) => fs.readFileSync(path.join(folder, name))).reduce((a, b) => Buffer.concat([a, b]));
  await client.importCertificate('js-root', root, { policy: { contentType: 'application/x-pem-file' } });
  const admin = { organizationId: 'js-root', administratorContacts: [{ email: 'ops@app.example' }] };
  assert.equal((await client.createIssuer('js-house', 'Strongroom-CA', admin)).provider, 'Strongroom-CA');
  assert.equal((await client.getIssuer('js-house')).organizationId, 'js-root');
  assert.ok((await all(client.listPropertiesOfIssuers())).some((one) => one.id.endsWith('/certificates/issuers/js-house')));
  assert.equal((await client.updateIssuer('js-house', { accountId: 'acc' })).accountId, 'acc');
  const issued = await made('js-issued', { ...policy, issuerName: 'js-house' });
  assert.match(openssl('verify', '-CAfile', 'ca.pem', file('issued.pem', pem(issued.cer))), /OK/);
  await client.deleteIssuer('js-house');
  await refused(() => client.getIssuer('js-house'), 404, 'CertificateIssuerNotFound');

  const backup = await client.backupCertificate('js-life');
  await (await client.beginDeleteCertificate('js-life', soon)).pollUntilDone();
  assert.ok((await client.getDeletedCertificate('js-life')).recoveryId.endsWith('/deletedcertificates/js-life'));
  assert.ok((await all(client.listDeletedCertificates())).some((item) => item.name === 'js-life'));
  await (await client.beginRecoverDeletedCertificate('js-life', soon)).pollUntilDone();
  await (await client.beginDeleteCertificate('js-life', soon)).pollUntilDone();
  await client.purgeDeletedCertificate('js-life');
  await refused(() => client.getCertificate('js-life'), 404, 'CertificateNotFound');
  assert.deepEqual((await client.restoreCertificateBackup(backup)).cer, second.cer);
  assert.equal((await secrets.getSecret('js-life')).value, text);
} finally {
  fs.rmSync(folder, { recursive: true });
}
console.log('done');
