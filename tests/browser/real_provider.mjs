// Sign-in at a certified OpenID Provider, with its form and a password; and every way out again.
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

  // Out of both: of the dashboard at once, then of the provider, which brings us back.
  await signOut(page, BASE);
  await page.getByRole('link', { name: 'Sign out at The real provider' }).click();
  await page.getByRole('button', { name: /sign me out/i }).click();
  await page.waitForURL((url) => url.origin === BASE && url.pathname === '/signed-out');
  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  await page.getByLabel('Password').waitFor();
});

await story({}, async (page) => {
  await signIn(page, 'ada', 'ada-password');
  await page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));

  // What gives power away asks for a sign-in of just now, once this one has aged; the provider's session alone
  // does not do.
  await page.goto(`${BASE}/auth/real/start?return_to=/access/new-assignment&afresh=yes`);
  await page.waitForURL(`${PROVIDER}/**`);
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('ada-password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.origin === BASE && url.pathname === '/access/new-assignment');

  // The provider ends its session, and tells us: no page of ours opens any more.
  await page.goto(`${BASE}/vaults`);
  assert.equal(new URL(page.url()).pathname, '/vaults');
  await page.goto(`${PROVIDER}/session/end`);
  await page.getByRole('button', { name: /sign me out/i }).click();
  await page.waitForURL(`${PROVIDER}/session/end/**`);
  await page.goto(`${BASE}/vaults`);
  assert.equal(new URL(page.url()).pathname, '/sign-in', 'logged out everywhere');
});

await story({}, async (page) => {
  await signIn(page, 'edsger', 'edsger-password');
  await page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));
  const denied = await page.goto(`${BASE}/vaults/demo/secrets`);
  assert.equal(denied.status(), 403, 'who is in no group has nothing');
});
