### server/http/src/dashboard/policies/views.rs

policies-views-replay = Replay
policies-views-settings = Settings
policies-views-test-bench = Test bench
policies-views-versions = Versions
policies-views-attachments = Attachments
policies-views-logs = Logs
policies-views-manifest = Manifest
