//! Whether a batch accounts for every number of its span exactly once (I2).

use rollcall_model::SequenceNumber;

use super::Batch;
use crate::fault::{Fault, Result};

/// # Errors
/// [`crate::Kind::Defect`], with what is wrong.
pub(super) fn audit(batch: &Batch) -> Result<()> {
    find_fault(batch).map_err(|fault| {
        let (partition, span) = (batch.partition_id, batch.span);
        Fault::defect(format!(
            "partition {partition} {span} does not add up: {fault}"
        ))
    })
}

fn find_fault(batch: &Batch) -> std::result::Result<(), String> {
    if batch.span.upto < batch.span.after {
        return Err("its span ends before it begins".to_owned());
    }
    let numbers = numbers(batch);
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("number {} stands in it twice", pair[0]));
    }
    if let Some(number) = numbers.iter().find(|number| !batch.span.contains(**number)) {
        return Err(format!("number {number} lies outside"));
    }
    let missing = gap_numbers(batch, &numbers)?;
    let rows = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
    let accounted = rows
        .saturating_add(missing)
        .saturating_add(batch.drops.total());
    if accounted != batch.span.len() {
        let expected = batch.span.len();
        return Err(format!(
            "{accounted} numbers are accounted for, not {expected}"
        ));
    }
    Ok(())
}

/// The numbers of all rows, ascending. They mostly are so already, which sorting makes use of.
fn numbers(batch: &Batch) -> Vec<SequenceNumber> {
    let statuses = batch.statuses.iter().chain(&batch.held);
    let mut numbers: Vec<_> = statuses
        .map(|status| status.sequence_number)
        .chain(batch.dead.iter().map(|dead| dead.sequence_number))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// How many numbers the gaps cover; they must lie within the span, apart from each other and from
/// every row.
fn gap_numbers(batch: &Batch, numbers: &[SequenceNumber]) -> std::result::Result<u64, String> {
    let mut spans: Vec<_> = batch.gaps.iter().map(|gap| gap.span).collect();
    spans.sort_unstable_by_key(|span| span.after);
    let mut covered = batch.span.after;
    let mut count = 0_u64;
    for span in spans {
        if span.is_empty() || span.after < covered || span.upto > batch.span.upto {
            return Err(format!(
                "the gap {span} is empty, overlaps another or lies outside"
            ));
        }
        let next = numbers.partition_point(|number| *number <= span.after);
        if numbers
            .get(next)
            .is_some_and(|number| span.contains(*number))
        {
            return Err(format!("the gap {span} has a row in it"));
        }
        covered = span.upto;
        count += span.len();
    }
    Ok(count)
}
