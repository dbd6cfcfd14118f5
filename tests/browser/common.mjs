// Chromium, and what every page must satisfy.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

// The package's own runner opens a second page for every look; asked directly, axe answers in the page.
const { source: AXE } = createRequire(import.meta.resolve('@axe-core/playwright'))('axe-core');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const WIDTHS = [1440, 900, 390];
/// Most bytes of a page with what it loads at a first visit, fonts apart, as they are: nothing is compressed on the way.
const MOST_BYTES = 150_000;
const WIDE = { width: 1280, height: 900 };

/// For each page of a browser, the last answer to a navigation.
const shown = new WeakMap();

/// Runs a story in a fresh profile and fails when the browser complained about anything.
export async function story(options, tell) {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: WIDE, ...options });
    context.setDefaultTimeout(20_000);
    const complaints = [];
    context.on('console', (message) => {
      // Chromium reports a page that is refused with a status as an error of its own.
      const refusedPage = /the server responded with a status of (401|403|404|409)/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !refusedPage) complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
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

/// What holds on every page of ours: policy, accessibility in both colour schemes at every width, no
/// overflow.
export async function check(page, what, widths = WIDTHS) {
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
  await page.evaluate(AXE);
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    // In between, colours are those of the wide page.
    for (const colorScheme of width === 900 ? ['light'] : ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      // A theme changes colours and nothing else, so the second one is asked about those.
      const runOnly = colorScheme === 'light' ? WCAG : { type: 'rule', values: ['color-contrast'] };
      const options = { runOnly, resultTypes: ['violations'] };
      const { violations } = await page.evaluate((given) => window.axe.run(document, given), options);
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
      assert.deepEqual(told, [], `${what}, ${colorScheme}, ${width} px`);
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await overflow(page, what);
}

/// No page scrolls sideways, not even at 320 pixels.
export async function overflow(page, what) {
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    const [needed, given] = await page.evaluate(() => [
      document.documentElement.scrollWidth, document.documentElement.clientWidth,
    ]);
    assert.ok(needed <= given, `${what} is ${needed} pixels wide where ${given} are`);
  }
  await page.setViewportSize(WIDE);
}

/// The field with this label and no other, whether it must be filled in or not.
export function field(page, label) {
  const words = label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return page.getByRole('main').getByLabel(new RegExp(`^\\s*${words}( optional)?\\s*$`));
}

/// Signs in at the development provider as one of its sample people.
export async function signIn(page, base, name, checked) {
  await page.goto(base);
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  if (checked) await check(page, 'sign-in');
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
