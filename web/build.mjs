// Bundles the dashboard's assets: one style sheet, one script, one sprite of icons, the fonts.
// Every file is named by the hash of its content. Usage: node build.mjs MODULES OUT, where MODULES
// is the directory that holds node_modules. Writes OUT/assets/* and OUT/assets.rs, which names them
// for the Rust side. Fetches nothing.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [modulesRoot, out] = process.argv.slice(2).map((path) => resolve(path));
const here = fileURLToPath(new URL('.', import.meta.url));
const modules = join(modulesRoot, 'node_modules');
const need = createRequire(join(modulesRoot, 'package.json'));
const esbuild = need('esbuild');
const lightningcss = need('lightningcss');

// Browsers of the last two years or so; older ones get lightningcss' fallbacks where there are any.
const engines = { chrome: 120, firefox: 121, safari: 17 };

const assets = join(out, 'assets');
rmSync(assets, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });
const files = []; // what the Rust table lists

function write(name, bytes, immutable) {
  writeFileSync(join(assets, name), bytes);
  files.push({ name, immutable });
  return name;
}

function hashed(stem, extension, bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  return write(`${stem}-${hash}${extension}`, bytes, true);
}

// --- fonts and style sheet. `url("npm:PACKAGE/FILE")` is a file of a package.
const fonts = new Map();
function font(url) {
  if (!url.startsWith('npm:')) throw new Error(`the style sheet may only use files of packages: ${url}`);
  if (!fonts.has(url)) {
    const path = join(modules, url.slice(4));
    fonts.set(url, hashed(basename(path, extname(path)), extname(path), readFileSync(path)));
  }
  return fonts.get(url);
}
const style = lightningcss.bundle({
  filename: join(here, 'assets/css/app.css'),
  minify: true,
  targets: Object.fromEntries(Object.entries(engines).map(([name, version]) => [name, version << 16])),
  visitor: { Url: (url) => ({ ...url, url: font(url.url) }) },
});
for (const warning of style.warnings) throw new Error(`style sheet: ${warning.message}`);
const APP_CSS = hashed('app', '.css', style.code);

// --- script
const script = esbuild.buildSync({
  entryPoints: [join(here, 'assets/js/app.js')],
  absWorkingDir: here,
  nodePaths: [modules],
  bundle: true,
  minify: true,
  format: 'esm',
  target: Object.entries(engines).map(([name, version]) => name + version),
  legalComments: 'none', // the notices are in third-party-notices.txt
  write: false,
  logLevel: 'silent',
});
const APP_JS = hashed('app', '.js', script.outputFiles[0].contents);

// --- icons: one sprite of those that icons.json names, and our own mark
const symbols = JSON.parse(readFileSync(join(here, 'assets/icons.json'), 'utf8')).map((name) => {
  const svg = readFileSync(join(modules, 'lucide-static/icons', `${name}.svg`), 'utf8');
  const inner = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'));
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, '').trim()}</symbol>`;
});
const mark = readFileSync(join(here, 'assets/mark.svg'), 'utf8');
const ICONS = hashed('icons', '.svg', `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>\n`);
const MARK = hashed('mark', '.svg', mark);

// --- licence notices of what is inside
const notices = Object.keys(JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).devDependencies)
  .filter((name) => !['esbuild', 'lightningcss'].includes(name)) // tools, not inside
  .map((name) => {
    const folder = join(modules, name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
write('third-party-notices.txt', notices.join(`\n${'-'.repeat(80)}\n\n`), false);

// --- the table
const rust = [
  ...Object.entries({ APP_CSS, APP_JS, ICONS, MARK }).map(([name, file]) => `pub(crate) const ${name}: &str = "/assets/${file}";`),
  'pub(super) static TABLE: &[(&str, &[u8], bool)] = &[',
  ...files.map(({ name, immutable }) => `    ("${name}", include_bytes!(concat!(env!("OUT_DIR"), "/assets/${name}")), ${immutable}),`),
  '];',
  '',
];
writeFileSync(join(out, 'assets.rs'), rust.join('\n'));
