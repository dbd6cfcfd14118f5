// Several rows at once: says how many are chosen, and Shift chooses a range. The form works without it.
import { word } from './words.js';

export function countChosen(form) {
  if (!form) return;
  const boxes = [...form.querySelectorAll('input[name="secret"]')];
  const words = form.querySelector('[data-chosen]');
  let last = -1;
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    words.textContent = word('chosen', { chosen, all: boxes.length });
  };
  for (const [at, box] of boxes.entries()) {
    box.addEventListener('click', (event) => {
      if (event.shiftKey && last >= 0) {
        const [from, to] = [Math.min(last, at), Math.max(last, at)];
        for (const other of boxes.slice(from, to + 1)) other.checked = box.checked;
      }
      last = at;
      count();
    });
  }
  count();
}
