// The first hour of a server that nobody owns: the code of its terminal, a real provider, its first Owner. Then never
// again.
// Environment: BASE, PROVIDER: address of the dashboard, and of the provider; CODE: of the server's terminal.

import assert from 'node:assert/strict';
import { check, field, signOut, story } from './common.mjs';

const { BASE, PROVIDER, CODE } = process.env;

async function setUp(page, code) {
  await field(page, 'Setup code').fill(code);
  await field(page, 'Name on the button').fill('The real provider');
  await field(page, 'Name in addresses').fill('real');
  await field(page, 'Issuer').fill(PROVIDER);
  await field(page, 'Client id').fill('dashboard');
  await field(page, 'Client secret').fill('dashboard-secret-of-at-least-32-characters');
  await field(page, 'Claim that names groups').fill('groups');
  await field(page, 'First administrator').fill('ada');
  await page.getByRole('button', { name: 'Set up, once and for all' }).click();
}

await story({}, async (page) => {
  await page.goto(BASE);
  await page.getByRole('link', { name: /Set this installation up/ }).click();
  await page.waitForURL(`${BASE}/setup`);
  await check(page, 'setup');
  await setUp(page, 'AAAAAA-AAAAAA-AAAAAA-AAAAAA');
  await page.getByRole('alert').filter({ hasText: 'Nothing was set up' }).waitFor();
  assert.equal(await field(page, 'Client secret').inputValue(), '', 'what is secret is not sent back');
  await setUp(page, CODE);
  await page.waitForURL(`${BASE}/sign-in`);
  assert.equal((await page.goto(`${BASE}/setup`)).status(), 404, 'once');

  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  await page.waitForURL(`${PROVIDER}/**`);
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('ada-password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));
  // She owns it: the first vault is hers to make.
  await page.goto(`${BASE}/new-vault`);
  await field(page, 'Name').fill('demo');
  await page.getByRole('main').getByRole('button', { name: 'Create vault' }).click();
  await page.waitForURL(`${BASE}/vaults/demo`);
  assert.equal((await page.goto(`${BASE}/setup`)).status(), 404);
  await page.goto(`${BASE}/vaults/demo`);
  await signOut(page, BASE);
});
