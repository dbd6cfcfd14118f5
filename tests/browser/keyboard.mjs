// The main tasks by keyboard alone, from signing in at a certified OpenID Provider to signing out of it: nothing is
// clicked, and no address is typed but the first one. The same is done with and without script, at once.
//
// Environment: BASE, PROVIDER: address of the dashboard, in which Ada owns a vault `demo`, and of the provider.

import assert from 'node:assert/strict';
import { story } from './common.mjs';

const { BASE, PROVIDER } = process.env;
/// Most presses of Tab to whatever is wanted on a page.
const MOST_TABS = 250;

const ways = [['by-keyboard', true], ['without-script', false]];
await Promise.all(ways.map(([name, javaScriptEnabled]) => story({ javaScriptEnabled }, (page) => tasks(page, name))));

async function tasks(page, name) {
  const at = (path) => page.waitForURL((url) => url.origin === BASE && url.pathname === path);
  const main = page.getByRole('main');
  const enter = async (words, within) => {
    await reach(page, words, within);
    await page.keyboard.press('Enter');
  };
  const write = async (label, text, within) => {
    await reach(page, label, within);
    await page.keyboard.press('Control+A');
    await page.keyboard.type(text);
  };

  // Sign in.
  await page.goto(BASE);
  await enter(/The real provider/, 'body');
  await page.waitForURL(`${PROVIDER}/**`);
  await write(/^User$/, 'ada');
  await write(/^Password$/, 'ada-password');
  await enter(/^Sign in$/);
  await at('/overview');

  // Browse, create.
  await enter(/^Vaults/, 'nav');
  await at('/vaults');
  await enter(/^demo$/);
  await at('/vaults/demo');
  await enter(/^Secrets$/);
  await at('/vaults/demo/secrets');
  await enter(/^New secret$/);
  await at('/vaults/demo/new-secret');
  await write(/^Name( optional)?$/, name);
  await write(/^Value( optional)?$/, 'first value');
  await enter(/^Create secret$/);
  const secret = `/vaults/demo/secrets/${name}`;
  await at(secret);

  // A version, and back to the one before.
  await enter(/^New version$/);
  await at(`${secret}/new-version`);
  await write(/^Value( optional)?$/, 'second value');
  await enter(/^Add version$/);
  await at(secret);
  await enter(/^Roll back/);
  await main.getByText(/^3 versions/).or(main.getByRole('row').nth(3)).first().waitFor();

  // Reveal, and hide.
  await enter(/^Reveal/);
  await page.locator('#value').waitFor();
  assert.equal(await page.locator('#value').textContent(), 'first value');
  await enter(/^Hide now$/);
  await page.locator('#value').waitFor({ state: 'detached' });

  // Search.
  await enter(/^demo$/, 'body');
  await at('/vaults/demo');
  await enter(/^Secrets$/);
  await at('/vaults/demo/secrets');
  await write(/^Search names/, name);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.searchParams.get('q') === name);
  await enter(new RegExp(`^${name}$`));
  await at(secret);

  // Delete, recover: who signed in by a password alone adds a code to it first, and is back there.
  await enter(/^Delete$/);
  await at(`${secret}/delete`);
  await enter(/^Sign in again$/);
  await page.waitForURL(`${PROVIDER}/**`);
  await write(/^User$/, 'ada');
  await write(/^Password$/, 'ada-password');
  await write(/^Code/, '123456');
  await enter(/^Sign in$/);
  await at(`${secret}/delete`);
  await enter(/^Delete, recoverable/);
  await at('/vaults/demo/deleted');
  await enter(new RegExp(`^Recover ${name}$`));
  await at(secret);

  // The audit log: filter, export, and why it was decided so.
  await enter(/^Audit$/, 'nav');
  await at('/audit');
  await reach(page, /^Outcome/);
  await page.keyboard.type('Allowed');
  await write(/^Object/, name);
  await enter(/^Filter$/);
  await page.waitForURL((url) => url.searchParams.get('outcome') === 'allowed' && url.searchParams.get('object') === name);
  const saved = page.waitForEvent('download');
  await enter(/^Export .*as JSON lines$/);
  assert.match((await saved).suggestedFilename(), /^audit-.*\.jsonl$/);
  await enter(/^Decision /);
  await main.getByRole('heading', { level: 1, name: /^Record of/ }).waitFor();
  await main.getByRole('heading', { name: 'Stages' }).waitFor();

  // Sign out, here and at the provider, which leads back.
  await enter(/Ada Lovelace/, 'body');
  await enter(/^Sign out$/, 'body');
  await at('/signed-out');
  await enter(/Sign out at The real provider/, 'body');
  await page.waitForURL(`${PROVIDER}/**`);
  await enter(/sign me out/);
  await at('/signed-out');
}

/// Goes on by Tab to what is called so within a part of the page, and looks whether one sees that it has the focus.
/// What is in the middle of a fresh page is reached past the sidebar, by the link that stands first.
async function reach(page, words, within = 'main') {
  await page.waitForLoadState();
  const passed = [];
  const isFresh = await page.evaluate(() => document.activeElement === document.body && document.querySelector('a.skip') !== null);
  if (within === 'main' && isFresh) {
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
    await page.keyboard.press('Enter');
  }
  for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate((part) => {
      const element = document.activeElement;
      const labels = element.labels?.length ? [...element.labels].map((label) => label.innerText).join(' ') : '';
      // A field may be drawn by what is around it.
      const rings = [element, element.parentElement].filter(Boolean).map((drawn) => getComputedStyle(drawn));
      return {
        name: (element.getAttribute('aria-label') || labels || element.innerText || '').replace(/\s+/g, ' ').trim(),
        inside: element.closest(part) !== null,
        seen: rings.some(({ outlineStyle, boxShadow }) => outlineStyle !== 'none' || boxShadow !== 'none'),
      };
    }, within);
    passed.push(here.name);
    if (here.inside && words.test(here.name)) {
      assert.ok(here.seen, `one sees that ${here.name} has the focus`);
      return;
    }
  }
  assert.fail(`${words} is not reached by keyboard on ${page.url()}: ${passed.slice(0, 80).join(' | ')}`);
}
