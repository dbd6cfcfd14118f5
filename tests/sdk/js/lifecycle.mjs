// The life of a secret through Azure's own JavaScript packages, unmodified.
//
// Usage: node lifecycle.mjs CREDENTIAL, with CREDENTIAL one of secret, plain, environment, default, workload, token (as
// in ../python/lifecycle.py). Everything else comes from the environment: VAULT_URL, AZURE_*,
// NODE_EXTRA_CA_CERTS.

import assert from 'node:assert/strict';
import {
  ClientSecretCredential, DefaultAzureCredential, EnvironmentCredential, WorkloadIdentityCredential,
} from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';

const { INSTALLATION_ID, VAULT_URL, AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_AUTHORITY_HOST } = process.env;
const options = { authorityHost: AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true };
const clientSecret = (id, secret) => new ClientSecretCredential(INSTALLATION_ID, id, secret, options);
const credentials = {
  secret: () => clientSecret(AZURE_CLIENT_ID, AZURE_CLIENT_SECRET),
  plain: () => new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET),
  environment: () => new EnvironmentCredential(),
  default: () => new DefaultAzureCredential(),
  workload: () => new WorkloadIdentityCredential(),
  token: () => ({
    getToken: async () => ({ token: process.env.ACCESS_TOKEN, expiresOnTimestamp: Date.now() + 600_000 }),
  }),
};

const kind = process.argv[2];
const client = new SecretClient(VAULT_URL, credentials[kind]());
const name = `js-${kind}`;
const all = async (pages) => {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
};
const refused = (call, status, code) =>
  assert.rejects(call, (error) => {
    assert.deepEqual([error.statusCode, error.code], [status, code], String(error));
    return true;
  });

const first = await client.setSecret(name, 'first');
const value = 'Zażółć gęślą jaźń 🔐 "quoted" \\ \n\t\u2028';
const expiresOn = new Date('2031-05-06T07:08:09Z');
const second = await client.setSecret(name, value, {
  contentType: 'text/plain', tags: { team: 'płatności' }, expiresOn, enabled: true,
});
assert.notEqual(second.properties.version, first.properties.version);

const read = await client.getSecret(name);
assert.equal(read.value, value);
assert.equal(read.properties.vaultUrl, VAULT_URL);
assert.equal(read.properties.contentType, 'text/plain');
assert.deepEqual({ ...read.properties.tags }, { team: 'płatności' });
assert.equal(read.properties.expiresOn.getTime(), expiresOn.getTime());
assert.equal(read.properties.recoverableDays, 90);
assert.equal((await client.getSecret(name, { version: first.properties.version })).value, 'first');

for (let number = 0; number < 28; number += 1) await client.setSecret(`${name}-${number}`, 'x');
const listed = (await all(client.listPropertiesOfSecrets())).map((item) => item.name);
assert.equal(listed.filter((item) => item.startsWith(`${name}-`)).length, 28, 'every page was followed');
const versions = (await all(client.listPropertiesOfSecretVersions(name))).map((item) => item.version);
assert.deepEqual(versions.sort(), [first.properties.version, second.properties.version].sort());

await client.setSecret(`${name}-off`, 'x', { enabled: false });
await refused(() => client.getSecret(`${name}-off`), 403, 'Forbidden');
await refused(() => client.getSecret('not-there'), 404, 'SecretNotFound');
// After 2038 this SDK sends a negative number: refused, and nobody falls over it.
await refused(() => client.setSecret(`${name}-2040`, 'x', { expiresOn: new Date('2040-01-01') }), 400, 'BadParameter');

const changed = await client.updateSecretProperties(name, first.properties.version, { contentType: 'old', tags: { kept: 'yes' } });
assert.deepEqual([changed.contentType, { ...changed.tags }], ['old', { kept: 'yes' }]);
const backup = await client.backupSecret(name);
await refused(() => client.restoreSecretBackup(backup), 409, 'Conflict');

const deletion = await client.beginDeleteSecret(name);
const deleted = await deletion.pollUntilDone();
assert.ok(deleted.scheduledPurgeDate > deleted.deletedOn);
await refused(() => client.getSecret(name), 404, 'SecretNotFound');
await refused(() => client.setSecret(name, 'again'), 409, 'Conflict');
assert.ok((await all(client.listDeletedSecrets())).some((item) => item.name === name));
const recovery = await client.beginRecoverDeletedSecret(name);
await recovery.pollUntilDone();
assert.equal((await client.getSecret(name)).value, value);
await (await client.beginDeleteSecret(name)).pollUntilDone();
await client.purgeDeletedSecret(name);
await refused(() => client.getDeletedSecret(name), 404, 'SecretNotFound');
const restored = await client.restoreSecretBackup(backup);
assert.equal(restored.version, second.properties.version, 'the version ids are the old ones');
assert.equal((await client.getSecret(name)).value, value);
assert.deepEqual({ ...(await client.getSecret(name, { version: first.properties.version })).properties.tags }, { kept: 'yes' });

if (kind === 'secret') {
  const nobody = clientSecret(process.env.NOBODY_CLIENT_ID, process.env.NOBODY_CLIENT_SECRET);
  await refused(() => new SecretClient(VAULT_URL, nobody).getSecret('any'), 403, 'Forbidden');
  const wrong = clientSecret(AZURE_CLIENT_ID, process.env.NOBODY_CLIENT_SECRET);
  await assert.rejects(() => new SecretClient(VAULT_URL, wrong).getSecret('any'), /invalid_client/);
}
console.log('done');
