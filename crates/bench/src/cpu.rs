//! The CPU time of a process, from `/proc`.

use anyhow::Context;

/// The kernel's clock tick: 100 a second on every Linux that we know.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system seconds of the process so far.
pub(crate) fn seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold blanks; the times are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat has no name")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || {
        times
            .next()
            .context("/proc/…/stat is short")?
            .parse::<f64>()
            .context("ticks")
    };
    Ok((next()? + next()?) / TICKS_PER_SECOND)
}
