// What people do with vaults, secrets and access, by pages alone.
// The same is done with and without script, at once, each in a vault of its own.
//
// Environment: BASE: a development installation.

import assert from 'node:assert/strict';
import { field, overflow, signIn, signOut, story } from './common.mjs';

const { BASE } = process.env;

const ways = [['tasks', true], ['scriptless', false]];
await Promise.all(ways.map(([vault, javaScriptEnabled]) => story({ javaScriptEnabled }, (page) => manage(page, vault))));

async function manage(page, vault) {
  const main = page.getByRole('main');
  const open = async (name) => main.getByRole('link', { name, exact: true }).first().click();
  const press = async (name) => main.getByRole('button', { name }).first().click();
  const at = async (path) => page.waitForURL((url) => url.pathname === path);
  await signIn(page, BASE, 'Ada Lovelace');

  // A vault, reachable from here, with a tag.
  await page.goto(`${BASE}/vaults`);
  await open('New vault');
  await field(page, 'Name').fill(vault);
  await field(page, 'Name 1').fill('team');
  await field(page, 'Value 1').fill('ledger');
  await press('Create vault');
  await at(`/vaults/${vault}`);
  await overflow(page, 'vault');

  // Its first secret, a second version, and back.
  await open('New secret');
  await field(page, 'Name').fill('db-password');
  await field(page, 'Value').fill('first value\nof two lines');
  await press('Create secret');
  await at(`/vaults/${vault}/secrets/db-password`);
  await open('New version');
  await field(page, 'Value').fill('second value');
  await press('Add version');
  await at(`/vaults/${vault}/secrets/db-password`);
  await press('Compare');
  await main.getByRole('heading', { name: 'One part of db-password changed' }).waitFor();
  await open('Show the current one');
  await press('Roll back');
  await at(`/vaults/${vault}/secrets/db-password`);
  await press(/Reveal/);
  assert.equal(await page.locator('#value').textContent(), 'first value\nof two lines');
  await open('Hide now');

  // Several at once: each has a result of its own.
  await page.goto(`${BASE}/vaults/${vault}/new-secret`);
  await field(page, 'Name').fill('api-key');
  await field(page, 'Value').fill('another value');
  await press('Create secret');
  await at(`/vaults/${vault}/secrets/api-key`);
  await page.goto(`${BASE}/vaults/${vault}/secrets`);
  await overflow(page, 'secrets to choose from');
  await main.getByLabel('Choose api-key').check();
  await main.getByLabel('Choose db-password').check();
  await main.locator('select[name="act"]').selectOption('tag');
  await main.locator('input[name="tag"]').last().fill('tier');
  await main.locator('input[name="tag-value"]').fill('0');
  await press('Do it');
  await main.getByRole('heading', { name: '2 of 2: tagged' }).waitFor();
  await page.goto(`${BASE}/vaults/${vault}/secrets`);
  await main.getByLabel('Choose api-key').check();
  await main.locator('select[name="act"]').selectOption('delete');
  await press('Do it');
  await main.getByRole('heading', { name: `Delete one secret of ${vault}?` }).waitFor();
  await open('Cancel');
  await at(`/vaults/${vault}/secrets`);

  // Found by search and filter; the address holds both.
  await page.goto(`${BASE}/vaults/${vault}/secrets`);
  await field(page, 'Search names').fill('pass');
  await main.getByLabel('State').selectOption('enabled');
  await press('Search');
  assert.match(page.url(), /q=pass.*state=enabled/);
  await open('db-password');

  // Off and on, other attributes, deleted, recovered, deleted, purged.
  await press('Disable');
  await main.getByText('Disabled', { exact: true }).first().waitFor();
  await press('Enable');
  await open('Edit');
  await field(page, 'Content type').fill('text/plain');
  await press('Save attributes');
  await main.getByText('text/plain').first().waitFor();
  await open('Delete');
  await overflow(page, 'delete');
  await press(/Delete, recoverable/);
  await at(`/vaults/${vault}/deleted`);
  await press('Recover');
  await at(`/vaults/${vault}/secrets/db-password`);
  await open('Delete');
  await press(/Delete, recoverable/);
  await open('Purge db-password');
  await page.getByLabel(/Type the name/).fill('db-password');
  await page.getByLabel(/Reason, for the record/).fill('made for a look');
  await press('Purge for good');
  await main.getByRole('heading', { name: `No deleted secrets in ${vault}` }).waitFor();

  // A key signs, and its signature is verified, where it is.
  await page.goto(`${BASE}/vaults/${vault}`);
  await open('Keys');
  await open('New key');
  await field(page, 'Name').fill('signing');
  await press('Create key');
  await at(`/vaults/${vault}/keys/signing`);
  await field(page, 'Text').fill('release 1.0');
  await press('Use the key');
  const signature = await main.locator('dt:text-is("Signature") + dd code').textContent();
  await main.getByLabel('Operation').selectOption('verify');
  await field(page, 'Text').fill('release 1.0');
  await field(page, 'Signature to verify').fill(signature);
  await press('Use the key');
  await main.getByText("This key's, over this text").waitFor();

  // Network rules: an address is tested, and a lock-out is asked about.
  await page.goto(`${BASE}/vaults/${vault}/network`);
  await field(page, 'Address').fill('192.0.2.1');
  await press('Test');
  await main.getByText('192.0.2.1 over main: allowed by the default.').or(main.getByText(/192\.0\.2\.1 over .*allowed by the default/)).first().waitFor();
  await page.getByLabel(/Rules, the first/).fill('allow 192.0.2.0/24');
  await field(page, 'What no rule fits is').selectOption('deny');
  await press('Replace the rules');
  await main.getByText(/would lock you out/).first().waitFor();
  await page.getByLabel(/Rules, the first/).fill('deny 192.0.2.0/24');
  await field(page, 'What no rule fits is').selectOption('allow');
  await press('Replace the rules');
  await main.getByRole('heading', { name: `One network rule for ${vault}` }).waitFor();

  // A workload, a credential that is told once, a role with an end, and away with it.
  await page.goto(`${BASE}/access/workloads`);
  await open('New workload');
  await field(page, 'Name').fill(`${vault}-worker`);
  await press('Create workload');
  await press('Make a client secret');
  const secret = await page.locator('#value').textContent();
  assert.ok(secret.length > 30);
  await open('I have stored it');
  assert.ok(!(await page.content()).includes(secret), 'it is not told again');
  await open('Give a role');
  await field(page, 'Role').selectOption('Key Vault Secrets User');
  await field(page, 'Where').fill(`/vaults/${vault}`);
  await field(page, 'Until, UTC').fill('2099-01-31T12:00');
  await press('Give the role');
  await at(`/vaults/${vault}/access`);
  await main.getByText('31 Jan 2099, 12:00 UTC').first().waitFor();
  await main.getByRole('row').filter({ hasText: `${vault}-worker` }).getByRole('link', { name: 'Remove' }).click();
  await press(/Remove, from the next request on/);
  await signOut(page, BASE);
}
