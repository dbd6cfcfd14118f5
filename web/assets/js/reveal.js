// Counts down, then leaves for the page without the value. The Refresh header does the same without
// scripts; this only does it to the second, and also when the page is left or restored.
import { word } from './words.js';

export function guardRevealedValue(panel) {
  if (!panel) return;
  const { hideHref, hideAfter } = panel.dataset;
  const words = panel.querySelector('[data-countdown]');
  const left = panel.querySelector('.ring .left');
  const total = Number(hideAfter) * 1000;
  const end = performance.now() + total;
  const hide = () => {
    clearInterval(ticking);
    for (const value of panel.querySelectorAll('[data-value]')) value.replaceChildren();
    location.replace(hideHref);
  };
  const tick = () => {
    const rest = Math.max(0, end - performance.now());
    words.textContent = word('hides', { seconds: Math.ceil(rest / 1000) });
    left.setAttribute('stroke-dasharray', `${((100 * rest) / total).toFixed(1)} 100`);
    if (rest === 0) hide();
  };
  const ticking = setInterval(tick, 250);
  addEventListener('pagehide', () => panel.querySelectorAll('[data-value]').forEach((value) => value.replaceChildren()));
  addEventListener('pageshow', (event) => event.persisted && hide());
}
