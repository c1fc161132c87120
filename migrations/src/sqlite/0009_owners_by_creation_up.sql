-- Newcomers are appended at its end: it costs a storm next to nothing.
CREATE INDEX owners_by_creation ON owners (created_at, owner_id);
