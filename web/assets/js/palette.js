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

// A link's own words: no counter, no sign beside them.
function wordsOf(link) {
  const copy = link.cloneNode(true);
  for (const beside of copy.querySelectorAll('.n, svg')) beside.remove();
  return copy.textContent.trim().replace(/\s+/g, ' ');
}

// What one can do and open on this page comes first, then where the sidebar leads. A page of a vault is called by both names.
function here() {
  const found = (kind, selector, named) =>
    [...document.querySelectorAll(selector)].map((link) => ({ kind, name: named(link), href: link.getAttribute('href') }));
  let vault = '';
  const inSidebar = (link) => {
    const name = wordsOf(link);
    if (link.classList.contains('vault')) vault = name;
    return link.classList.contains('in') ? `${vault}: ${name}` : name;
  };
  const told = [
    ...found(word('onThisPage'), 'main .actions a[href], main .acts a[href]', wordsOf),
    ...found(word('goTo'), '.side nav a[href]', inSidebar),
    ...found(word('goTo'), '.account .sheet a[href]', wordsOf),
  ];
  const seen = new Set();
  const isNew = ({ name, href }) => name && !seen.has(href) && !seen.has(name) && seen.add(href).add(name);
  return told.filter((one) => one.href !== location.pathname + location.search && isNew(one));
}

// Every word of the query, in whatever order.
function matches(name, query) {
  const text = name.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((part) => text.includes(part));
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
  const local = (query) => here().filter(({ name }) => matches(name, query));
  const ask = async (query, turn) => {
    const address = new URL(form.action);
    address.searchParams.set('q', query);
    address.searchParams.set('as', 'list');
    try {
      const answer = await fetch(address, { headers: { accept: 'application/json' }, redirect: 'error' });
      const { found, notices } = answer.ok ? await answer.json() : { found: [], notices: [word('searchFailed')] };
      if (turn !== asked) return;
      const near = local(query);
      show([...near, ...found.filter(({ name, href }) => near.every((one) => one.href !== href && one.name !== name))]);
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
    // A search field would take the first Escape to empty itself.
    if (event.key === 'Escape') {
      event.preventDefault();
      dialog.close();
    }
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
