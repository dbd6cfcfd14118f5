// Contrast, asked of each look that a text has and not of each text.

/// What could be read, by colour scheme.
const readable = new Map();

/// Runs in the page: judges one text of each look that is not known yet. What it tells is those looks and what is wrong.
///
/// A look is the colour, size and weight of a text, and of everything that it is in: background, opacity, blending,
/// filter and whether it is moved out of its place. Two texts of one look are readable both or neither, at any width:
/// what a width changes of it makes another look.
async function judge(known) {
  const looks = new Set(known);
  const grounds = new Map([[null, '']]);
  const ground = (element) => {
    if (!grounds.has(element)) {
      const style = getComputedStyle(element);
      const own = [
        style.backgroundColor, style.backgroundImage, style.opacity, style.mixBlendMode, style.filter, style.position,
      ].join();
      const below = ground(element.parentElement);
      grounds.set(element, own === 'rgba(0, 0, 0, 0),none,1,normal,none,static' ? below : `${below}/${own}`);
    }
    return grounds.get(element);
  };
  const fresh = new Map();
  for (const element of document.body.querySelectorAll('*')) {
    const writes = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!writes && !element.matches('input, select, textarea')) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const { color, fontSize, fontWeight, textShadow, clipPath } = getComputedStyle(element);
    const look = [color, fontSize, fontWeight, textShadow, clipPath, ground(element)].join('|');
    if (looks.has(look)) continue;
    looks.add(look);
    fresh.set(look, element);
  }
  if (fresh.size === 0) return { seen: [], violations: [] };
  const runOnly = { type: 'rule', values: ['color-contrast'] };
  const { violations } = await window.axe.run({ include: [...fresh.values()] }, { runOnly, resultTypes: ['violations'] });
  return { seen: [...fresh.keys()], violations };
}

/// What of a page cannot be read in this colour scheme as wide as it is, of all that looks like nothing before it.
export async function unreadable(page, colorScheme) {
  const known = readable.get(colorScheme) ?? new Set();
  readable.set(colorScheme, known);
  const { seen, violations } = await page.evaluate(judge, [...known]);
  if (violations.length === 0) seen.forEach((look) => known.add(look));
  return violations;
}
