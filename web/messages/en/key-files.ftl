### server/http/src/dashboard/key_files.rs

key-files-a-key-is-handed-out-as = A public key is handed out as pem or as jwk.
key-files-choose-the-backup = Choose the backup, a file.
key-files-it-is-longer-than-a-backup = It is longer than a backup can be.
key-files-backup = Backup
key-files-a-file-that-this-vault-sealed = A file that this vault sealed, by a page, the command line or an SDK.
key-files-restore = Restore
key-files-its-name-has-to-be-free = Its name has to be free in this vault. It comes back with all its versions as they were when they were sealed.
key-files-restore-a-key-into-vault = Restore a key into { $vault }
