### server/http/src/dashboard/setup.rs

setup-this-is-not-the-code = This is not the code that the terminal showed last, or its half hour is over. Nothing was set up.
setup-sentence-nothing-was-set-up = { $sentence } Nothing was set up.
setup-no-openid-provider-of-this = No OpenID provider of this issuer answered with its keys and its addresses. Nothing was set up, and the code still counts.
setup-setup-code = Setup code
setup-from-the-servers-own-terminal = From the server's own terminal: strongroom setup-code shows one, which counts once and for half an hour.
setup-name-on-the-button = Name on the button
setup-name-in-addresses = Name in addresses
setup-lower-case-letters-digits-and = Lower-case letters, digits, - and _.
setup-issuer = Issuer
setup-letter-for-letter-as-the = Letter for letter as the provider's tokens say it. It is asked for its keys before anything is stored.
setup-client-id = Client id
setup-register-back-there-as-redirect = Register { $back } there as redirect address, and { $out } as address after logout.
setup-client-secret = Client secret
setup-none-for-a-public-client = None for a public client.
setup-claim-that-names-groups = Claim that names groups
setup-first-administrator = First administrator
setup-the-subject-sub-that-the = The subject (sub) that the provider gives this person, letter for letter.
setup-set-up-once-and-for = Set up, once and for all
