import { word } from './words.js';

const two = (number) => String(number).padStart(2, '0');

// Ticks from the server's time, not from this device's clock, which may be wrong.
export function startClock(clock) {
  const time = clock?.querySelector('time');
  const made = Date.parse(time?.dateTime);
  if (Number.isNaN(made)) return;
  const start = performance.now();
  const local = clock.querySelector('[data-local]');
  const show = () => {
    const now = new Date(made + performance.now() - start);
    time.textContent = `${two(now.getUTCHours())}:${two(now.getUTCMinutes())}`;
    time.dateTime = now.toISOString();
    if (now.getTimezoneOffset() !== 0) local.textContent = `· ${word('local', { time: `${two(now.getHours())}:${two(now.getMinutes())}` })}`;
  };
  show();
  setInterval(show, 1000);
}

// Times are shown in UTC; hovering over one adds the local time.
export function addLocalTimes(times) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { dateStyle: 'medium', timeStyle: 'long' });
  for (const time of times) {
    const at = Date.parse(time.dateTime);
    if (!Number.isNaN(at)) time.title = format.format(at);
  }
}
