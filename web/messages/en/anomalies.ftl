### server/http/src/dashboard/anomalies.rs

anomalies-unusual = Unusual
anomalies-last-day = in the last day, beside all of the log before
anomalies-not-known = who is new is not known: the log is younger than a day, is still being counted, or has more principals than are kept apart
anomalies-none = Nobody asked for the first time, nobody from a new address, and the last hour was no busier than twice the busiest one of the seven days before.
anomalies-no-volume = The last hour was no busier than twice the busiest one of the seven days before, as far as there are hours to compare with.
anomalies-more-principals = And { $rest } more who asked for the first time
anomalies-more-addresses = And { $rest } more who were known and asked from new addresses
anomalies-principal = { $name } asked for the first time, from { $client }
anomalies-address = { $name } asked from { $client } for the first time
anomalies-principal-many = { $name } asked for the first time, from { $count } addresses, from { $client } first
anomalies-principal-beyond = { $name } asked for the first time, from more than { $kept } addresses, from { $client } first
anomalies-address-many = { $name } asked from { $count } new addresses, from { $client } first
anomalies-address-many-beyond = { $name } asked from new addresses, from { $client } first: { $count } of the { $kept } that are kept apart, and others that may be new
anomalies-address-beyond = { $name } has more than { $kept } addresses and asked from { $client }, which may be new: no more than those { $kept } are kept apart
anomalies-no-address = no address
anomalies-open = Open
anomalies-requests = { $count } requests in the hour until { $at }: more than twice the busiest hour of the seven days before, which had { $busiest }
anomalies-denials = { $count } denials in the hour until { $at }: more than twice the busiest hour of the seven days before, which had { $busiest }
