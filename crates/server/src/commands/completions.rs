//! `rollcall completions` and `rollcall man`: generated from the command line itself.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn completions(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "rollcall",
        &mut script,
    );
    output::text(&String::from_utf8_lossy(&script))
}

/// One page: the program's, then each command's.
pub(crate) fn man() -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        clap_mangen::Man::new(below.clone()).render(&mut page)?;
    }
    output::text(&String::from_utf8_lossy(&page))
}
