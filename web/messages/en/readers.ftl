### server/http/src/dashboard/readers.rs

readers-read-in-the-last-24 = Read in the last 24 hours
readers-readers-are-hidden-seeing-them = Readers are hidden: seeing them needs the role Strongroom Auditor on the installation.
readers-the-readers-could-not-be = The readers could not be looked up.
readers-the-readers-could-not-be-looked = The readers could not be looked up just now.
readers-nobody-read-it = Nobody read it.
readers-open-in-audit = Open in Audit
readers-only-the-last-readers-from = Only the last { $readers_from } reads were counted.
