// Every page, looked at: accessible in both colour schemes at every width, and photographed if wanted.
//
// Environment: BASE: a development installation; SHOTS: a directory for pictures instead of checks;
// ROUTES: the table of routes (`strongroom routes`), so that no page is forgotten; SAMPLES: a directory with the sample
// pages of `web`, of the same build.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { answers, send } from './answers.mjs';
import { bringAxe, check, field, overflowWithAnything, signIn, story } from './common.mjs';
import { withSamples } from './samples.mjs';

const { BASE, SHOTS, ROUTES = '', SAMPLES } = process.env;

/// What of the table is no page that stands for itself: leads elsewhere, is a file, or is walked by another story.
const NO_PAGES = [
  '/', '/audit/export', '/audit/bundle', '/audit/live', '/command-line', '/vaults/{vault}/certificates/{name}/{version}/public',
  '/vaults/{vault}/keys/{name}/{version}/public',
  // That of a federation is looked at, and is theirs too.
  '/access/workloads/{client_id}/secrets/{credential}/remove', '/access/workloads/{client_id}/certificates/{credential}/remove',
];

/// What somebody writes where a text is wanted: it would act if it were not text on every page that shows it. Pictures
/// show something else.
const TEXT = SHOTS ? 'known to operations' : '"\'--><img src=x onerror=alert(1)><script>alert(1)</script>';

function mainOf(page) {
  const main = page.getByRole('main');
  return { main, press: async (name) => main.getByRole('button', { name }).first().click() };
}

/// Secrets, keys and certificates.
async function keep(page) {
  const { main, press } = mainOf(page);
  const secret = async (name, value, more = async () => {}) => {
    await page.goto(`${BASE}/vaults/demo/new-secret`);
    await field(page, 'Name').fill(name);
    await field(page, 'Value').fill(value);
    await more();
    await press('Create secret');
  };
  await secret('ledger-db-password', 'vT7#qL0m-Rk2xW9!', async () => {
    await field(page, 'Content type').fill(SHOTS ? 'text/plain' : TEXT);
    await field(page, 'Name 1').fill(SHOTS ? 'team' : TEXT);
    await field(page, 'Value 1').fill(SHOTS ? 'ledger' : TEXT);
  });
  await page.goto(`${BASE}/vaults/demo/secrets/ledger-db-password/new-version`);
  await field(page, 'Value').fill('uN4!kQ8s-Zt3yP6?');
  await press('Add version');
  await secret('paylane-restricted-key', 'x', async () => {
    const soon = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 16);
    await field(page, 'Expires, UTC').fill(soon);
  });
  await secret('settlement-sftp-key', 'x', async () => field(page, 'Enabled').uncheck());
  await secret('etl-legacy-token', 'x');
  await page.goto(`${BASE}/vaults/demo/secrets/etl-legacy-token/delete`);
  await press(/Delete, recoverable/);
  for (const key of ['release-signing', 'old-signing']) {
    await page.goto(`${BASE}/vaults/demo/new-key`);
    await field(page, 'Name').fill(key);
    await press('Create key');
  }
  await page.goto(`${BASE}/vaults/demo/keys/old-signing/delete`);
  await press(/Delete, recoverable/);
  await page.goto(`${BASE}/vaults/demo/keys/release-signing`);
  const keyEdit = await main.getByRole('link', { name: 'Edit' }).getAttribute('href');
  await page.goto(`${BASE}/vaults/demo/secrets/ledger-db-password`);
  const secretEdit = await main.getByRole('link', { name: 'Edit' }).getAttribute('href');
  for (const [certificate, signer] of [['shop-tls', 'Self'], ['partner-tls', 'Unknown'], ['old-tls', 'Self']]) {
    await page.goto(`${BASE}/vaults/demo/new-certificate`);
    await field(page, 'Name').fill(certificate);
    await field(page, 'Subject').fill(`CN=${certificate}.example`);
    await field(page, 'DNS names').fill(`${certificate}.example`);
    await field(page, 'Signed by').fill(signer);
    await press('Make certificate');
  }
  await page.goto(`${BASE}/vaults/demo/certificates/old-tls/delete`);
  await press(/Delete, recoverable/);
  await page.goto(`${BASE}/vaults/demo/new-certificate`);
  await field(page, 'Name').fill('house-root');
  await field(page, 'Subject').fill('CN=House Root');
  for (const said of ['It is an authority and may sign others', 'Certificate signing', 'Signing of revocation lists']) {
    await field(page, said).check();
  }
  await press('Make certificate');
  await page.goto(`${BASE}/vaults/demo/new-issuer`);
  await field(page, 'Name').fill('house');
  await field(page, 'Certificate of the authority').fill('house-root');
  await press('Set up issuer');
  await page.goto(`${BASE}/vaults/demo/contacts`);
  await field(page, 'Everybody who is told').fill(`ops@app.example, ${TEXT.replaceAll(/[",]/g, '')}`);
  await press('Save contacts');
  await page.goto(`${BASE}/vaults/demo/certificates/shop-tls`);
  const certificateEdit = await main.getByRole('link', { name: 'Edit' }).getAttribute('href');
  return { keyEdit, secretEdit, certificateEdit };
}

