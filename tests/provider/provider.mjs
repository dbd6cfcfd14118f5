// A certified OpenID Provider (npm oidc-provider) as the outside world of the tests.
//
// People sign in at it with a form, machines with client credentials. Its keys can be rotated while
// it runs. Everything lives in memory; it listens on loopback and ends with its parent, whose end of
// standard input it watches.
//
// Environment: PROVIDER_CERTIFICATE, PROVIDER_KEY (PEM files), PROVIDER_AUDIENCE (the vault's base:
// audience of access tokens unless another resource is asked for), PROVIDER_RELYING_PARTY (the same
// base: where sign-ins return to, and what is told when a session ends), PROVIDER_CA (PEM file: who
// signed that base's certificate). Says `ready ISSUER` once it listens.

import { createServer, request as httpsRequest } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const { PROVIDER_CERTIFICATE, PROVIDER_KEY, PROVIDER_AUDIENCE, PROVIDER_RELYING_PARTY, PROVIDER_CA } = process.env;

/// How a person signs in who gives a code besides the password, and how one who does not.
const TWO_FACTORS = { amr: ['pwd', 'otp'], acr: 'urn:example:two-factors' };
const PASSWORD = { amr: ['pwd'], acr: 'urn:example:password' };

/// Audience of tokens that stand for a workload elsewhere; such tokens are plain JWTs.
const FEDERATION_AUDIENCE = 'api://AzureADTokenExchange';

const people = {
  ada: { password: 'ada-password', name: 'Ada Lovelace', groups: ['vault-admins'] },
  edsger: { password: 'edsger-password', name: 'Edsger Dijkstra', groups: [] },
};
const machine = (client_id) => ({
  client_id,
  client_secret: `${client_id}-secret-of-at-least-32-characters`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});

const signingKey = (generation) => [
  { kind: 'rsa', alg: 'RS256', options: { modulusLength: 2048 } },
  { kind: 'ec', alg: 'ES256', options: { namedCurve: 'P-256' } },
].map(({ kind, alg, options }) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
  kid: `${kind}-${generation}`, alg, use: 'sig',
}));

let generation = 1;
let keys = signingKey(generation);
const kept = new Map();

/// Keeps what the provider stores; outlives a rotation, which makes a new provider.
class Memory {
  constructor(kind) { this.kind = kind; }
  key(id) { return `${this.kind} ${id}`; }
  async upsert(id, payload, seconds) {
    kept.set(this.key(id), { payload, ends: seconds ? Date.now() + seconds * 1000 : Infinity });
  }
  async find(id) {
    const found = kept.get(this.key(id));
    return found && found.ends > Date.now() ? found.payload : undefined;
  }
  async findBy(test) {
    for (const [key, { payload }] of kept) if (key.startsWith(`${this.kind} `) && test(payload)) return payload;
    return undefined;
  }
  async findByUid(uid) { return this.findBy((payload) => payload.uid === uid); }
  async findByUserCode(code) { return this.findBy((payload) => payload.userCode === code); }
  async consume(id) { kept.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { kept.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, { payload }] of kept) if (payload.grantId === grant) kept.delete(key);
  }
}

/// What the provider sends by itself goes to the relying party, whose name below `localhost` nothing resolves here.
function toRelyingParty(url, { method, headers, body }) {
  const { hostname, host, port, pathname } = new URL(url);
  const options = {
    host: '127.0.0.1', servername: hostname, port, path: pathname, method,
    headers: { ...Object.fromEntries(new Headers(headers)), host }, ca: readFileSync(PROVIDER_CA),
  };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, (response) => {
      response.resume();
      response.on('end', () => resolve(new Response(null, { status: response.statusCode })));
    });
    sent.on('error', reject);
    sent.end(String(body ?? ''));
  });
}

