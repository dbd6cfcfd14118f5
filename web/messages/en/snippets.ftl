### server/http/src/dashboard/snippets.rs

snippets-command-line = Command line
