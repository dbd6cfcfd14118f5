// A person's way through the dashboard: sign in, find a secret, reveal it, see that on record, leave.
//
// Usage: node dashboard.mjs [without-script]
// Environment: BASE, VAULT, SECRET, VALUE: a vault that Ada administers, with this secret in it.

import assert from 'node:assert/strict';
import { check, overflow, signIn, signOut, story } from './common.mjs';

const { BASE, VAULT, SECRET, VALUE } = process.env;
const javaScriptEnabled = process.argv[2] !== 'without-script';
const looked = javaScriptEnabled ? check : overflow;
const holdsNoValue = async (page, what) => assert.ok(!(await page.content()).includes(VALUE), `${what} holds no value`);

await story({ javaScriptEnabled }, async (page, context) => {
  await signIn(page, BASE, 'Ada Lovelace', javaScriptEnabled);
  const cookies = await context.cookies(BASE);
  assert.ok(cookies.length > 0 && cookies.every((c) => c.name.startsWith('__Host-') && c.httpOnly && c.secure),
    'cookies are bound to the host and out of reach of scripts');
  await page.goto(`${BASE}/vaults`);
  await looked(page, 'vaults');

  await page.getByRole('main').getByRole('link', { name: VAULT, exact: true }).click();
  await page.waitForURL(`${BASE}/vaults/${VAULT}`);
  await page.getByRole('main').getByRole('link', { name: 'Secrets', exact: true }).click();
  await page.waitForURL(`${BASE}/vaults/${VAULT}/secrets`);
  await looked(page, 'secrets');
  await holdsNoValue(page, 'the list');
  await page.getByRole('main').getByRole('link', { name: SECRET, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: SECRET }).waitFor();
  await looked(page, 'secret');
  await holdsNoValue(page, 'the page of a secret');

  await page.getByRole('button', { name: /Reveal/ }).click();
  await page.locator('#value').waitFor();
  assert.equal(await page.locator('#value').textContent(), VALUE);
  if (javaScriptEnabled) await copied(page, context);
  await page.getByRole('link', { name: 'Hide now' }).click();
  await page.getByRole('button', { name: /Reveal/ }).waitFor();
  await holdsNoValue(page, 'the page after hiding');

  await page.goto(`${BASE}/audit?object=${SECRET}`);
  await looked(page, 'audit');
  const reads = page.getByRole('row').filter({ hasText: SECRET }).filter({ hasText: 'ada' }).filter({ hasText: 'SecretGet' });
  assert.ok(await reads.count() >= 1, `the reveal is on record: ${await page.getByRole('main').innerText()}`);
  await holdsNoValue(page, 'the audit list');

  const missing = await page.goto(`${BASE}/vaults/${VAULT}/secrets/not-there`);
  assert.equal(missing.status(), 404);
  await signOut(page, BASE);
  await looked(page, 'signed out');
  await page.goto(`${BASE}/vaults`);
  assert.equal(new URL(page.url()).pathname, '/sign-in', 'the session is over');

  await signIn(page, BASE, 'Edsger Dijkstra', false);
  const denied = await page.goto(`${BASE}/vaults/${VAULT}/secrets`);
  assert.equal(denied.status(), 403);
  await looked(page, 'denied');
  const verdict = await page.getByRole('main').innerText();
  assert.ok(!verdict.includes(SECRET), 'who is denied learns no names');
  const alsoDenied = await page.goto(`${BASE}/vaults/${VAULT}/secrets/${SECRET}`);
  assert.equal(alsoDenied.status(), 403);
  await holdsNoValue(page, 'the denied page');
  const records = await page.goto(`${BASE}/audit`);
  assert.equal(records.status(), 403, 'the audit log is not for everybody');
  await signOut(page, BASE);
});

/// The copy button puts exactly the value on the clipboard.
async function copied(page, context) {
  await check(page, 'revealed');
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: BASE });
  await page.getByRole('button', { name: 'Copy', exact: true }).first().click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), VALUE);
}
