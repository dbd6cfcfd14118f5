### server/http/src/dashboard/issuers/contacts.rs

issuers-contacts-contacts = Contacts
issuers-contacts-tell-nobody = Tell nobody
issuers-contacts-changing-the-contacts = Changing the contacts
issuers-contacts-everybody-who-is-told = Everybody who is told
issuers-contacts-one-a-line-a-mail = One a line: a mail address, then a name and a phone number if there are, with commas between.
issuers-contacts-save-contacts = Save contacts
issuers-contacts-change = Change
issuers-contacts-nobody-is-told-about-the = Nobody is told about the certificates of { $vault }
issuers-contacts-one-contact-for-the-certificates = One contact for the certificates of { $vault }
issuers-contacts-count-contacts-for-the-certificates = { $count } contacts for the certificates of { $vault }
issuers-contacts-no-mail-is-sent-from = No mail is sent from here: that a certificate is near its end is on record and on the overview, for whoever tells these people.
issuers-contacts-set-them = Set them
issuers-contacts-there-are-none = There are none.
issuers-contacts-none = None
