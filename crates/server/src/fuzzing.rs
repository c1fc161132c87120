//! What the fuzz target of the settings (`tests/fuzz`) calls.

use crate::settings;

/// A settings file and, after a NUL, one `--set`: they are settings, or every fault says what is
/// wrong and how to mend it. Panics where that does not hold.
pub fn configuration(text: &str) {
    let (file, set) = match text.split_once('\0') {
        Some((file, set)) => (file, vec![set.to_owned()]),
        None => (text, Vec::new()),
    };
    match settings::load_text(file, &set) {
        Ok(settings) => assert!(!settings.rows().is_empty(), "settings show what they are"),
        Err(faults) => {
            assert!(!faults.is_empty(), "a refusal has a fault");
            for fault in faults.0 {
                assert!(
                    !fault.problem.is_empty() && !fault.mend.is_empty(),
                    "{fault:?}"
                );
            }
        }
    }
}
