### web/templates/copy_as.html

html-copy-as-copy-as = Copy as
html-copy-as-with-a-token-variable-never = with a token variable, never a value
