// Sign-in at a certified OpenID Provider, with its form and a password; what a thief gets from a session; the live tail;
// step-up; and every way out again.
// Environment: BASE, PROVIDER: address of the dashboard, and of the provider. What cannot be undone asks there for a
// code besides the password.

import assert from 'node:assert/strict';
import { signOut, story } from './common.mjs';

const { BASE, PROVIDER } = process.env;
const FRESH = { ignoreHTTPSErrors: true };

/// Fills in the provider's form.
async function answer(page, user, password, code = '') {
  await page.waitForURL(`${PROVIDER}/**`);
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Code').fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function signIn(page, user, password) {
  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  await answer(page, user, password);
}

const inside = (page) => page.waitForURL((url) => url.origin === BASE && !url.pathname.startsWith('/auth'));
const session = async (context) => (await context.cookies(BASE)).find(({ name }) => name === '__Host-session');

/// Whether a session's id lets anybody in who has it, in a browser of theirs.
async function opens(context, value) {
  const thief = await context.browser().newContext(FRESH);
  await thief.addCookies([{ name: '__Host-session', value, url: BASE, secure: true, httpOnly: true, sameSite: 'Lax' }]);
  const page = await thief.newPage();
  await page.goto(`${BASE}/vaults`);
  const { pathname } = new URL(page.url());
  await thief.close();
  return pathname === '/vaults';
}

/// Answers the provider's form; gives the address by which it leads back, where nobody has gone yet.
async function heldBack(page, form) {
  await page.waitForURL(`${PROVIDER}/**`);
  const send = (method, address, more) => page.request.fetch(address, { method, maxRedirects: 0, ...more });
  let answered = await send('POST', page.url(), { form });
  for (let step = 0; step < 5; step += 1) {
    const next = new URL(answered.headers().location, PROVIDER).href;
    if (next.startsWith(`${BASE}/auth/callback`)) return next;
    answered = await send('GET', next);
  }
  throw new Error('the provider leads nowhere');
}

await story({}, async (page, context) => {
  await signIn(page, 'ada', 'wrong');
  await page.getByText('Wrong user or password').waitFor();
  await answer(page, 'ada', 'ada-password');
  await inside(page);

  // The live tail, while somebody else is denied.
  await page.goto(`${BASE}/audit`);
  await page.getByRole('row').filter({ hasText: 'ada' }).first().waitFor();
  await page.getByRole('button', { name: 'Follow live' }).click();
  const live = page.getByRole('region', { name: 'Live' });
  await live.getByText('Following, 0').waitFor();
  const other = await context.browser().newContext(FRESH);
  const elsewhere = await other.newPage();
  await signIn(elsewhere, 'edsger', 'edsger-password');
  await inside(elsewhere);
  const denied = await elsewhere.goto(`${BASE}/vaults/demo/secrets`);
  assert.equal(denied.status(), 403, 'who is in no group has nothing');
  await page.bringToFront();
  await live.getByRole('listitem').filter({ hasText: 'SecretList' }).filter({ hasText: 'edsger' }).first().waitFor();
  await other.close();

  // Out of both: of the dashboard at once, then of the provider, which brings us back.
  const { value } = await session(context);
  assert.ok(await opens(context, value), 'a session is its id, which no page and no script sees');
  await signOut(page, BASE);
  assert.ok(!(await opens(context, value)), 'a copy counts no more');
  await page.getByRole('link', { name: 'Sign out at The real provider' }).click();
  await page.getByRole('button', { name: /sign me out/i }).click();
  await page.waitForURL((url) => url.origin === BASE && url.pathname === '/signed-out');
  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  await page.getByLabel('Password').waitFor();
});

// A sign-in belongs to the browser that began it, and a session has an id that nobody else chose.
await story({}, async (page, context) => {
  const planted = 'chosen-by-somebody-else';
  await context.addCookies([{ name: '__Host-session', value: planted, url: BASE, secure: true, httpOnly: true, sameSite: 'Lax' }]);
  await page.goto(BASE);
  await page.getByRole('link', { name: /The real provider/ }).click();
  const handedOver = await heldBack(page, { login: 'ada', password: 'ada-password' });
  const victim = await context.browser().newContext(FRESH);
  const lured = await victim.newPage();
  const refused = await lured.goto(handedOver);
  assert.equal(refused.status(), 400, 'nobody is signed in as somebody else by a link');
  assert.equal(await session(victim), undefined);
  await victim.close();
  const begun = await context.cookies(BASE);
  await page.goto(handedOver);
  await inside(page);
  const first = (await session(context)).value;
  assert.notEqual(first, planted);
  assert.ok(!(await opens(context, planted)), 'nobody chooses the id of a session');
  const again = await context.browser().newContext(FRESH);
  await again.addCookies(begun);
  const repeated = await (await again.newPage()).goto(handedOver);
  assert.equal(repeated.status(), 403, 'an answer of the provider counts once, even with the cookie that it belongs to');
  await again.close();

  // What gives power away asks for more than the password, whatever the provider was asked for before.
  const asked = await page.goto(`${BASE}/access/new-assignment`);
  assert.equal(asked.status(), 403);
  await page.getByText('did not say that you signed in as this asks for').waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Sign in again' }).click();
  await answer(page, 'ada', 'ada-password');
  await page.waitForURL((url) => url.origin === BASE && url.pathname === '/access/new-assignment');
  await page.getByText('did not say that you signed in as this asks for').waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Sign in again' }).click();
  await answer(page, 'ada', 'ada-password', '123456');
  await page.getByRole('heading', { name: 'Give a role' }).first().waitFor();
  const second = (await session(context)).value;
  assert.notEqual(second, first, 'another id after step-up');
  assert.ok(!(await opens(context, first)), 'the one before is over');

  // The provider ends its session, and tells us: no page of ours opens any more, not even with a copy.
  assert.ok(await opens(context, second));
  await page.goto(`${PROVIDER}/session/end`);
  await page.getByRole('button', { name: /sign me out/i }).click();
  await page.waitForURL(`${PROVIDER}/session/end/**`);
  assert.ok(!(await opens(context, second)), 'logged out everywhere');
  await page.goto(`${BASE}/vaults`);
  assert.equal(new URL(page.url()).pathname, '/sign-in');
});
