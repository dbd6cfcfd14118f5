// What people do with vaults, secrets and access, by pages alone.
//
// Usage: node tasks.mjs [without-script]
// Environment: BASE: a development installation.

import assert from 'node:assert/strict';
import { overflow, signIn, signOut, story } from './common.mjs';

const { BASE } = process.env;
const javaScriptEnabled = process.argv[2] !== 'without-script';

await story({ javaScriptEnabled }, async (page) => {
  const main = page.getByRole('main');
  const open = async (name) => main.getByRole('link', { name, exact: true }).first().click();
  const press = async (name) => main.getByRole('button', { name }).first().click();
  const at = async (path) => page.waitForURL((url) => url.pathname === path);
  await signIn(page, BASE, 'Ada Lovelace', false);

  // A vault, reachable from here, with a tag.
  await page.goto(`${BASE}/vaults`);
  await open('New vault');
  await page.getByLabel('Name', { exact: true }).fill('tasks');
  await page.getByLabel('Name 1', { exact: true }).fill('team');
  await page.getByLabel('Value 1', { exact: true }).fill('ledger');
  await press('Create vault');
  await at('/vaults/tasks');
  await overflow(page, 'vault');

  // Its first secret, a second version, and back.
  await open('New secret');
  await page.getByLabel('Name', { exact: true }).fill('db-password');
  await page.getByLabel('Value', { exact: true }).fill('first value\nof two lines');
  await press('Create secret');
  await at('/vaults/tasks/secrets/db-password');
  await open('New version');
  await page.getByLabel('Value', { exact: true }).fill('second value');
  await press('Add version');
  await at('/vaults/tasks/secrets/db-password');
  await press('Roll back');
  await at('/vaults/tasks/secrets/db-password');
  await press(/Reveal/);
  assert.equal(await page.locator('#value').textContent(), 'first value\nof two lines');
  await open('Hide now');

  // Found by search and filter; the address holds both.
  await page.goto(`${BASE}/vaults/tasks/secrets`);
  await page.getByLabel('Search names').fill('pass');
  await page.getByLabel('State').selectOption('enabled');
  await press('Search');
  assert.match(page.url(), /q=pass.*state=enabled/);
  await open('db-password');

  // Off and on, other attributes, deleted, recovered, deleted, purged.
  await press('Disable');
  await main.getByText('Disabled', { exact: true }).first().waitFor();
  await press('Enable');
  await open('Edit');
  await page.getByLabel('Content type').fill('text/plain');
  await press('Save attributes');
  await main.getByText('text/plain').first().waitFor();
  await open('Delete');
  await overflow(page, 'delete');
  await press(/Delete, recoverable/);
  await at('/vaults/tasks/deleted');
  await press('Recover');
  await at('/vaults/tasks/secrets/db-password');
  await open('Delete');
  await press(/Delete, recoverable/);
  await open('Purge db-password');
  await page.getByLabel(/Type the name/).fill('db-password');
  await press('Purge for good');
  await main.getByRole('heading', { name: 'No deleted secrets in tasks' }).waitFor();

  // Network rules: an address is tested, and a lock-out is asked about.
  await page.goto(`${BASE}/vaults/tasks/network`);
  await page.getByLabel('Address', { exact: true }).fill('192.0.2.1');
  await press('Test');
  await main.getByText('192.0.2.1 over main: allowed by the default.').or(main.getByText(/192\.0\.2\.1 over .*allowed by the default/)).first().waitFor();
  await page.getByLabel(/Rules, the first/).fill('allow 192.0.2.0/24');
  await page.getByLabel('What no rule fits').selectOption('deny');
  await press('Replace the rules');
  await main.getByText(/would lock you out/).first().waitFor();
  await page.getByLabel(/Rules, the first/).fill('deny 192.0.2.0/24');
  await page.getByLabel('What no rule fits').selectOption('allow');
  await press('Replace the rules');
  await main.getByRole('heading', { name: 'One network rule for tasks' }).waitFor();

  // A workload, a credential that is told once, a role with an end, and away with it.
  await page.goto(`${BASE}/access/workloads`);
  await open('New workload');
  await page.getByLabel('Name', { exact: true }).fill('ledger-worker');
  await press('Create workload');
  await press('Make a client secret');
  const secret = await page.locator('#value').textContent();
  assert.ok(secret.length > 30);
  await open('I have stored it');
  assert.ok(!(await page.content()).includes(secret), 'it is not told again');
  await open('Give a role');
  await page.getByLabel('Where').fill('/vaults/tasks');
  await page.getByLabel('Until, UTC').fill('2099-01-31T12:00');
  await press('Give the role');
  await at('/vaults/tasks/access');
  await main.getByText('31 Jan 2099, 12:00 UTC').first().waitFor();
  await main.getByRole('row').filter({ hasText: 'ledger-worker' }).getByRole('link', { name: 'Remove' }).click();
  await press(/Remove, from the next request on/);
  await signOut(page, BASE);
});
