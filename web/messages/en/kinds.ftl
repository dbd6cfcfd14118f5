### server/http/src/dashboard/kinds.rs

kinds-this-word-belongs-to-the = This { $word } belongs to the certificate { $name }: it is renewed, disabled and deleted with it, and not by itself.
kinds-this-word-has-more-than = This { $word } has more than { $items } versions; not all of them are listed.
kinds-you-may-not-list-the = You may not list the versions: { $code }, decision { $request_id }.
kinds-the-other-versions-could-not = The other versions could not be read just now.
