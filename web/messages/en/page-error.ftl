### web/src/pages/error.rs

page-error-nothing-was-changed = Nothing was changed.
page-error-it-is-not-known-whether = It is not known whether anything changed: look before you try again.
page-error-the-change-itself-was-made = The change itself was made.
