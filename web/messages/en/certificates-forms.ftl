### server/http/src/dashboard/certificates/forms.rs

certificates-forms-of-a-disabled-version-nobody = Of a disabled version nobody can use the key or read the secret.
certificates-forms-there-is-a-certificate-name = There is a certificate { $name } already: renew it, or change its policy first.
certificates-forms-new-certificate = New certificate
certificates-forms-name = Name
certificates-forms-1-to-127-letters-digits = 1 to 127 letters, digits and hyphens. A key and a secret of this name come with it.
certificates-forms-make-certificate = Make certificate
certificates-forms-its-private-key-is-made = Its private key is made in this vault. What is said here is kept for the versions after it.
certificates-forms-certificate = Certificate
certificates-forms-new-certificate-in-vault = New certificate in { $vault }
certificates-forms-policy = Policy
certificates-forms-save-policy = Save policy
certificates-forms-versions-that-are-there-stay = Versions that are there stay as they are; the next one is made as this says.
certificates-forms-policy-of-name = Policy of { $name }
certificates-forms-edit = Edit
certificates-forms-save = Save
certificates-forms-its-key-and-its-secret = Its key and its secret of the same version go with it.
certificates-forms-attributes = Attributes
certificates-forms-attributes-of-name = Attributes of { $name }