/// Vaults, and who may what.
async function rule(page) {
  const { main, press } = mainOf(page);
  for (const vault of ['payments-prod', 'old-staging']) {
    await page.goto(`${BASE}/new-vault`);
    await field(page, 'Name').fill(vault);
    await press('Create vault');
  }
  await page.goto(`${BASE}/vaults/old-staging/delete`);
  await page.getByLabel(/Type the name/).fill('old-staging');
  await page.getByLabel(/Reason, for the record/).fill('nobody uses it');
  await press(/Delete, recoverable/);
  await page.goto(`${BASE}/vaults/demo/network`);
  await page.getByLabel(/Rules, the first/).fill('deny 192.0.2.0/24\nallow 10.0.0.0/8 until 2099-01-31T00:00:00Z');
  await press('Replace the rules');
  await page.goto(`${BASE}/access/new-role`);
  await field(page, 'Name').fill('Secret lister');
  await field(page, 'Description').fill(TEXT);
  await field(page, 'Actions on what is in vaults').fill('Microsoft.KeyVault/vaults/secrets/readMetadata/action');
  await press('Create role');
  const role = new URL(page.url()).pathname;
  await page.goto(`${BASE}/vaults/demo/access-policy`);
  await field(page, 'Issuer').fill('https://login.example.com');
  await field(page, 'Group at that issuer').fill('ledger-oncall');
  await field(page, 'Secrets, get: read values').check();
  await press('Set the access policy');
  await page.goto(`${BASE}/access/new-workload`);
  await field(page, 'Name').fill(SHOTS ? 'ledger-worker' : TEXT);
  await press('Create workload');
  const workload = new URL(page.url()).pathname;
  await field(page, 'Issuer').fill('https://token.actions.example.com');
  await field(page, 'Subject').fill('repo:kestrel/ledger:ref:refs/heads/main');
  await field(page, 'Audience').fill('api://AzureADTokenExchange');
  await press('Add federation');
  const federation = await main.locator('a[href*="/federations/"]').first().getAttribute('href');
  await page.goto(`${BASE}/me`);
  const [subject, issuer] = await main.locator('dl.details code').allTextContents();
  await page.goto(`${BASE}/access/new-assignment`);
  await field(page, 'Issuer').fill(issuer.trim());
  await field(page, 'Subject at that issuer').fill(subject.trim());
  await field(page, 'Role').selectOption('Key Vault Reader');
  await field(page, 'Where').fill('/');
  await press('Give the role');
  await page.goto(`${BASE}/me`);
  const drop = await main.getByRole('link', { name: 'Drop' }).first().getAttribute('href');
  return { role, workload, federation, drop };
}

/// Policies, which have a say in whatever comes after.
async function attach(page) {
  const { main, press } = mainOf(page);
  await page.goto(`${BASE}/policy/new-document`);
  await field(page, 'Name').fill('known-sites');
  await field(page, 'Text').fill(`fra-2 10.2.0.0/16\nams-1 10.3.0.0/16\n${SHOTS ? '' : TEXT}`);
  await press(/Save/);
  await page.goto(`${BASE}/policy`);
  const module = await main.getByRole('link', { name: 'two-person', exact: true }).getAttribute('href');
  const other = await main.getByRole('link', { name: 'enforce-expiry', exact: true }).getAttribute('href');
  for (const attached of [module, other]) {
    await page.goto(`${BASE}${attached}/attach`);
    await main.getByLabel('Attach to').selectOption('demo');
    await press('Attach');
  }
  await page.goto(`${BASE}/policy/attached/demo/two-person/settings`);
  await field(page, 'valid_for').fill('7200');
  await press(/Save/);
  await page.goto(`${BASE}/vaults/demo/replays`);
  await press('Ask them again');
  const replay = new URL(page.url()).pathname;
  await page.goto(`${BASE}/access`);
  const removal = await main.getByRole('link', { name: 'Remove' }).first().getAttribute('href');
  await page.goto(`${BASE}/audit?outcome=denied`);
  await page.goto(`${BASE}/audit`);
  const record = await main.getByRole('row').getByRole('link').first().getAttribute('href');
  return { removal, record, module, replay };
}

