### web/templates/chart.html

html-chart-allowed = Allowed
html-chart-denied = Denied
html-chart-failed = Failed
html-chart-allowed-at-most = Allowed, at most { $most } a bar
html-chart-refused-at-most = Denied and failed, at most { $most } a bar
html-chart-changed-meanwhile = Changed meanwhile
html-chart-the-same-as-a-table = The same as a table
html-chart-from-utc = From, UTC
