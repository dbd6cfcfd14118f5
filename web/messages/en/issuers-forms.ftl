### server/http/src/dashboard/issuers/forms.rs

issuers-forms-there-is-an-issuer-name = There is an issuer { $name } already: change it, or choose another name.
issuers-forms-new-issuer = New issuer
issuers-forms-set-up-issuer = Set up issuer
issuers-forms-whoever-may-make-certificates-in = Whoever may make certificates in this vault can have them signed by it from then on.
issuers-forms-an-authority-kept-in-a = An authority kept in a vault
issuers-forms-an-authority-elsewhere-by-acme = An authority elsewhere, by ACME
issuers-forms-issuer = Issuer
issuers-forms-new-issuer-in-vault = New issuer in { $vault }
issuers-forms-edit = Edit
issuers-forms-save = Save
issuers-forms-what-was-signed-stays-as = What was signed stays as it is; what comes next is asked for as this says.
issuers-forms-change-name = Change { $name }
