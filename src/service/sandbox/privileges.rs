//! As whom the program runs, and with which capabilities.
//!
//! In: the user of the configuration. Out: a process that can never get more than it has now.
//! Diagnostics: none here.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{Uid, User, chown, initgroups, setresgid, setresuid};

use super::SandboxError;

/// Becomes `name`, with that user's groups, for ever. The directories that this program makes for
/// itself, with their modes, are made before, since only root can. Nothing
/// else happens where it is that user already.
///
/// # Errors
/// No such user, or this process may not become it.
pub fn become_user(name: &str, own: &[(&Path, u32)]) -> Result<(), SandboxError> {
    let failed = |reason: &dyn std::fmt::Display| SandboxError::User {
        name: name.to_owned(),
        reason: reason.to_string(),
    };
    let user = User::from_name(name).map_err(|errno| failed(&errno))?;
    let user = user.ok_or_else(|| failed(&"there is no such user"))?;
    if user.uid == Uid::effective() && user.uid == Uid::current() {
        make_directories(own);
        return Ok(());
    }
    if !Uid::effective().is_root() {
        return Err(failed(&"only root can become another user"));
    }
    for (directory, mode) in own {
        make_for(&user, directory, *mode).map_err(|error| failed(&error))?;
    }
    let group_name = std::ffi::CString::new(name).map_err(|error| failed(&error))?;
    initgroups(&group_name, user.gid).map_err(|errno| failed(&errno))?;
    setresgid(user.gid, user.gid, user.gid).map_err(|errno| failed(&errno))?;
    setresuid(user.uid, user.uid, user.uid).map_err(|errno| failed(&errno))
}

/// Makes the directories of this program's own that are not there: landlock knows what is there at
/// the start alone. What cannot be made is reported by who uses it.
pub fn make_directories(own: &[(&Path, u32)]) {
    for (directory, mode) in own {
        let _ = DirBuilder::new().recursive(true).mode(*mode).create(directory);
    }
}

/// Gives up every capability. A process that stays root keeps the one by which it reads and writes
/// files of other users, or root would be less than the users whose spool it reads; landlock says
/// which files.
///
/// # Errors
/// The kernel's.
pub fn drop_capabilities() -> Result<(), SandboxError> {
    let failed = |error: caps::errors::CapsError| SandboxError::Capabilities(error.to_string());
    let mut kept = CapsHashSet::new();
    let may_override = caps::has_cap(None, CapSet::Permitted, Capability::CAP_DAC_OVERRIDE);
    if Uid::effective().is_root() && may_override.map_err(failed)? {
        kept.insert(Capability::CAP_DAC_OVERRIDE);
    }
    // Only who may change capabilities can also bound them; without new privileges at execve(2),
    // which comes with the other parts of the sandbox, the bound is a second lock.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed)? {
        caps::clear(None, CapSet::Bounding).map_err(failed)?;
    }
    let none = CapsHashSet::new();
    for (set, wanted) in
        [(CapSet::Inheritable, &none), (CapSet::Effective, &kept), (CapSet::Permitted, &kept)]
    {
        // A service manager that gave none may also forbid to change them.
        if caps::read(None, set).map_err(failed)? != *wanted {
            caps::set(None, set, wanted).map_err(failed)?;
        }
    }
    Ok(())
}

/// A directory that is there keeps its owner: it may be somebody's on purpose.
fn make_for(user: &User, directory: &Path, mode: u32) -> std::io::Result<()> {
    if directory.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(directory)?;
    Ok(chown(directory, Some(user.uid), Some(user.gid))?)
}
