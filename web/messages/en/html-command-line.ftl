### web/templates/command_line.html

html-command-line-command-line = Command line
html-command-line-let-the-command-line-act = Let the command line act as you?
html-command-line-a-program-on-this-computer = A program on this computer asks to act as
html-command-line-on-host-for-an-hour = on { $host } for an hour. Allow it only if you ran
html-command-line-yourself-and-it-shows = yourself and it shows
html-command-line-refuse = Refuse
html-command-line-allow = Allow
