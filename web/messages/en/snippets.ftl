### server/http/src/dashboard/snippets.rs

snippets-command-line = Command line
snippets-h-authorization-bearer-token =
    {" "}-H "Authorization: Bearer $TOKEN" \
    
snippets-h-content-type-application-json =
    {" "} -H "Content-Type: application/json" -d { $body } \
    
