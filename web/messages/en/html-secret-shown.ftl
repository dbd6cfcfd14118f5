### web/templates/secret_shown.html

html-secret-shown-value = Value
html-secret-shown-of-the-field = of the field
html-secret-shown-alone = alone
html-secret-shown-hides-in-hides-after-seconds = Hides in { $hides_after_seconds } s
html-secret-shown-hide-now = Hide now
html-secret-shown-copy = Copy
html-secret-shown-this-value-holds-a-character = This value holds a character that no page can carry. Read it with a client instead.
html-secret-shown-revealed = Revealed
html-secret-shown-for-reason = for “{ $reason }”
html-secret-shown-recorded-as = , recorded as
html-secret-shown-a-copy-stays-on-your = . A copy stays on your clipboard until you replace it.
