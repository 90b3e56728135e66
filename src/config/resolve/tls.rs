//! `[destination.tls]` against the addresses and the file system.

use std::path::PathBuf;

use super::Context;
use crate::config::fault::Fault;
use crate::config::findings::Given;
use crate::config::typed::Tls;
use crate::transport::settings::TlsSettings;

/// The mode bits that let others read.
const OTHERS_READ: u32 = 0o004;

/// The section of a destination whose addresses are `tls://`.
pub(super) fn resolve(context: &Context<'_>, title: &str, tls: Tls) -> TlsSettings {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    if tls.ca_file.is_none() && !tls.pinned {
        fault(tls.at, Fault::NoTrust);
    }
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
    for (key, path) in
        [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("crl_file", &tls.crl_file)]
    {
        if let Some(path) = given(path) {
            context.file(title, key, &path);
        }
    }
    if let Some(path) = given(&tls.key_file)
        && let Some(entry) = context.file(title, "key_file", &path)
        && entry.mode & OTHERS_READ != 0
    {
        let warning = Fault::KeyReadable(path.value.clone(), entry.mode);
        context.findings.warning(path.at, title, warning);
    }
    TlsSettings {
        ca_file: tls.ca_file.and_then(|given| given.value),
        cert_file: tls.cert_file.and_then(|given| given.value),
        key_file: tls.key_file.and_then(|given| given.value),
        server_name: tls.server_name.map(|given| given.value),
        pin_sha256: tls.pins,
        crl_file: tls.crl_file.and_then(|given| given.value),
    }
}

/// The path, unless it was wrong and is reported already.
fn given(path: &Option<Given<Option<PathBuf>>>) -> Option<Given<PathBuf>> {
    let path = path.as_ref()?;
    Some(Given { value: path.value.clone()?, at: path.at })
}
