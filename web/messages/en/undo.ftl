### server/http/src/dashboard/undo.rs

undo-name-was-disabled = { $name } was disabled.
undo-name-was-enabled = { $name } was enabled.
undo-the-workload-was-disabled = The workload was disabled.
undo-the-workload-was-enabled = The workload was enabled.
undo-name-was-pinned = { $name } was pinned.
undo-name-was-unpinned = { $name } was unpinned.
