//! What if a rule were missing? Each is a design that somebody has run in earnest.

/// A defect that is put into the model, to see that a property catches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The guard compares positions only.
    NoEpochCheck,
    /// A batch is committed if its first number is not after the stored one, and due otherwise.
    FirstNumberAfterStored,
    /// A restarted node goes on with the lease that bears its name.
    LeasesByNameOnly,
    /// The checkpoint moves in a transaction of its own, before the data's.
    CheckpointBeforeData,
    /// The client counts the rows that moved, and COMMIT is on its way by then.
    GuardDoesNotRaise,
    /// The created event is inserted by a transaction behind the owner's.
    EventOutsideTransaction,
    /// The owner's state is read without a lock.
    HeldWithoutForShare,
    /// The last to come replaces the latest status.
    LatestUnguarded,
    /// Nobody ends what a process has open whose lease has expired.
    NoTermination,
    /// Only a claim of the expired lease ends them: the code before the model was checked.
    NoSweep,
}
