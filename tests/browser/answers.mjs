// What forms answer with and no address leads to: what would come of it, what is wrong with it, what was found.

/// Sends the form of a page that leads to an address with this ending: with these fields, past what the browser would
/// hold up, and by the button with this value. What comes back is shown.
export async function send(page, address, ending, fields = {}, button = '') {
  await page.goto(address);
  const loaded = page.waitForEvent('load');
  await page.evaluate(([action, given, value]) => {
    const forms = [...document.querySelectorAll('main form[method=post]')];
    const form = forms.find((one) => new URL(one.action).pathname.endsWith(action));
    if (!form) throw new Error(`no form to ${action} but ${forms.map((one) => one.action)}`);
    for (const [name, wanted] of Object.entries(given)) {
      const field = form.elements.namedItem(name);
      if (!field) throw new Error(`no field ${name} of ${[...form.elements].map((one) => one.name)}`);
      for (const one of field instanceof RadioNodeList ? field : [field]) {
        if (one.type === 'checkbox') one.checked = wanted === true || wanted.includes(one.value);
        else one.value = wanted;
      }
    }
    form.noValidate = true;
    form.requestSubmit(value ? form.querySelector(`button[value=${value}]`) : undefined);
  }, [ending, fields, button]);
  await loaded;
}

/// The answers, by name: where the form stands, where it leads, what is sent, by which button, and words of what it says.
export function answers({ module, workload }) {
  const somebody = { issuer: 'https://login.example.com', group: 'ledger-oncall' };
  const secrets = '/vaults/demo/secrets';
  const network = '/vaults/demo/network';
  return {
    compared: { at: `${secrets}/ledger-db-password`, to: '/compare', says: 'Values stay hidden' },
    'deletion-of-several': {
      at: secrets, to: '/bulk-secrets', says: 'Delete 2 secrets',
      fields: { secret: ['ledger-db-password', 'settlement-sftp-key'], act: 'delete' },
    },
    'several-disabled': {
      at: secrets, to: '/bulk-secrets', fields: { secret: ['settlement-sftp-key'], act: 'disable' }, says: '1 of 1: disabled',
    },
    'network-tried': { at: network, to: '/network', fields: { rules: 'deny 192.0.2.0/24' }, by: 'preview', says: 'deny' },
    'network-mistaken': { at: network, to: '/network', fields: { rules: 'perhaps 10.0.0.0/8' }, says: 'Line 1 is no rule' },
    'role-foreseen': {
      at: '/access/new-assignment', to: '/new-assignment', fields: { ...somebody, role: 'Owner', scope: '/' }, by: 'preview',
      says: 'Before and after',
    },
    'policy-foreseen': {
      at: '/vaults/demo/access-policy', to: '/access-policy', fields: { ...somebody, list: true }, by: 'preview',
      says: 'Before and after',
    },
    'token-tried': { at: workload, to: '/try-token', fields: { token: 'e30.e30.e30' }, says: 'The token would be refused' },
    credential: { at: workload, to: '/new-secret', says: 'It is shown this once' },
    'module-tried': { at: `${module}/try`, to: '/try', says: 'It would' },
    'module-mistaken': { at: '/policy/upload', to: '/upload', says: 'Choose the module' },
    'certificate-mistaken': {
      at: '/vaults/demo/new-certificate', to: '/new-certificate', fields: { name: 'no/name', months: '0' },
      says: '1 to 127 letters',
    },
  };
}
