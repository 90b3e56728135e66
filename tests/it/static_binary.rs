//! The binary that is shipped needs nothing around it.

use std::fs;
use std::process::Command;

use crate::installed;

#[test]
fn it_runs_in_an_empty_root() {
    let root = tempfile::tempdir().unwrap();
    fs::copy(installed::static_binary(), root.path().join("spoolgate")).unwrap();
    let mut command = Command::new("unshare");
    command.arg("--map-root-user").arg("--root").arg(root.path()).arg("/spoolgate");
    let output = command.arg("--version").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
