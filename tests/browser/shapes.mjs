// Layout, asked of each shape that an element has and not of each element.

/// The shapes that were seen without a fault, by width.
const sound = new Map();

/// Runs in the page: judges the elements whose shape is not known yet. What it tells is those shapes and what is wrong.
///
/// Of the same page at another width only the layout differs, and style sheets make that of an element from its tag,
/// classes, attributes and state, from whatever it is in, and from its place among its neighbours. That is its shape.
/// What names, links and numbers say is no part of it, but whether there is any text is.
async function judge({ known, rules }) {
  const seen = new Set(known);
  // 53 bits of a text: what is known is sent along with every question.
  const short = (text) => {
    let [one, other] = [0xdeadbeef, 0x41c6ce57];
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      one = Math.imul(one ^ code, 2654435761);
      other = Math.imul(other ^ code, 1597334677);
    }
    one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
    other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
    return (4294967296 * (2097151 & other) + (one >>> 0)).toString(36);
  };
  const shapes = new Map([[document.documentElement, '']]);
  // Of these the value says what it is, not how it is.
  const free = /^(id|for|name|href|action|src|value|title|content|datetime|placeholder|aria-(label|labelledby|describedby|controls)|data-.*|d|x|y|x1|x2|y1|y2|points|width|height|transform|maxlength|min|max|list)$/;
  const own = (element) => [
    element.localName,
    ...[...element.attributes].map(({ name, value }) => (free.test(name) ? name : `${name}=${value}`)).sort(),
    element.textContent.trim() ? '' : 'empty',
    element.checked ? 'checked' : '',
  ].join(' ');
  const fresh = new Set();
  const include = [];
  for (const element of document.body.querySelectorAll('*')) {
    const { parentElement: above, previousElementSibling: before, nextElementSibling: after } = element;
    // In a row the place is what counts.
    const place = /^t[dh]$/.test(element.localName) ? element.cellIndex : [before ? own(before) : '-', after ? '' : '-'].join();
    const shape = short(`${shapes.get(above) ?? ''}/${own(element)}|${place}`);
    shapes.set(element, shape);
    if (seen.has(shape)) continue;
    fresh.add(shape);
    include.push(element);
  }
  if (include.length === 0) return { shapes: [], violations: [] };
  const { violations } = await window.axe.run({ include }, rules);
  return { shapes: [...fresh], violations };
}

/// What is wrong by these rules with a page of this width, of all that has no shape like something before it.
export async function misshapen(page, width, rules) {
  const known = sound.get(width) ?? new Set();
  sound.set(width, known);
  const { shapes, violations } = await page.evaluate(judge, { known: [...known], rules });
  if (violations.length === 0) shapes.forEach((shape) => known.add(shape));
  return violations;
}
