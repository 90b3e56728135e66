//! `[destination.tls]` against the addresses and the file system.

use std::path::PathBuf;

use super::Context;
use crate::config::fault::Fault;
use crate::config::findings::Given;
use crate::config::typed::{FilePlace, Tls};
use crate::transport::settings::TlsSettings;

/// The mode bits that let others read.
const OTHERS_READ: u32 = 0o004;

/// The section of a destination whose addresses are `tls://`.
pub(super) fn resolve(context: &Context<'_>, title: &str, tls: Tls) -> TlsSettings {
    if tls.ca_file.is_none() && !tls.pinned {
        context.findings.problem(tls.at, title, Fault::NoTrust);
    }
    files(context, title, tls)
}

/// The section of an HTTP destination.
#[cfg(feature = "http")]
pub(super) fn resolve_http(context: &Context<'_>, title: &str, tls: Tls) -> TlsSettings {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    let roots = tls.system_roots.clone().filter(|roots| roots.value);
    if let (Some(roots), Some(_)) = (&roots, &tls.ca_file) {
        fault(roots.at, Fault::SystemRootsAndFile);
    }
    if tls.ca_file.is_none() && !tls.pinned && roots.is_none() {
        fault(tls.at, Fault::NoHttpTrust);
    }
    let mut settings = files(context, title, tls);
    if let Some(roots) = roots {
        let places = SYSTEM_ROOTS.iter().map(PathBuf::from);
        let found = places.into_iter().find(|place| context.machine.examine(place).is_ok());
        if found.is_none() {
            fault(roots.at, Fault::NoSystemRoots);
        }
        settings.ca_file = found;
    }
    settings
}

/// Where distributions keep the authorities of the machine in one file: Debian and Arch, Fedora and
/// RHEL (new and old), openSUSE, Alpine.
#[cfg(feature = "http")]
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn files(context: &Context<'_>, title: &str, tls: Tls) -> TlsSettings {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), None) => {
            fault(cert.at, Fault::Incomplete { present: "cert_file", absent: "key_file" });
        }
        (None, Some(key)) => {
            fault(key.at, Fault::Incomplete { present: "key_file", absent: "cert_file" });
        }
        _ => {}
    }
    if let (Some(crl), None) = (&tls.crl_file, &tls.ca_file) {
        fault(crl.at, Fault::Incomplete { present: "crl_file", absent: "ca_file" });
    }
    let file = |given: &Option<Given<Option<FilePlace>>>| place(context, given);
    let (ca_file, cert_file, key_file, crl_file) =
        (file(&tls.ca_file), file(&tls.cert_file), file(&tls.key_file), file(&tls.crl_file));
    for (key, path) in [("ca_file", &ca_file), ("cert_file", &cert_file), ("crl_file", &crl_file)] {
        if let Some(path) = path {
            context.file(title, key, path);
        }
    }
    if let Some(path) = &key_file
        && let Some(entry) = context.file(title, "key_file", path)
        && entry.mode & OTHERS_READ != 0
    {
        let warning = Fault::KeyReadable(path.value.clone(), entry.mode);
        context.findings.warning(path.at, title, warning);
    }
    let path = |given: Option<Given<PathBuf>>| given.map(|given| given.value);
    TlsSettings {
        ca_file: path(ca_file),
        cert_file: path(cert_file),
        key_file: path(key_file),
        server_name: tls.server_name.map(|given| given.value),
        pin_sha256: tls.pins,
        crl_file: path(crl_file),
    }
}

/// Where the file lies, unless that was wrong and is reported already.
fn place(
    context: &Context<'_>,
    given: &Option<Given<Option<FilePlace>>>,
) -> Option<Given<PathBuf>> {
    let given = given.as_ref()?;
    let value = match given.value.clone()? {
        FilePlace::Path(path) => path,
        FilePlace::Credential(name) => context.machine.credentials().join(name),
    };
    Some(Given { value, at: given.at })
}
