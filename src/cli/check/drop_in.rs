//! `check --systemd-dropin`: what the unit must allow for this configuration, for systemd to
//! enforce: addresses, and paths that are written to.
//!
//! In: a checked configuration, and the name servers' answers of this moment. Out: the text of a
//! drop-in. Diagnostics: a name that does not resolve is an error, since a drop-in without its
//! address would cut the receiver off.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use crate::cli::{Failure, exit};
use crate::config::Config;
use crate::model::outcome::Cause;
use crate::spool::settings::AfterDelivery;
use crate::transport::{Connector, name_servers};

/// A place of the configuration, with the addresses that it means.
struct Reached {
    what: String,
    addresses: Vec<IpAddr>,
}

/// The drop-in for `config`, which was read from `file`.
pub fn drop_in(config: &Config, file: &Path) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::OS, error.to_string()))?;
    let reached = runtime
        .block_on(reached(config))
        .map_err(|cause| Failure::new(exit::UNAVAILABLE, cause.to_string()))?;
    Ok(text(file, &reached, &written(config)))
}

async fn reached(config: &Config) -> Result<Vec<Reached>, Cause> {
    let mut reached = Vec::new();
    let mut has_names = false;
    for destination in &config.destinations {
        let connector = Connector::new(destination.transport.clone(), config.egress.clone());
        for address in &destination.transport.addresses {
            has_names |= address.host.parse::<IpAddr>().is_err();
            let addresses = connector.resolve(address).await?;
            let what = format!("{}: {address}", destination.deliver.name);
            reached.push(Reached { what, addresses });
        }
    }
    if has_names {
        let addresses = name_servers(&config.egress);
        reached.push(Reached { what: "name servers".to_owned(), addresses });
    }
    Ok(reached)
}

/// The directories that are written to.
fn written(config: &Config) -> BTreeSet<&Path> {
    let mut written = BTreeSet::from([config.state.dir.as_path()]);
    written.extend(config.admin.socket.as_deref().and_then(Path::parent));
    for source in &config.spool.sources {
        if source.after_delivery != AfterDelivery::Keep {
            written.extend(Path::new(&source.path).parent());
        }
        if let AfterDelivery::Archive(archive) = &source.after_delivery {
            written.insert(archive);
        }
    }
    written
}

fn text(file: &Path, reached: &[Reached], written: &BTreeSet<&Path>) -> String {
    // Writing to a String cannot fail.
    let mut out = String::new();
    let _ = write!(
        out,
        "# Made by `spoolgate check --systemd-dropin` for {}.\n\
         # Put it to /etc/systemd/system/spoolgate.service.d/, run `systemctl daemon-reload`, and\n\
         # restart. Make it anew when addresses, name servers or directories change.\n\
         [Service]\nIPAddressDeny=any\n\
         # The unit's own list ends here: what follows is all that is allowed.\n\
         IPAddressAllow=\n",
        file.display()
    );
    for Reached { what, addresses } in reached {
        let _ = writeln!(out, "# {what}");
        for address in addresses {
            let _ = writeln!(out, "IPAddressAllow={address}");
        }
    }
    out.push_str("# Everything else is read-only by ProtectSystem=strict.\n");
    for directory in written {
        let _ = writeln!(out, "ReadWritePaths={}", quoted(directory));
    }
    out
}

/// As systemd.syntax(7) and systemd.unit(5) want it: specifiers begin with a percent sign.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('%', "%%");
    if !text.contains([' ', '\t', '"', '\\', '\'']) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_become_settings_of_a_unit() {
        let reached = [
            Reached {
                what: "qradar: tls://siem.example.net:6514".to_owned(),
                addresses: vec![[10, 0, 0, 5].into(), "fd00::5".parse().unwrap()],
            },
            Reached { what: "name servers".to_owned(), addresses: vec![[127, 0, 0, 53].into()] },
        ];
        let written = ["/var/lib/spoolgate", "/srv/with space", "/srv/100%"].map(Path::new);
        let text = text(Path::new("/etc/spoolgate/spoolgate.toml"), &reached, &written.into());
        let settings: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            settings,
            [
                "[Service]",
                "IPAddressDeny=any",
                "IPAddressAllow=",
                "IPAddressAllow=10.0.0.5",
                "IPAddressAllow=fd00::5",
                "IPAddressAllow=127.0.0.53",
                "ReadWritePaths=/srv/100%%",
                "ReadWritePaths=\"/srv/with space\"",
                "ReadWritePaths=/var/lib/spoolgate",
            ]
        );
    }
}
