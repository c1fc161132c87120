-- The feed of changes reads the history by `ordinal`; there is one writer, so that ordinals are
-- given in the order of commits.
CREATE TABLE settings_history_new (
    ordinal    INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   TEXT NOT NULL REFERENCES owners (owner_id),
    version    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    UNIQUE (owner_id, version)
);

INSERT INTO settings_history_new (owner_id, version, settings, changed_at, changed_by)
SELECT owner_id, version, settings, changed_at, changed_by FROM settings_history
ORDER BY changed_at, owner_id, version;

DROP TABLE settings_history;
ALTER TABLE settings_history_new RENAME TO settings_history;
