// Sign-in at a certified OpenID Provider, with its form and a password.
// Environment: BASE, PROVIDER: address of the dashboard, and of the provider.

import assert from 'node:assert/strict';
import { signOut, story } from './common.mjs';

const { BASE, PROVIDER } = process.env;

async function signIn(page, user, password) {
  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  await page.waitForURL(`${PROVIDER}/**`);
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

await story({}, async (page) => {
  await signIn(page, 'ada', 'wrong');
  await page.getByText('Wrong user or password').waitFor();
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('ada-password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));
  await page.goto(`${BASE}/audit`);
  await page.getByRole('row').filter({ hasText: 'ada' }).first().waitFor();
  await signOut(page, BASE);
});

await story({}, async (page) => {
  await signIn(page, 'edsger', 'edsger-password');
  await page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));
  const denied = await page.goto(`${BASE}/vaults/demo/secrets`);
  assert.equal(denied.status(), 403, 'who is in no group has nothing');
});
