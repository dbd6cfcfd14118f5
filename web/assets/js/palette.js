// Ctrl K: what this page leads to, and one search over everything that may be listed. The server judges and bounds it;
// without scripts the same search is a page.
import { word } from './words.js';

const QUIET = 200; // milliseconds without a key before the server is asked
const MOST = 12;

let count = 0;

function make(name, attributes = {}, text = '') {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

// What stands on the page already, with the words it is found by.
function here() {
  const links = [...document.querySelectorAll('main .actions a[href], main .acts a[href], .side a[href]')];
  const told = links.map((link) => {
    const side = link.closest('.side') !== null;
    return { kind: side ? word('goTo') : word('onThisPage'), name: link.textContent.trim().replace(/\s+/g, ' '), href: link.getAttribute('href') };
  });
  const seen = new Set();
  return told.filter(({ name, href }) => name && !seen.has(href) && seen.add(href));
}

export function makePalette(form) {
  const dialog = make('dialog', { class: 'palette', 'aria-label': word('searchEverything') });
  const input = make('input', {
    type: 'search', maxlength: '127', autocomplete: 'off', spellcheck: 'false', placeholder: word('searchOrGo'), role: 'combobox',
    'aria-label': word('searchOrGo'), 'aria-autocomplete': 'list', 'aria-expanded': 'true', 'aria-controls': 'palette-list',
  });
  const list = make('ul', { id: 'palette-list', role: 'listbox', 'aria-label': word('found') });
  const said = make('p', { role: 'status' });
  const foot = make('footer', {}, word('arrows'));
  dialog.append(input, list, said, foot);
  document.body.append(dialog);

  let options = [];
  let at = -1;
  let waiting = 0;
  let asked = 0;

  const choose = (index) => {
    at = index;
    options.forEach(({ item }, other) => item.setAttribute('aria-selected', String(other === at)));
    const item = options[at]?.item;
    if (item) input.setAttribute('aria-activedescendant', item.id);
    else input.removeAttribute('aria-activedescendant');
    item?.scrollIntoView({ block: 'nearest' });
  };
  const go = (href, apart) => (apart ? window.open(href, '_blank', 'noopener') : location.assign(href));
  const show = (found) => {
    options = found.slice(0, MOST).map(({ kind, name, href }) => {
      const item = make('li', { role: 'option', id: `palette-${(count += 1)}`, 'aria-selected': 'false' });
      item.append(make('span', { class: 'kind' }, kind), make('span', { class: 'what' }, name));
      item.addEventListener('click', (event) => go(href, event.ctrlKey || event.metaKey));
      return { item, href };
    });
    list.replaceChildren(...options.map(({ item }) => item));
    choose(options.length > 0 ? 0 : -1);
  };
  const local = (query) => here().filter(({ name }) => name.toLowerCase().includes(query.toLowerCase()));
  const ask = async (query, turn) => {
    const address = new URL(form.action);
    address.searchParams.set('q', query);
    address.searchParams.set('as', 'list');
    try {
      const answer = await fetch(address, { headers: { accept: 'application/json' }, redirect: 'error' });
      const { found, notices } = answer.ok ? await answer.json() : { found: [], notices: [word('searchFailed')] };
      if (turn !== asked) return;
      const near = local(query);
      show([...near, ...found.filter(({ href }) => near.every((one) => one.href !== href))]);
      said.textContent = [options.length === 0 ? word('nothingFound') : word('countFound', { count: options.length }), ...notices].join(' ');
    } catch {
      if (turn === asked) said.textContent = word('noAnswer');
    }
  };
  input.addEventListener('input', () => {
    clearTimeout(waiting);
    const query = input.value.trim();
    asked += 1;
    show(local(query));
    said.textContent = '';
    if (query.length > 1) waiting = setTimeout(ask, QUIET, query, asked);
  });
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length > 0) {
      event.preventDefault();
      choose((at + step + options.length) % options.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const query = input.value.trim();
      if (options[at]) go(options[at].href, event.ctrlKey || event.metaKey);
      else if (query) go(`${form.action}?q=${encodeURIComponent(query)}`, false);
    }
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());

  return () => {
    if (dialog.open) return;
    input.value = '';
    said.textContent = '';
    dialog.showModal();
    show(local(''));
    input.focus();
  };
}
