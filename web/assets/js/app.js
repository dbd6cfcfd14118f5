// Comfort on top of pages that work without it: ticking clock, local times, copy, auto-hide.
import '@github/clipboard-copy-element';
import '@github/relative-time-element';
import { startClock, addLocalTimes } from './time.js';
import { confirmCopies } from './copy.js';
import { guardRevealedValue } from './reveal.js';
import { listenToKeys } from './keys.js';
import { followLive } from './live.js';
import { makePalette } from './palette.js';
import { countChosen } from './bulk.js';
import { offerUndo } from './undo.js';

startClock(document.querySelector('.clock'));
addLocalTimes(document.querySelectorAll('time[datetime]'));
confirmCopies(document.getElementById('announce'));
const search = document.querySelector('[data-palette]');
listenToKeys(search, document.querySelector('dialog.keys'), search && makePalette(search.form));
followLive(document.querySelector('main .acts'));
countChosen(document.querySelector('form[data-bulk]'));
offerUndo(document.querySelector('[data-undo]'), document.getElementById('announce'));
guardRevealedValue(document.querySelector('[data-hide-href]'));
