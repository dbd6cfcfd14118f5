// Keyboard: Ctrl K to search everything, / to filter this page, g and a letter to go, j and k among the rows, x to tick
// one, e to explain and c to copy what is at hand, ? for this list. Single keys do nothing while somebody types, and are
// switched off, and on again, where a person says how pages look to them (WCAG 2.1.4).
const GO = { o: '/overview', v: '/vaults', w: '/access', y: '/why', p: '/policy', a: '/audit', s: '/settings', m: '/me' };
const AFTER_G = 1500; // milliseconds in which a letter belongs to the g before it

export function listenToKeys(search, help, openPalette) {
  const quiet = document.querySelector('[data-quiet-keys]');
  for (const link of document.querySelectorAll('a[data-keys]')) {
    link.addEventListener('click', (event) => {
      if (!help || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      help.showModal();
    });
  }
  let going = -Infinity;
  const acts = {
    '/': () => (document.querySelector('main form[role="search"] input:not([type="hidden"])') ?? search)?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: () => ofRow('input[type="checkbox"]'),
    e: explain,
    c: () => ofRow('clipboard-copy', 'main clipboard-copy'),
    '?': () => help?.showModal(),
  };
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'k' && openPalette) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || quiet) return;
    const goes = performance.now() - going < AFTER_G && Object.hasOwn(GO, event.key);
    going = event.key === 'g' ? performance.now() : -Infinity;
    if (goes) {
      location.assign(GO[event.key]);
    } else if (Object.hasOwn(acts, event.key)) {
      event.preventDefault();
      acts[event.key]();
    }
  });
}

// A box that is ticked is no text: keys go on from it.
function typing(target) {
  return target.closest?.('input:not([type="checkbox"]), select, textarea, dialog, [contenteditable]');
}

// Leads to why: of the record in the row that has the focus, or of what the row or the page says.
function explain() {
  const links = [...(document.activeElement?.closest('main tbody tr')?.querySelectorAll('a[href]') ?? [])];
  const record = links.map((link) => link.getAttribute('href')).find((href) => /^\/audit\/[\da-f-]{36}$/.test(href));
  if (record) location.assign(record.replace('/audit/', '/why/'));
  else ofRow('a[href^="/why/"]', 'main a[href^="/why/"]');
}

// Clicks what is meant in the row that has the focus, or else the first of the page, of those that one sees if there are any.
function ofRow(inRow, inPage) {
  const row = document.activeElement?.closest('main tbody tr');
  const ofPage = inPage ? [...document.querySelectorAll(inPage)] : [];
  (row?.querySelector(inRow) ?? ofPage.find(seen) ?? ofPage[0])?.click();
}

// Not what a closed <details> holds, which takes no focus.
function seen(element) {
  return !element.closest('details:not([open])') && element.getClientRects().length > 0;
}

// Moves between the rows' first links, which Enter then opens.
function move(step) {
  const links = [...document.querySelectorAll('main tbody tr')].map((row) => [...row.querySelectorAll('a')].find(seen)).filter(Boolean);
  const row = document.activeElement?.closest('tr');
  const at = links.findIndex((link) => link === document.activeElement || link.closest('tr') === row);
  links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
}
