### server/http/src/dashboard/certificates/files.rs

certificates-files-a-certificate-is-handed-out = A certificate is handed out as pem, cer or pfx.
