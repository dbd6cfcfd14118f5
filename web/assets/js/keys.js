// Keyboard: Ctrl K or / to search, g and a letter to go, e to explain what is at hand, ? for this list.
// Single keys do nothing while somebody types, and can be switched off (WCAG 2.1.4).
const GO = { o: '/overview', v: '/vaults', a: '/audit', w: '/access', y: '/why', s: '/settings', m: '/me' };
const OFF = 'strongroom-keys-off';

export function listenToKeys(search, help, openPalette) {
  let going = 0;
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'k' && openPalette) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || localStorage.getItem(OFF)) return;
    if (performance.now() - going < 1500 && GO[event.key]) {
      location.assign(GO[event.key]);
    } else if (event.key === 'g') {
      going = performance.now();
      return;
    } else if (event.key === '/') {
      const filter = document.querySelector('main form[role="search"] input:not([type="hidden"])') ?? search;
      event.preventDefault();
      filter?.focus();
    } else if (event.key === 'j' || event.key === 'k') {
      move(event.key === 'j' ? 1 : -1);
    } else if (event.key === 'e') {
      explain();
    } else if (event.key === '?' && help) {
      help.showModal();
    }
    going = 0;
  });
  const off = help?.querySelector('input[type="checkbox"]');
  if (!off) return;
  off.checked = localStorage.getItem(OFF) !== null;
  off.addEventListener('change', () => (off.checked ? localStorage.setItem(OFF, '1') : localStorage.removeItem(OFF)));
}

function typing(target) {
  return target.closest?.('input, select, textarea, dialog, [contenteditable]');
}

// Follows the way to why: of the row that is at hand, or the first of the page.
function explain() {
  const row = document.activeElement?.closest('tr');
  (row ?? document).querySelector('a[href^="/why/"]')?.click();
}

// Moves between the rows' first links, which Enter then opens.
function move(step) {
  const links = [...document.querySelectorAll('main tbody tr')].map((row) => row.querySelector('a')).filter(Boolean);
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
}
