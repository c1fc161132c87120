//! The stored invariants as queries: plain SQL that both databases read alike.

use crate::Finding;

/// How many of the faulty rows a finding names.
const NAMED: usize = 5;

/// Who was entered before then may have lost the created event to retention.
macro_rules! still_announced {
    ($table:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM outbox_retention AS r WHERE ",
            $table,
            ".created_at < r.removed_before)"
        )
    };
}

/// A query that gives one text per faulty row, and none where the invariant holds. `{dropped}`
/// stands for the sum of the drops in the column of that name, which each database says in its own
/// way.
pub(crate) struct Check {
    name: &'static str,
    faults: &'static str,
}

/// The numbers that end in a row of their own (a replayed dead letter is history, not a fate).
macro_rules! rows_with_numbers {
    () => {
        "(SELECT stream_id, partition_id, sequence_number FROM statuses
          UNION ALL SELECT stream_id, partition_id, sequence_number FROM held_statuses
          UNION ALL SELECT stream_id, partition_id, sequence_number FROM dead_letters
                    WHERE state <> 'replayed')"
    };
}

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "I1 one created event per owner",
        faults: concat!(
            "SELECT 'owner ' || owner_id || ' has no created event' FROM (
                     SELECT owner_id FROM owners WHERE ",
            still_announced!("owners"),
            " EXCEPT
                     SELECT owner_id FROM outbox_events WHERE type = 'rollcall.owner.created') AS a
                 UNION ALL
                 SELECT 'a created event of owner ' || owner_id || ', who has no row' FROM (
                     SELECT owner_id FROM outbox_events WHERE type = 'rollcall.owner.created'
                     EXCEPT SELECT owner_id FROM owners) AS b
                 UNION ALL
                 SELECT 'owner ' || owner_id || ' has ' || count(*) || ' created events'
                 FROM outbox_events WHERE type = 'rollcall.owner.created'
                 GROUP BY owner_id HAVING count(*) > 1"
        ),
    },
    Check {
        name: "I1 one created event per sub-owner",
        faults: concat!(
            "SELECT 'sub-owner ' || owner_id || '/' || sub_owner_id || ' has no created event'
                 FROM (SELECT owner_id, sub_owner_id FROM sub_owners WHERE ",
            still_announced!("sub_owners"),
            " EXCEPT
                       SELECT owner_id, sub_owner_id FROM outbox_events
                       WHERE type = 'rollcall.sub_owner.created') AS a
                 UNION ALL
                 SELECT 'a created event of sub-owner ' || owner_id || '/' || sub_owner_id
                        || ', who has no row'
                 FROM (SELECT owner_id, sub_owner_id FROM outbox_events
                       WHERE type = 'rollcall.sub_owner.created'
                       EXCEPT SELECT owner_id, sub_owner_id FROM sub_owners) AS b
                 UNION ALL
                 SELECT 'sub-owner ' || owner_id || '/' || sub_owner_id || ' has ' || count(*)
                        || ' created events'
                 FROM outbox_events WHERE type = 'rollcall.sub_owner.created'
                 GROUP BY owner_id, sub_owner_id HAVING count(*) > 1"
        ),
    },
    Check {
        name: "I1 a delivery has its event",
        faults: "SELECT 'event ' || d.event_id || ' is gone, and due at or delivered to sink '
                        || d.sink
                 FROM outbox_deliveries AS d
                 WHERE NOT EXISTS (SELECT 1 FROM outbox_events AS e
                                   WHERE e.event_id = d.event_id)",
    },
    Check {
        name: "I2 totals add up to the position",
        faults: "SELECT 'partition ' || stream_id || '-' || partition_id || ' accounts for '
                        || accounted || ' of ' || numbers || ' numbers'
                 FROM (SELECT stream_id, partition_id,
                              stored + held + dead + gaps
                              + {dropped}
                                  AS accounted,
                              coalesce(sequence_number + 1 - first_sequence_number, 0) AS numbers
                       FROM partitions) AS p
                 WHERE accounted <> numbers",
    },
    Check {
        name: "I2 rows agree with the totals",
        faults: "WITH counted AS (
                     SELECT stream_id, partition_id, 'statuses' AS kind, count(*) AS n
                     FROM statuses GROUP BY 1, 2
                     UNION ALL SELECT stream_id, partition_id, 'held', count(*)
                     FROM held_statuses GROUP BY 1, 2
                     UNION ALL SELECT stream_id, partition_id, 'dead', count(*)
                     FROM dead_letters WHERE state <> 'replayed' GROUP BY 1, 2
                     UNION ALL SELECT stream_id, partition_id, 'gaps',
                                      sum(upto_sequence_number - after_sequence_number)
                     FROM gaps GROUP BY 1, 2),
                 expected AS (
                     SELECT stream_id, partition_id, 'statuses' AS kind,
                            stored - removed + replayed AS n
                     FROM partitions
                     UNION ALL SELECT stream_id, partition_id, 'held', held FROM partitions
                     UNION ALL SELECT stream_id, partition_id, 'dead', dead FROM partitions
                     UNION ALL SELECT stream_id, partition_id, 'gaps', gaps FROM partitions)
                 SELECT 'partition ' || stream_id || '-' || partition_id || ' has '
                        || coalesce(c.n, 0) || ' ' || kind || ', its totals say '
                        || coalesce(e.n, 0)
                 FROM expected AS e FULL JOIN counted AS c USING (stream_id, partition_id, kind)
                 WHERE coalesce(c.n, 0) <> coalesce(e.n, 0)",
    },
    Check {
        name: "I2 held statuses agree with their counts",
        faults: "SELECT 'of owner ' || owner_id || ' ' || coalesce(r.n, 0)
                        || ' statuses are held, its count says ' || coalesce(c.held, 0)
                 FROM (SELECT owner_id, count(*) AS n FROM held_statuses GROUP BY owner_id) AS r
                 FULL JOIN held_counts AS c USING (owner_id)
                 WHERE coalesce(r.n, 0) <> coalesce(c.held, 0)",
    },
    Check {
        name: "counts of states agree with their rows",
        faults: "WITH found AS (
                     SELECT 'owners' AS counted, state, count(*) AS n FROM owners GROUP BY state
                     UNION ALL SELECT 'sub_owners', state, count(*) FROM sub_owners GROUP BY state),
                 told AS (SELECT counted, state, sum(number) AS n
                          FROM state_counts GROUP BY counted, state)
                 SELECT coalesce(f.n, 0) || ' ' || counted || ' are ' || state
                        || ', their count says ' || coalesce(t.n, 0)
                 FROM found AS f FULL JOIN told AS t USING (counted, state)
                 WHERE coalesce(f.n, 0) <> coalesce(t.n, 0)",
    },
    Check {
        name: "I2 each event once",
        faults: concat!(
            "SELECT 'event ' || stream_id || '-' || partition_id || '-' || sequence_number
                    || ' stands in ' || count(*) || ' rows'
             FROM ",
            rows_with_numbers!(),
            " AS r GROUP BY stream_id, partition_id, sequence_number HAVING count(*) > 1"
        ),
    },
    Check {
        name: "I4 no row beyond the checkpoint",
        faults: concat!(
            "SELECT 'event ' || r.stream_id || '-' || r.partition_id || '-' || r.sequence_number
                    || ' lies outside what its checkpoint accounts for'
             FROM ",
            rows_with_numbers!(),
            " AS r LEFT JOIN partitions AS p USING (stream_id, partition_id)
             WHERE p.sequence_number IS NULL OR r.sequence_number > p.sequence_number
                OR r.sequence_number < p.first_sequence_number"
        ),
    },
    Check {
        name: "I5 the latest is the newest",
        faults: "SELECT 'the latest of ' || l.owner_id || '/' || l.sub_owner_id || ' is not newest'
                 FROM latest_statuses AS l
                 WHERE EXISTS (
                     SELECT 1 FROM statuses AS s
                     WHERE s.owner_id = l.owner_id AND s.sub_owner_id = l.sub_owner_id
                       AND (s.status_at, s.enqueued_at, s.partition_id, s.sequence_number)
                           > (l.status_at, l.enqueued_at, l.partition_id, l.sequence_number))
                 UNION ALL
                 SELECT 'no latest of ' || owner_id || '/' || sub_owner_id
                 FROM (SELECT owner_id, sub_owner_id FROM statuses EXCEPT
                       SELECT owner_id, sub_owner_id FROM latest_statuses) AS m",
    },
];

impl Check {
    /// `sum_of_drops` is an expression over the column `dropped`.
    pub(crate) fn sql(&self, sum_of_drops: &str) -> String {
        self.faults.replace("{dropped}", sum_of_drops)
    }

    /// What the operator is told, by what the query gave.
    pub(crate) fn finding(&self, faults: &[String]) -> Finding {
        let named = faults[..faults.len().min(NAMED)].join("; ");
        let fault = match faults.len() {
            0 => None,
            count if count > NAMED => Some(format!("{named}; and {} more", count - NAMED)),
            _ => Some(named),
        };
        Finding {
            check: self.name.to_owned(),
            fault,
        }
    }
}
