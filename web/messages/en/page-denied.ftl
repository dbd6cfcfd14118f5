### web/src/pages/denied.rs

page-denied-passed = Passed
page-denied-stopped-the-request = Stopped the request
page-denied-not-reached = Not reached
