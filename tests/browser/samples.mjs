// The sample pages of `web`, which show every state that a page has, as the server would send them.

import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/// Serves the sample pages of this directory while `tell` looks at them, which gets the address of each and its name.
export async function withSamples(directory, tell) {
  const policy = readFileSync(join(directory, 'content-security-policy.txt'), 'utf8');
  const names = readdirSync(directory).filter((file) => file.endsWith('.html'));
  const assets = readdirSync(join(directory, 'assets'));
  const files = new Set([...names.map((name) => `/${name}`), ...assets.map((name) => `/assets/${name}`)]);
  const server = createServer(({ url }, answer) => {
    if (!files.has(url)) return answer.writeHead(404).end();
    const type = TYPES[extname(url)] ?? 'application/octet-stream';
    const kept = url.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-store';
    const headers = { 'content-security-policy': policy, 'cache-control': kept, 'content-type': type };
    return answer.writeHead(200, headers).end(readFileSync(join(directory, url)));
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  try {
    const base = `http://127.0.0.1:${server.address().port}`;
    await tell(names.map((name) => [name.replace(/\.html$/, ''), `${base}/${name}`]));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
