// The words that scripts say, in the language of the page: they stand in it, put there by the server.
const words = document.getElementById('words')?.dataset ?? {};

// `{name}` in a text is where `values.name` belongs.
export function word(name, values = {}) {
  return (words[name] ?? '').replace(/\{(\w+)\}/g, (whole, value) => values[value] ?? whole);
}
