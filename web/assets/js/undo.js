// What was done a moment ago can be undone from the page after it. It is said, and goes by itself after a while, but not
// under somebody's hand (WCAG 2.2.1): while it has the pointer or the focus it stays.
export function offerUndo(undone, announce) {
  if (!undone) return;
  announce.textContent = undone.textContent.trim().replace(/\s+/g, ' ');
  let waiting = 0;
  const stay = () => clearTimeout(waiting);
  const go = () => {
    stay();
    waiting = setTimeout(() => undone.remove(), Number(undone.dataset.undo) * 1000);
  };
  for (const kind of ['pointerenter', 'focusin']) undone.addEventListener(kind, stay);
  for (const kind of ['pointerleave', 'focusout']) undone.addEventListener(kind, go);
  go();
}
