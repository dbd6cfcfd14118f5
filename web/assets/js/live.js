// The live tail of the audit list: paused until asked for, by server-sent events. Every batch is a request of its own, so
// it ends with the session. What comes is put in as text.
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
  item.append(time, make('b', record.outcome.toLowerCase(), `${record.outcome}${reason}`),
    make('span', '', record.who), make('span', '', record.action), decision);
  return item;
}

export function followLive(acts) {
  const asked = new URLSearchParams(location.search);
  if (!acts || location.pathname !== '/audit' || asked.has('before') || asked.has('until') || !window.EventSource) return;
  const panel = make('section', 'panel live');
  panel.setAttribute('aria-label', 'Live');
  const button = make('button', 'btn', 'Follow live');
  button.type = 'button';
  button.setAttribute('aria-pressed', 'false');
  const said = make('p', 'meta', 'Paused. Every batch is on record as a read of the log.');
  said.setAttribute('role', 'status');
  const list = make('ol');
  list.setAttribute('aria-label', 'Since it is followed');
  const header = make('header');
  header.append(make('h2', '', 'Live'), said, button);
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
    button.textContent = 'Follow live';
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
    said.textContent = more ? 'More came than is shown here: reload for all of it.' : `Following, ${seen.size} since it began.`;
    if (performance.now() - began > LONGEST) stop('Paused after half an hour.');
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
    stream.addEventListener('error', () => stop('Ended: the server did not answer, or your session or your right to read is over.'));
  };
  button.addEventListener('click', () => {
    if (began) return stop('Paused.');
    began = performance.now();
    button.textContent = 'Pause';
    button.setAttribute('aria-pressed', 'true');
    said.textContent = 'Following.';
    open();
  });
  document.addEventListener('visibilitychange', () => document.hidden && began && stop('Paused while it was out of sight.'));
}
