### server/http/src/dashboard/anomalies.rs

anomalies-unusual = Unusual
anomalies-last-day = in the last day, beside all of the log before
anomalies-not-known = who is new is not known: the log is younger than a day, is still being counted, or has more principals than are kept apart
anomalies-none = Nobody asked for the first time, nobody from a new address, and the last hour was no busier than twice the busiest one of the seven days before.
anomalies-no-volume = The last hour was no busier than twice the busiest one of the seven days before, as far as there are hours to compare with.
anomalies-more = And { $rest } more
anomalies-principal = { $name } asked for the first time, from { $client }
anomalies-address = { $name } asked from { $client } for the first time
anomalies-no-address = no address
anomalies-open = Open
anomalies-requests = { $count } requests in the hour until { $at }: more than twice the busiest hour of the seven days before, which had { $busiest }
anomalies-denials = { $count } denials in the hour until { $at }: more than twice the busiest hour of the seven days before, which had { $busiest }
