### web/templates/signed_out.html

html-signed-out-signed-out = Signed out
html-signed-out-you-are-signed-out = You are signed out
html-signed-out-your-session-on-host-has = Your session on { $host } has ended.
html-signed-out-you-may-still-be-signed = You may still be signed in at { $name }:
html-signed-out-end-that-session = end that session
html-signed-out-sign-out-there = sign out there
html-signed-out-as-well-on-a-shared = as well on a shared device.
html-signed-out-sign-out-at-name = Sign out at { $name }
html-signed-out-sign-in-again = Sign in again
