// A person's way through the dashboard: sign in, find a secret, reveal it, see that on record, leave.
//
// Usage: node dashboard.mjs [without-script]
// Environment: BASE, VAULT, SECRET, VALUE: a vault that Ada administers, with this secret in it.

import assert from 'node:assert/strict';
import { check, overflow, signIn, signOut, story } from './common.mjs';

const { BASE, VAULT, SECRET, VALUE } = process.env;
const javaScriptEnabled = process.argv[2] !== 'without-script';
// What every page must satisfy is asked of each in `pages.mjs`, and here of those that only this story shows.
const looked = overflow;
const onlyHere = javaScriptEnabled ? check : overflow;
const holdsNoValue = async (page, what) => assert.ok(!(await page.content()).includes(VALUE), `${what} holds no value`);

await story({ javaScriptEnabled }, async (page, context) => {
  await signIn(page, BASE, 'Ada Lovelace');
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
  await onlyHere(page, 'signed out');
  await page.goto(`${BASE}/vaults`);
  assert.equal(new URL(page.url()).pathname, '/sign-in', 'the session is over');

  await signIn(page, BASE, 'Edsger Dijkstra');
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

// A session belongs to one browser: what was planted before sign-in is no session, what was copied counts no more once
// its owner has left, and whoever ends the others ends them everywhere.
await story({ javaScriptEnabled }, async (page, context) => {
  const planted = { name: '__Host-session', value: 'chosen-by-somebody-else', url: BASE, secure: true, httpOnly: true, sameSite: 'Lax' };
  await context.addCookies([planted]);
  await signIn(page, BASE, 'Ada Lovelace');
  const session = async (of) => (await of.cookies(BASE)).find((cookie) => cookie.name === '__Host-session');
  const first = await session(context);
  assert.notEqual(first.value, planted.value, 'a session has an id of its own');

  // Signing in again leaves no old way in.
  await page.goto(`${BASE}/auth/dev/start?return_to=/me`);
  await page.getByRole('button', { name: 'Ada Lovelace' }).click();
  await page.waitForURL(`${BASE}/me`);
  const second = await session(context);
  assert.notEqual(second.value, first.value, 'it is another one after each sign-in');
  const thief = await context.browser().newContext({ ignoreHTTPSErrors: true, javaScriptEnabled });
  const stolen = await thief.newPage();
  const opens = async ({ value }) => {
    await thief.clearCookies();
    await thief.addCookies([{ ...planted, value }]);
    await stolen.goto(`${BASE}/vaults`);
    return new URL(stolen.url()).pathname === '/vaults';
  };
  assert.ok(!(await opens(first)), 'the one before is over');
  assert.ok(!(await opens(planted)), 'nobody chooses the id of a session');

  // A second browser of the same person, ended from the first.
  const other = await context.browser().newContext({ ignoreHTTPSErrors: true, javaScriptEnabled });
  const elsewhere = await other.newPage();
  await signIn(elsewhere, BASE, 'Ada Lovelace');
  await page.goto(`${BASE}/me`);
  await page.getByRole('button', { name: /End all others/ }).click();
  await page.getByRole('heading', { name: 'You have this session alone' }).waitFor();
  await elsewhere.goto(`${BASE}/vaults`);
  assert.equal(new URL(elsewhere.url()).pathname, '/sign-in', 'ended everywhere else');

  const copied = await session(context);
  await signOut(page, BASE);
  assert.ok(!(await opens(copied)), 'a copy counts no more once its owner has left');
});

// By keyboard alone: the palette finds a secret, and the live tail shows that it was revealed.
if (javaScriptEnabled) {
  await story({}, async (page, context) => {
    await signIn(page, BASE, 'Ada Lovelace');
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Search everything' });
    await palette.getByRole('combobox').waitFor();
    await page.keyboard.type(SECRET);
    await palette.getByRole('option').filter({ hasText: `${VAULT}/${SECRET}` }).first().waitFor();
    assert.equal(await palette.getByRole('option', { selected: true }).count(), 1, 'one is chosen');
    const names = await palette.getByRole('option').allTextContents();
    const steps = names.findIndex((name) => name.includes(`${VAULT}/${SECRET}`));
    for (let step = 0; step < steps; step += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${BASE}/vaults/${VAULT}/secrets/${SECRET}`);
    await page.keyboard.press('Control+k');
    await page.keyboard.press('Escape');
    await palette.waitFor({ state: 'hidden' });
    await singleKeys(page, context, palette);
    await page.goto(`${BASE}/vaults/${VAULT}/secrets/${SECRET}`);

    const tail = await context.newPage();
    await tail.goto(`${BASE}/audit`);
    await tail.getByRole('button', { name: 'Follow live' }).click();
    const live = tail.getByRole('region', { name: 'Live' });
    await live.getByText('Following, 0').waitFor();
    await check(tail, 'live tail');
    await page.getByRole('button', { name: /Reveal/ }).click();
    await page.locator('#value').waitFor();
    await tail.bringToFront();
    const follow = live.getByRole('button', { name: 'Follow live' });
    if (await follow.isVisible()) await follow.click();
    await live.getByRole('listitem').filter({ hasText: 'SecretGet' }).filter({ hasText: SECRET }).first().waitFor();
    assert.ok(!(await tail.content()).includes(VALUE), 'the tail holds no value');
    await live.getByRole('button', { name: 'Pause' }).click();
    await live.getByText('Paused.').waitFor();
    await signOut(page, BASE);
  });
}

/// Each key by itself once, on pages that hold a closed table above their rows too.
async function singleKeys(page, context, palette) {
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const asked = [];
  page.on('request', (request) => request.isNavigationRequest() && asked.push(new URL(request.url()).pathname));
  const secrets = `${BASE}/vaults/${VAULT}/secrets`;
  await page.goto(secrets);
  asked.length = 0;
  await press('s', 'o', 'a');
  await page.evaluate(() => new Promise((done) => setTimeout(done)));
  assert.deepEqual(asked, [], 'a letter alone leads nowhere, right after a page has come neither');

  const go = { o: '/overview', v: '/vaults', w: '/access', y: '/why', p: '/policy', a: '/audit', s: '/settings', m: '/me' };
  for (const [key, path] of Object.entries(go)) {
    await press('g', key);
    await page.waitForURL((url) => url.pathname === path);
  }

  // Where the row with the focus stands; none where no row has it, or one that is closed away.
  const row = () => page.evaluate(() => {
    const found = document.activeElement.closest('main tbody tr');
    return found && !found.closest('details') ? found.getBoundingClientRect().top + scrollY : null;
  });
  await page.goto(`${BASE}/overview`);
  await press('j');
  // A quiet overview has no rows but those of the chart's table, which is closed.
  const rows = await page.locator('main tbody tr:not(details *)').filter({ has: page.locator('a') }).count();
  assert.equal(await row() !== null, rows > 0, 'j goes to a row of the overview, if one sees any');
  await page.goto(`${BASE}/audit`);
  await press('j');
  const first = await row();
  await press('j');
  assert.ok(first !== null && await row() > first, 'j goes on to the next record');
  await press('k');
  assert.equal(await row(), first, 'k goes back');
  await press('e');
  await page.waitForURL((url) => url.pathname.startsWith('/why/'));

  await page.goto(secrets);
  await press('j', 'x');
  const box = page.locator('main tbody tr').first().getByRole('checkbox');
  assert.ok(await box.isChecked(), 'x ticks the row');
  await press('x');
  assert.ok(!await box.isChecked(), 'and takes the tick away');
  await press('/');
  assert.equal(await page.evaluate(() => document.activeElement.closest('main') && document.activeElement.name), 'q');
  await page.goto(`${secrets}/${SECRET}`);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: BASE });
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await press('c');
  await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== '');
  assert.ok(!(await page.evaluate(() => navigator.clipboard.readText())).includes(VALUE), 'what is copied is no value');
  await press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await press('Escape');

  // What is done on this page stands first, and nothing twice.
  await page.goto(secrets);
  await press('Control+k');
  await palette.getByRole('option').first().waitFor();
  const options = await palette.getByRole('option').evaluateAll((all) => all.map((one) => [...one.children].map((part) => part.textContent)));
  assert.equal(options[0][0], 'On this page', JSON.stringify(options));
  const names = options.map(([, name]) => name);
  assert.ok(names.includes('New secret') && names.includes(`${VAULT}: Keys`) && names.includes('Vaults'), names.join());
  assert.equal(new Set(names).size, names.length, names.join());
  await page.keyboard.type('network');
  await palette.getByRole('option').filter({ hasText: `${VAULT}: Network rules` }).first().waitFor();
  await press('Escape');
  await palette.waitFor({ state: 'hidden' });
}

/// The copy button puts exactly the value on the clipboard.
async function copied(page, context) {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: BASE });
  await page.getByRole('button', { name: 'Copy', exact: true }).first().click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), VALUE);
}
