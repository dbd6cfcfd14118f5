// The live tail of the audit list: paused until asked for, by server-sent events. Every batch is a request of its own, so
// it ends with the session. What comes is put in as text.
import { word } from './words.js';

const KEPT = 200; // lines
const LONGEST = 30 * 60_000; // then it pauses by itself

function make(name, className = '', text = '') {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function line(record) {
  const item = make('li');
  const time = make('time', '', record.time);
  time.dateTime = record.iso;
  const decision = make('a', '', record.object);
  decision.href = record.href;
  const reason = record.reason && record.reason !== 'ok' ? ` (${record.reason})` : '';
  item.append(time, make('b', record.state, `${record.outcome}${reason}`),
    make('span', '', record.who), make('span', '', record.action), decision);
  if (record.why) {
    const why = make('a', 'link', record.why.label);
    why.href = record.why.href;
    item.append(why);
  }
  return item;
}

export function followLive(acts) {
  const asked = new URLSearchParams(location.search);
  if (!acts || location.pathname !== '/audit' || asked.has('before') || asked.has('until') || !window.EventSource) return;
  const panel = make('section', 'panel live');
  panel.setAttribute('aria-label', word('live'));
  const button = make('button', 'btn', word('follow'));
  button.type = 'button';
  button.setAttribute('aria-pressed', 'false');
  const said = make('p', 'meta', word('paused'));
  said.setAttribute('role', 'status');
  const list = make('ol');
  list.setAttribute('aria-label', word('sinceFollowed'));
  const header = make('header');
  header.append(make('h2', '', word('live')), said, button);
  panel.append(header, list);
  acts.after(panel);

  const seen = new Set();
  let since = null;
  let stream = null;
  let again = 0;
  let began = 0;

  const stop = (words) => {
    clearTimeout(again);
    stream?.close();
    stream = null;
    began = 0;
    button.textContent = word('follow');
    button.setAttribute('aria-pressed', 'false');
    said.textContent = words;
  };
  const take = ({ since: newest, records, more, again: pause }) => {
    since = newest;
    for (const record of records.filter(({ id }) => !seen.has(id))) {
      seen.add(record.id);
      list.prepend(line(record));
    }
    while (list.children.length > KEPT) list.lastElementChild.remove();
    said.textContent = more ? word('moreCame') : word('followingCount', { count: seen.size });
    if (performance.now() - began > LONGEST) stop(word('pausedLong'));
    else again = setTimeout(open, pause);
  };
  const open = () => {
    if (!began) return;
    const address = new URL('/audit/live', location.origin);
    for (const [name, value] of asked) address.searchParams.set(name, value);
    if (since) address.searchParams.set('since', since);
    stream = new EventSource(address);
    stream.addEventListener('records', (event) => {
      stream.close();
      take(JSON.parse(event.data));
    });
    stream.addEventListener('error', () => stop(word('ended')));
  };
  button.addEventListener('click', () => {
    if (began) return stop(word('paused'));
    began = performance.now();
    button.textContent = word('pause');
    button.setAttribute('aria-pressed', 'true');
    said.textContent = word('following');
    open();
  });
  document.addEventListener('visibilitychange', () => document.hidden && began && stop(word('pausedHidden')));
}
