//! The program run as a person runs it.

use std::process::{Command, Output};

/// The program, to be told what to do.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_foveate"))
}

/// What `foveate` says and does with these arguments.
pub fn foveate(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails with everything the program said.
#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", text(&output.stdout), text(&output.stderr));
}
