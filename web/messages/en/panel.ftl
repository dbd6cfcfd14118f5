### web/src/panels/mod.rs

panel-copy-as = Copy as
panel-with-a-token-variable-never = with a token variable, never a value
