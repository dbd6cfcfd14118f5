// Says that something was copied: on the button for the eyes, in the live region for screen readers.
import { word } from './words.js';

export function confirmCopies(announce) {
  document.addEventListener('clipboard-copy', (event) => copied(event.target, announce));
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy-exact]');
    if (!button) return;
    // clipboard-copy drops zero-width characters and turns special spaces into plain ones; a secret
    // must arrive as it is.
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copyExact).textContent);
    copied(button, announce);
  });
  if (navigator.clipboard) for (const button of document.querySelectorAll('[data-copy-exact]')) button.hidden = false;
}

function copied(button, announce) {
  const label = button.querySelector('[data-label]');
  if (!label || label.dataset.before) return;
  label.dataset.before = label.textContent;
  label.textContent = word('copied');
  announce.textContent = word('copied');
  setTimeout(() => {
    label.textContent = label.dataset.before;
    delete label.dataset.before;
    announce.textContent = '';
  }, 2000);
}
