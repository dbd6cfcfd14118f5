// The command line's way through the browser: sign in, compare, allow, and come back to loopback.
// Environment: BASE, ADDRESS: of the server, and what `strongroom login` printed; COMPARISON: the characters it
// shows; PROVIDER: address of the provider with a form, or nothing for the development provider; ANSWER: Allow or Refuse.

import assert from 'node:assert/strict';
import { check, story } from './common.mjs';

const { BASE, ADDRESS, COMPARISON, PROVIDER, ANSWER } = process.env;

await story({}, async (page) => {
  await page.goto(ADDRESS);
  assert.equal(new URL(page.url()).pathname, '/sign-in', 'nobody is signed in');
  if (PROVIDER) {
    await page.getByRole('link', { name: /The real provider/ }).click();
    await page.waitForURL(`${PROVIDER}/**`);
    await page.getByLabel('User').fill('ada');
    await page.getByLabel('Password').fill('ada-password');
    await page.getByRole('button', { name: 'Sign in' }).click();
  } else {
    await page.getByRole('link', { name: /Development sign-in/ }).click();
    await page.getByRole('button', { name: 'Ada' }).click();
  }
  await page.waitForURL((url) => url.origin === BASE && url.pathname === '/command-line');
  // The same page either way.
  if (ANSWER === 'Refuse') await check(page, 'command line');
  await page.getByText(COMPARISON, { exact: true }).waitFor();
  await page.getByText('Ada Lovelace').waitFor();
  await page.getByRole(ANSWER === 'Allow' ? 'button' : 'link', { name: ANSWER, exact: true }).click();
  await page.waitForURL((url) => url.hostname === '127.0.0.1' && url.pathname === '/callback');
  await page.getByRole('heading', { name: ANSWER === 'Allow' ? 'Signed in' : 'Not signed in' }).waitFor();
});
