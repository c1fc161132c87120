//! The program `rollcall`; its parts are in the library beside it.

use std::process::ExitCode;

/// The batches of the partitions are allocated on one thread and freed on another; mimalloc is
/// made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rollcall::main()
}
