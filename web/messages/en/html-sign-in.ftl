### web/templates/sign_in.html

html-sign-in-sign-in = Sign in
html-sign-in-development = Development
html-sign-in-sign-in-to-strongroom = Sign in to Strongroom
html-sign-in-set-this-installation-up = Set this installation up
html-sign-in-nobody-owns-it-yet-you = Nobody owns it yet. You need the code from the server's own terminal.
html-sign-in-no-sign-in-provider-is = No sign-in provider is configured. An administrator of this installation has to add one.
html-sign-in-last-used = Last used
html-sign-in-strongroom-never-asks-for-a = Strongroom never asks for a password. If your provider does, it is on its own page: check its address there.
html-sign-in-what-you-do-here-is = What you do here is recorded.
