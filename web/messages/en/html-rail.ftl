### web/templates/rail.html

html-rail-stages-of-the-decision = Stages of the decision
