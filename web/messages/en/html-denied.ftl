### web/templates/denied.html

html-denied-no-access-to-object = No access to { $object }
html-denied-sign-in-again = Sign in again
html-denied-go-back = Go back
html-denied-what-to-ask-for = What to ask for
html-denied-missing-role = Missing role
html-denied-at = At
html-denied-when = When
html-denied-reason = Reason
html-denied-decision = Decision
html-denied-quote-the-decision-when-you = Quote the decision when you ask.
html-denied-why = Why
html-denied-the-decisions-id = the decision's id
html-denied-ask-for-approval = Ask for approval
