//! The CPU time of a process, from `/proc`.

use anyhow::Context;

/// The kernel's clock tick: 100 a second on every Linux that we know.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc/…/stat` says of a process: its parent, and its times in ticks.
struct Stat {
    parent: u32,
    own: f64,
    /// Of children that have ended and were waited for.
    ended_children: f64,
}

impl Stat {
    fn read(pid: u32) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold blanks. The fields behind it begin with the third.
        let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat has no name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).context("/proc/…/stat is short");
        let ticks = |number| field(number)?.parse::<f64>().context("ticks");
        Ok(Self {
            parent: field(4)?.parse().context("parent")?,
            own: ticks(14)? + ticks(15)?,
            ended_children: ticks(16)? + ticks(17)?,
        })
    }
}

/// User and system seconds of the process so far.
pub(crate) fn seconds(pid: u32) -> anyhow::Result<f64> {
    Ok(Stat::read(pid)?.own / TICKS_PER_SECOND)
}

/// Of the children of this process that have ended.
pub(crate) fn seconds_of_ended_children() -> anyhow::Result<f64> {
    Ok(Stat::read(std::process::id())?.ended_children / TICKS_PER_SECOND)
}

/// As [`seconds`], with its children, also those that have ended.
pub(crate) fn seconds_of_tree(pid: u32) -> anyhow::Result<f64> {
    let root = Stat::read(pid)?;
    let mut ticks = root.own + root.ended_children;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may end while this looks.
        if let Ok(stat) = Stat::read(child)
            && stat.parent == pid
        {
            ticks += stat.own + stat.ended_children;
        }
    }
    Ok(ticks / TICKS_PER_SECOND)
}
