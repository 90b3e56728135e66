//! The `spoolgate` program: arguments in, exit code out.

fn main() {}
