-- The oldest of many pending owners: without it a page of them may read all that were created before.
-- Active ones are nearly all there are, and found by their creation alone; so a newcomer that becomes
-- active costs nothing more.
CREATE INDEX owners_by_state_and_creation ON owners (state, created_at, owner_id)
    WHERE state <> 'active';
