// Comfort on top of pages that work without it: ticking clock, local times, copy, auto-hide.
import '@github/clipboard-copy-element';
import '@github/relative-time-element';
import { startClock, addLocalTimes } from './time.js';
import { confirmCopies } from './copy.js';
import { guardRevealedValue } from './reveal.js';
import { listenToKeys } from './keys.js';

startClock(document.querySelector('.clock'));
addLocalTimes(document.querySelectorAll('time[datetime]'));
confirmCopies(document.getElementById('announce'));
listenToKeys(document.querySelector('[data-palette]'), document.querySelector('dialog.keys'));
guardRevealedValue(document.querySelector('[data-hide-href]'));
