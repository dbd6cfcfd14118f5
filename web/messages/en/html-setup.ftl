### web/templates/setup.html

html-setup-set-up = Set up
html-setup-set-this-installation-up = Set this installation up
html-setup-host-belongs-to-nobody-yet = { $host } belongs to nobody yet. Name the provider that people sign in at, and the first administrator, who then says everything else. This can be done once.
