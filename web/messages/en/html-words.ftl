### web/templates/words.html: what scripts say

html-words-chosen = { $chosen } of { $all } chosen
html-words-copied = Copied
html-words-hides = Hides in { $seconds } s
html-words-local = { $time } local
html-words-go-to = Go to
html-words-on-this-page = On this page
html-words-search-everything = Search everything
html-words-search-or-go = Search or go to
html-words-found = Found
html-words-arrows = Arrows move, Enter opens, Ctrl Enter in a new tab. You see only what you may list.
html-words-search-failed = The search failed.
html-words-nothing-found = Nothing found.
html-words-count-found = { $count } found.
html-words-no-answer = The server did not answer; sign in again if your session is over.
html-words-live = Live
html-words-follow = Follow live
html-words-paused = Paused. Every batch is on record as a read of the log.
html-words-since-followed = Since it is followed
html-words-more-came = More came than is shown here: reload for all of it.
html-words-following-count = Following, { $count } since it began.
html-words-paused-long = Paused after half an hour.
html-words-ended = Ended: the server did not answer, or your session or your right to read is over.
html-words-pause = Pause
html-words-following = Following.
html-words-paused-hidden = Paused while it was out of sight.
