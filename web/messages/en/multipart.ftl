### server/http/src/dashboard/multipart.rs

multipart-the-form-could-not-be = The form could not be read.
