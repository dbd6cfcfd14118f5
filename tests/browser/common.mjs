// Chromium, and what every page must satisfy.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { unreadable } from './colours.mjs';
import { misshapen } from './shapes.mjs';

// The package's own runner opens a second page for every look; asked directly, axe answers in the page.
const { source: AXE } = createRequire(import.meta.resolve('@axe-core/playwright'))('axe-core/axe.min.js');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
/// Most bytes of a page with what it loads at a first visit, fonts apart, as they are: nothing is compressed on the way.
const MOST_BYTES = 150_000;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const NARROW = { width: 320, height: 844 };

/// For each page of a browser, the last answer to a navigation.
const shown = new WeakMap();

/// Runs a story in a fresh profile and fails when the browser complained about anything.
export async function story(options, tell) {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: WIDE, ...options });
    context.setDefaultTimeout(20_000);
    // A server without optimisations that compiles its policy modules besides answers late.
    context.setDefaultNavigationTimeout(60_000);
    const complaints = [];
    context.on('console', (message) => {
      // Chromium reports a page that is refused with a status as an error of its own.
      const refusedPage = /the server responded with a status of (400|401|403|404|409)/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !refusedPage) complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    context.on('dialog', (dialog) => {
      complaints.push(`a dialog says ${dialog.message()}`);
      return dialog.dismiss();
    });
    const foreign = [];
    context.on('request', (request) => {
      const { hostname } = new URL(request.url());
      if (!hostname.endsWith('localhost') && hostname !== '127.0.0.1') foreign.push(request.url());
    });
    // The answer that a page is made of; asking again would judge another one.
    context.on('page', (opened) => opened.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.status() !== 303) shown.set(opened, response);
    }));
    const page = await context.newPage();
    await tell(page, context);
    assert.deepEqual(complaints, [], 'the browser has nothing to complain about, the content security policy least');
    assert.deepEqual(foreign, [], 'nothing is loaded from elsewhere');
  } finally {
    await browser.close();
  }
  console.log('done');
}

/// Before anything is opened by who looks at many pages: each comes with axe then, and nothing is sent along with a look.
export async function bringAxe(context) {
  await context.addInitScript({ content: AXE });
}

/// What holds on every page of ours: policy, accessibility in both colour schemes at every width, no
/// overflow. `last` is what is done with the page when nothing else will be, while it is narrow.
export async function check(page, what, last) {
  const headers = await shown.get(page).allHeaders();
  const policy = headers['content-security-policy'] ?? '';
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    assert.ok(policy.includes(part), `${what}: ${part} in ${policy}`);
  }
  assert.ok(!policy.includes('unsafe'), `${what}: ${policy}`);
  assert.ok(headers['cache-control']?.includes('no-store'), `${what}: ${headers['cache-control']}`);
  assert.equal(await page.locator('h1').count(), 1, `${what} has one heading`);
  const weight = await page.evaluate(() => ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type))
    .filter(({ name }) => !name.endsWith('.woff2')).reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0));
  assert.ok(weight > 0 && weight < MOST_BYTES, `${what} weighs ${weight} bytes`);
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  await accessible(page, what);
  if (last) return last(page, what);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(WIDE);
}

/// Accessible in both colour schemes at every width, and nowhere wider than the window. A theme changes colours and
/// nothing else, so the dark one is asked about those; a width changes the layout and nothing else, so every page is
/// asked about everything while it is wide, and otherwise about what has a shape that was not seen there before.
async function accessible(page, what) {
  const rules = { runOnly: WCAG, resultTypes: ['violations'], selectors: false, rules: { 'color-contrast': { enabled: false } } };
  const ruled = async (width) => {
    if (width !== WIDE.width) return misshapen(page, width, rules);
    const { violations } = await page.evaluate((given) => window.axe.run(document, given), rules);
    return violations;
  };
  const asked = async (colorScheme, width) => {
    const violations = colorScheme === 'dark' ? [] : await ruled(width);
    const found = [...violations, ...await unreadable(page, colorScheme)];
    assert.deepEqual(found.map(told), [], `${what}, ${colorScheme}, ${width} px`);
  };
  // In an order in which each width is laid out once.
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await asked('dark', 1440);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await asked('light', 1440);
  await page.setViewportSize({ ...WIDE, width: 900 });
  await asked('light', 900);
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await asked('dark', 900);
  await page.setViewportSize(PHONE);
  await asked('dark', 390);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await asked('light', 390);
  await fits(page, what);
  await page.setViewportSize(NARROW);
  await fits(page, what);
}

function told({ id, nodes }) {
  return `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`;
}

/// No page scrolls sideways, not even at 320 pixels.
export async function overflow(page, what) {
  for (const size of [PHONE, NARROW]) {
    await page.setViewportSize(size);
    await fits(page, what);
  }
  await page.setViewportSize(WIDE);
}

async function fits(page, what) {
  const [needed, given] = await page.evaluate(() => [
    document.documentElement.scrollWidth, document.documentElement.clientWidth,
  ]);
  assert.ok(needed <= given, `${what} is ${needed} pixels wide where ${given} are`);
}

/// Nor does it with any other content. Spoils the page: words that do not end are put in for all that it shows, and
/// badges, which may be there or not, to every value.
export async function overflowWithAnything(page, what) {
  if (page.viewportSize().width !== NARROW.width) await page.setViewportSize(NARROW);
  await page.evaluate(() => {
    const word = 'Wm'.repeat(40);
    const main = document.querySelector('main');
    const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    // Moments have one length, and what nobody sees has none.
    const none = 'script, svg, option, textarea, kbd, th, time, relative-time, .sr, .nowrap';
    for (const text of texts) if (text.data.trim() && !text.parentElement.closest(none)) text.data += word;
    for (const value of main.querySelectorAll('dd, td:not(.date, .nowrap, .choose)')) {
      const badge = document.createElement('span');
      badge.className = 'badge';
      badge.append(word);
      value.append(badge);
    }
  });
  await fits(page, `${what}, with words that do not end,`);
}

/// The field with this label and no other, whether it must be filled in or not.
export function field(page, label) {
  const words = label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return page.getByRole('main').getByLabel(new RegExp(`^\\s*${words}( optional)?\\s*$`));
}

/// Signs in at the development provider as one of its sample people.
export async function signIn(page, base, name) {
  await page.goto(base);
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  await page.getByRole('link', { name: /Development sign-in/ }).click();
  await page.getByRole('button', { name }).click();
  await page.waitForURL((url) => url.origin === base && !url.pathname.startsWith('/auth'));
}

/// Signs out by the menu, which works without script too.
export async function signOut(page, base) {
  await page.locator('details.account summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL((url) => url.origin === base && url.pathname === '/signed-out');
}
