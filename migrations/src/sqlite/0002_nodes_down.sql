CREATE TABLE settings_history_old (
    owner_id   TEXT NOT NULL REFERENCES owners (owner_id),
    version    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (owner_id, version)
) WITHOUT ROWID;

INSERT INTO settings_history_old
SELECT owner_id, version, settings, changed_at, changed_by FROM settings_history;

DROP TABLE settings_history;
ALTER TABLE settings_history_old RENAME TO settings_history;