/// The pages that do not say what is attached.
function pages({ role, workload, drop, keyEdit, certificateEdit }) {
  const secret = '/vaults/demo/secrets/ledger-db-password';
  return {
    search: '/search?q=ledger', me: '/me', 'drop-role': drop, vaults: '/vaults', 'new-vault': '/new-vault',
    'deleted-vaults': '/deleted-vaults', 'purge-vault': '/deleted-vaults/old-staging/purge',
    'vault-settings': '/vaults/demo/settings', 'vault-protect': '/vaults/demo/protect',
    'vault-delete': '/vaults/payments-prod/delete', network: '/vaults/demo/network?address=192.0.2.7&listener=main',
    'vault-access': '/vaults/demo/access', 'access-policy': '/vaults/demo/access-policy',
    'access-policy-remove': '/vaults/demo/access-policy/remove?issuer=https%3A%2F%2Flogin.example.com&group=ledger-oncall',
    secrets: '/vaults/demo/secrets', 'secrets-filtered': '/vaults/demo/secrets?state=expired',
    'secrets-empty': '/vaults/payments-prod/secrets', 'new-secret': '/vaults/demo/new-secret',
    secret, 'new-version': `${secret}/new-version`, 'secret-delete': `${secret}/delete`,
    keys: '/vaults/demo/keys', 'keys-empty': '/vaults/payments-prod/keys', 'new-key': '/vaults/demo/new-key',
    key: '/vaults/demo/keys/release-signing', 'key-edit': keyEdit, 'key-rotation': '/vaults/demo/keys/release-signing/rotation',
    'key-delete': '/vaults/demo/keys/release-signing/delete',
    'deleted-keys': '/vaults/demo/deleted-keys', 'key-purge': '/vaults/demo/deleted-keys/old-signing/purge',
    deleted: '/vaults/demo/deleted', purge: '/vaults/demo/deleted/etl-legacy-token/purge',
    certificates: '/vaults/demo/certificates?sort=expires&order=desc', 'certificates-empty': '/vaults/payments-prod/certificates',
    'new-certificate': '/vaults/demo/new-certificate', 'certificate-import': '/vaults/demo/import-certificate', 'secret-import': '/vaults/demo/import-secrets',
    certificate: '/vaults/demo/certificates/shop-tls', 'certificate-pending': '/vaults/demo/certificates/partner-tls',
    'certificate-policy': '/vaults/demo/certificates/shop-tls/policy', 'certificate-edit': certificateEdit,
    'certificate-delete': '/vaults/demo/certificates/shop-tls/delete',
    'deleted-certificates': '/vaults/demo/deleted-certificates',
    'certificate-purge': '/vaults/demo/deleted-certificates/old-tls/purge',
    issuers: '/vaults/demo/issuers', issuer: '/vaults/demo/issuers/house', 'issuer-edit': '/vaults/demo/issuers/house/edit',
    'issuer-delete': '/vaults/demo/issuers/house/delete', 'new-issuer': '/vaults/demo/new-issuer',
    'new-issuer-acme': '/vaults/demo/new-issuer?provider=acme', contacts: '/vaults/demo/contacts',
    authority: '/vaults/demo/certificates/house-root', revocations: '/vaults/demo/certificates/house-root/revocations',
    'revoke-signed': '/vaults/demo/certificates/house-root/revoke',
    'revoke-version': certificateEdit.replace(/edit$/, 'revoke'),
    access: '/access', grants: '/access/grants', 'unused-grants': '/access/grants/unused', 'new-assignment': '/access/new-assignment',
    roles: '/access/roles', role, 'role-edit': `${role}/edit`, 'role-delete': `${role}/delete`,
    'new-role': '/access/new-role', workloads: '/access/workloads', workload,
    'workload-delete': `${workload}/delete`, 'new-workload': '/access/new-workload',
    settings: '/settings', 'token-keys-revoke': '/settings/token-keys/revoke', 'not-found': '/vaults/demo/secrets/not-there',
  };
}

