### web/templates/secret_masked.html

html-secret-masked-value = Value
html-secret-masked-not-on-this-page-until = not on this page until you reveal it
html-secret-masked-hidden = Hidden
html-secret-masked-reason-required = Reason, required
html-secret-masked-reason-optional = Reason, optional
html-secret-masked-reveal-for-shown-for-seconds = Reveal for { $shown_for_seconds } s
html-secret-masked-list-its-fields = List its fields
html-secret-masked-ask-for-approval = Ask for approval
html-secret-masked-reveal = Reveal
html-secret-masked-looking-at-this-page-is = Looking at this page is not a read of the value. A reveal is, and is recorded as one.