function build(issuer) {
  const provider = new Provider(issuer, {
    adapter: Memory,
    jwks: { keys },
    cookies: { keys: ['cookies of a test provider'] },
    clients: [
      {
        client_id: 'dashboard',
        client_secret: 'dashboard-secret-of-at-least-32-characters',
        grant_types: ['authorization_code'],
        redirect_uris: [`${PROVIDER_RELYING_PARTY}/auth/callback`, `${PROVIDER_RELYING_PARTY}/auth/real/callback`],
        post_logout_redirect_uris: [`${PROVIDER_RELYING_PARTY}/signed-out`],
        backchannel_logout_uri: `${PROVIDER_RELYING_PARTY}/auth/real/back-channel-logout`,
        backchannel_logout_session_required: true,
        id_token_signed_response_alg: 'RS256',
      },
      machine('operator'),
      machine('payments-api'),
      machine('stranger'),
    ],
    pkce: { required: () => true },
    fetch: toRelyingParty,
    claims: { openid: ['sub', 'groups', 'auth_time', 'acr', 'amr'], profile: ['name'] },
    acrValues: [PASSWORD.acr, TWO_FACTORS.acr],
    conformIdTokenClaims: false,
    // A machine that gives a code has two factors, like a person who does.
    extraTokenClaims: async (ctx) => (ctx.oidc.body?.code ? TWO_FACTORS : undefined),
    scopes: ['openid', 'profile'],
    ttl: { ClientCredentials: 300, AccessToken: 300, IdToken: 300, Interaction: 300, Session: 600, Grant: 600, AuthorizationCode: 60 },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      // The provider's own pages load a font from elsewhere.
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => {
          ctx.body = `<!doctype html><html lang="en"><title>Provider sign-out</title><main><h1>Sign out?</h1>${form}
<button type="submit" form="op.logoutForm" value="yes" name="logout">Yes, sign me out</button></main></html>`;
        },
        postLogoutSuccessSource: async (ctx) => {
          ctx.body = '<!doctype html><html lang="en"><title>Signed out</title><main><h1>Signed out</h1></main></html>';
        },
      },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => PROVIDER_AUDIENCE,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_, resource) => ({
          scope: 'secrets', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    formats: {
      customizers: {
        // Issuers of federated tokens (CI systems, clusters) sign plain JWTs, not access tokens.
        jwt: async (_, token, parts) => {
          if (token.aud === FEDERATION_AUDIENCE) parts.header = { ...parts.header, typ: 'JWT' };
          return parts;
        },
      },
    },
    findAccount: async (_, id) => people[id] && {
      accountId: id,
      claims: async () => ({ sub: id, name: people[id].name, groups: people[id].groups }),
    },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile');
      grant.addResourceScope(PROVIDER_AUDIENCE, 'secrets');
      await grant.save();
      return grant;
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  });
  provider.on('server_error', (_, error) => console.error(error));
  return provider;
}

const page = (uid, message = '') => `<!doctype html><html lang="en"><title>Provider sign-in</title><main><h1>Sign in</h1>
<p role="alert">${message}</p><form method="post" action="/interaction/${uid}"><label>User <input name="login"></label>
<label>Password <input type="password" name="password"></label>
<label>Code <input name="code"></label><button>Sign in</button></form></main></html>`;

async function form(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

let provider;
let callback;

async function interact(uid, request, response) {
  const html = (status, text) => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
    response.end(text);
  };
  if (request.method === 'GET') return html(200, page(uid));
  const given = await form(request);
  const person = people[given.get('login')];
  if (person?.password !== given.get('password')) return html(401, page(uid, 'Wrong user or password'));
  const result = { login: { accountId: given.get('login'), ...(given.get('code') ? TWO_FACTORS : PASSWORD) } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/// New keys; the old ones stay published unless the query says `drop`.
function rotate(url, response) {
  generation += 1;
  keys = [...signingKey(generation), ...(url.searchParams.has('drop') ? [] : keys)];
  provider = build(provider.issuer);
  callback = provider.callback();
  response.end(JSON.stringify({ kids: keys.map(({ kid }) => kid) }));
}

async function answer(request, response) {
  const url = new URL(request.url, provider.issuer);
  const interaction = /^\/interaction\/([^/]+)$/.exec(url.pathname);
  if (url.pathname === '/_test/rotate' && request.method === 'POST') return rotate(url, response);
  if (interaction) return interact(interaction[1], request, response);
  return callback(request, response);
}

const tls = { cert: readFileSync(PROVIDER_CERTIFICATE), key: readFileSync(PROVIDER_KEY) };
const server = createServer(tls, (request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.statusCode = 500;
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => {
  provider = build(`https://127.0.0.1:${server.address().port}`);
  callback = provider.callback();
  console.log(`ready ${provider.issuer}`);
});
process.stdin.on('end', () => process.exit(0)).resume();