/// Those that do.
function pagesOfPolicies({ removal, record, module, replay }) {
  return {
    overview: '/overview', vault: '/vaults/demo', approvals: '/vaults/demo/approvals', replays: '/vaults/demo/replays', replay,
    documents: '/policy/documents', document: '/policy/documents/known-sites', 'new-document': '/policy/new-document',
    'document-edit': '/policy/documents/known-sites/edit', 'document-remove': '/policy/documents/known-sites/remove',
    'remove-assignment': removal, audit: '/audit', record,
    why: '/why?issuer=https%3A%2F%2Flogin.example&subject=8b1a&action=SecretGet&vault=demo&name=ledger-db-password',
    policy: '/policy', 'policy-upload': '/policy/upload', 'policy-module': module, 'policy-attach': `${module}/attach`,
    'policy-try': `${module}/try`, 'policy-attachment': '/policy/attached/demo/two-person',
  };
}

/// The pages of the table that are not looked at yet, with what this installation has for their parameters.
function others(looked, { role, workload, federation, removal, record, keyEdit, secretEdit, module, certificateEdit }) {
  const table = ROUTES.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const routes = table.filter(({ site, method, access, path }) => site === 'base' && method === 'GET'
    && access === 'session' && !NO_PAGES.includes(path)).map(({ path }) => path);
  const parts = (path) => path.split('?')[0].split('/');
  const takes = (route, path) => parts(route).length === parts(path).length
    && parts(route).every((part, n) => part.startsWith('{') || part === parts(path)[n]);
  // Of the routes that take a path, the one that says most of it in words.
  const parameters = (route) => (route.match(/{/g) ?? []).length;
  const routeOf = (path) => routes.filter((route) => takes(route, path)).sort((a, b) => parameters(a) - parameters(b))[0];
  const seen = new Set(looked.map(routeOf));
  const known = [
    [/^\/vaults\/{vault}\/keys\/{name}\/{version}/, keyEdit.replace(/\/edit$/, '')],
    [/^\/vaults\/{vault}\/certificates\/{name}\/{version}/, certificateEdit.replace(/\/edit$/, '')],
    [/^\/vaults\/{vault}\/secrets\/{name}\/{version}/, secretEdit.replace(/\/edit$/, '')],
    [/^\/vaults\/{vault}\/secrets\/{name}/, '/vaults/demo/secrets/ledger-db-password'],
    [/^\/vaults\/{vault}\/keys\/{name}/, '/vaults/demo/keys/release-signing'],
    [/^\/vaults\/{vault}/, '/vaults/demo'],
    [/^\/access\/workloads\/{client_id}\/federations\/{credential}\/remove/, federation],
    [/^\/access\/roles\/{id}/, role], [/^\/access\/workloads\/{client_id}/, workload],
    [/^\/access\/assignments\/{id}/, removal.replace(/\/remove.*$/, '')],
    [/^\/policy\/modules\/{digest}/, module], [/^\/policy\/attached\/{where}\/{attachment}/, '/policy/attached/demo/two-person'],
    [/^\/audit\/{id}/, record], [/^\/why\/{id}/, record.replace('/audit/', '/why/')],
  ];
  return routes.filter((route) => !seen.has(route)).map((route) => {
    const address = known.reduce((path, [pattern, value]) => path.replace(pattern, value), route);
    assert.ok(!address.includes('{'), `${route}: a new page, whose parameters nothing here stands for`);
    return [route, address];
  });
}

const SIZES = [['light', 1440], ['dark', 1440], ['light', 390]];

async function look(page, name, last) {
  if (!SHOTS) return check(page, name, last);
  for (const [colorScheme, width] of SIZES) {
    await page.setViewportSize({ width, height: width > 1000 ? 900 : 844 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const suffix = width > 1000 ? colorScheme : 'phone';
    await page.screenshot({ path: join(SHOTS, `${name}-${suffix}.png`), fullPage: width < 1000 });
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize({ width: 1440, height: 900 });
}

/// The sample pages show what this installation happens not to hold: every state of every page.
function samples(page) {
  return withSamples(SAMPLES, async (all) => {
    for (const [name, address] of all) {
      await page.goto(address);
      await look(page, `the sample ${name}`, overflowWithAnything);
    }
  });
}

/// Looks at every page, in two tabs that take turns at what is left. Its objects are made by the pages' own forms: in
/// two tabs too where neither waits for what the other makes, while a third one looks at the samples, which need no
/// object; and while modules are compiled and attached, the pages that do not say so are looked at.
async function walk(page, context) {
  if (!SHOTS) await bringAxe(context);
  await page.goto(`${BASE}/sign-in`);
  await look(page, 'sign-in');
  await signIn(page, BASE, 'Ada Lovelace');
  const second = await context.newPage();
  const sampled = SHOTS ? null : samples(await context.newPage());
  const [kept, ruled] = await Promise.all([keep(page), rule(second)]);
  const named = Object.entries(pages({ ...kept, ...ruled }));
  const left = [...named];
  const lookOn = async (tab) => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [name, address] = next;
      const answer = await tab.goto(BASE + address);
      assert.equal(answer.status(), name === 'not-found' ? 404 : 200, name);
      await look(tab, name.replaceAll('/', '-').replace(/[{}]/g, ''), overflowWithAnything);
    }
  };
  const attached = attach(page).then((policies) => {
    named.push(...Object.entries(pagesOfPolicies(policies)));
    const made = { ...kept, ...ruled, ...policies };
    left.push(...Object.entries(pagesOfPolicies(policies)), ...others(named.map(([, address]) => address), made));
    return made;
  });
  const inTurn = async () => {
    await lookOn(second);
    await attached;
    await lookOn(second);
  };
  await Promise.all([attached.then(() => lookOn(page)), inTurn(), sampled]);
  const asked = Object.entries(answers(await attached));
  await Promise.all([used(page).then(() => answered(page, asked)), broughtIn(second).then(() => answered(second, asked))]);
}

/// What other forms answer with, as long as there are any left.
async function answered(page, left) {
  for (let next = left.shift(); next; next = left.shift()) {
    const [name, { at, to, fields, by, says }] = next;
    await send(page, BASE + at, to, fields, by);
    const said = await page.getByRole('main').innerText();
    assert.ok(said.includes(says), `${name}: ${said}`);
    await look(page, name);
  }
}

/// What a form answers with: a value, and the result of a key.
async function used(page) {
  await page.goto(`${BASE}/vaults/demo/secrets/ledger-db-password`);
  const reason = page.getByRole('main').getByLabel(/^Reason/);
  if (await reason.count() > 0) await reason.fill(TEXT);
  await page.getByRole('button', { name: /Reveal/ }).click();
  await page.locator('#value').waitFor();
  const shown = await page.getByRole('main').innerText();
  assert.ok(SHOTS || shown.split(TEXT).length > 2, `as text: a tag's name and its value in ${shown}`);
  await look(page, 'revealed');
  await page.goto(`${BASE}/vaults/demo/keys/release-signing`);
  await field(page, 'Text').fill('release 1.0');
  await page.getByRole('button', { name: 'Use the key' }).click();
  await page.getByRole('heading', { name: 'Result' }).waitFor();
  await look(page, 'key-used');
}

/// A certificate that was taken out, before it is taken in again.
async function broughtIn(page) {
  await page.goto(`${BASE}/vaults/demo/certificates/shop-tls`);
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download with its private key' }).click();
  const brought = await (await downloading).path();
  await page.goto(`${BASE}/vaults/demo/import-certificate`);
  await field(page, 'Name').fill('brought-tls');
  await field(page, 'File').setInputFiles(brought);
  await page.getByRole('button', { name: 'Show what is in it' }).click();
  await page.getByRole('heading', { name: 'Take it in' }).waitFor();
  await look(page, 'certificate-looked-into');
}

/// What somebody sees who may nothing.
async function outside(page) {
  await signIn(page, BASE, 'Edsger Dijkstra');
  await page.goto(`${BASE}/vaults/demo/secrets`);
  await look(page, 'denied');
  await page.goto(`${BASE}/vaults`);
  await look(page, 'vaults-none');
}

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
await Promise.all([story({}, walk), story({}, outside)]);
