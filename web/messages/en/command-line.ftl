### server/http/src/dashboard/command_line.rs

command-line-this-is-not-a-request = This is not a request of strongroom login: { $error }.
