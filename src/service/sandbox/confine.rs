//! Files and TCP ports by landlock (Linux 5.13; ports since 6.7, sockets and signals since 6.12).
//!
//! In: [`Grants`]. Out: a thread, and all that it will start, that can do nothing else to files.
//! Landlock is of a thread: it must be the only one. Diagnostics: what is missing, as phrases.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::grants::{Grants, Right};

/// What landlock gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// Files are confined.
    pub has_files: bool,
    /// TCP ports are confined.
    pub has_ports: bool,
    /// Sockets without a name in the file system, and signals, stay inside.
    pub has_scopes: bool,
}

/// What this kernel has; nothing is confined by asking.
pub fn offered() -> Confined {
    let abi = kernel_abi();
    Confined { has_files: abi >= ABI::V1, has_ports: abi >= ABI::V4, has_scopes: abi >= ABI::V6 }
}

/// Confines this thread for ever. Paths that are not there give nothing.
///
/// # Errors
/// The kernel's, when it refuses what it has.
pub fn confine(grants: &Grants) -> Result<Confined, RulesetError> {
    let abi = kernel_abi();
    let moves = grants.paths.iter().any(|grant| grant.right == Right::Move);
    // The first version forbids every move between directories, whatever is asked of it.
    if abi < ABI::V1 || abi == ABI::V1 && moves {
        return Ok(Confined::default());
    }
    let mut rules = prepared(abi)?;
    for grant in &grants.paths {
        if let Some(rule) = rule(&grant.path, accesses(grant.right, abi), abi) {
            rules = rules.add_rule(rule)?;
        }
    }
    if abi >= ABI::V4 {
        for port in &grants.ports {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    rules.restrict_self()?;
    Ok(offered())
}

/// The newest version that both the kernel and these rules know.
fn kernel_abi() -> ABI {
    let known = [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1];
    known.into_iter().find(|abi| prepared(*abi).is_ok()).unwrap_or(ABI::Unsupported)
}

/// Rules that forbid everything, so far.
fn prepared(abi: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    if abi >= ABI::V4 {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        rules = rules.scope(Scope::from_all(abi))?;
    }
    rules.create()
}

fn accesses(right: Right, abi: ABI) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let made = AccessFs::MakeReg | AccessFs::WriteFile | AccessFs::RemoveFile;
    let wanted = match right {
        Right::Read => read,
        Right::Remove => read | AccessFs::RemoveFile,
        Right::Move => read | made | AccessFs::Refer,
        Right::Own => {
            let directories = AccessFs::MakeDir | AccessFs::RemoveDir;
            read | made | directories | AccessFs::Refer | AccessFs::Truncate
        }
        Right::Socket => AccessFs::MakeSock | AccessFs::RemoveFile,
    };
    wanted & AccessFs::from_all(abi)
}

fn rule(path: &Path, access: BitFlags<AccessFs>, abi: ABI) -> Option<PathBeneath<PathFd>> {
    let is_directory = path.is_dir();
    let access = if is_directory { access } else { access & AccessFs::from_file(abi) };
    let place = PathFd::new(path).ok().filter(|_| !access.is_empty())?;
    Some(PathBeneath::new(place, access))
}
