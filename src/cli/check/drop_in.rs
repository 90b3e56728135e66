//! `check --systemd-dropin`: what the unit must allow for this configuration, for systemd to
//! enforce: addresses, paths that are written to, and paths outside of what its root shows.
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
use crate::service::sandbox::grants::Grants;
use crate::spool::settings::AfterDelivery;
use crate::transport::{Connector, name_servers};

/// A place of the configuration, with the addresses that it means.
struct Reached {
    what: String,
    addresses: Vec<IpAddr>,
}

/// What the unit's root shows: its `BindReadOnlyPaths=`, and what systemd makes there.
const SHOWN: [&str; 14] = [
    "/etc",
    "/var",
    "/srv",
    "/opt",
    "/mnt",
    "/media",
    "/data",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/spoolgate",
    "/run/credentials",
];

/// The drop-in for `config`, which was read from `file`.
pub fn drop_in(config: &Config, file: &Path) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::OS, error.to_string()))?;
    let reached = runtime
        .block_on(reached(config))
        .map_err(|cause| Failure::new(exit::UNAVAILABLE, cause.to_string()))?;
    let grants = Grants::of(config, file, false);
    let read = grants.paths.iter().map(|grant| grant.path.as_path()).collect();
    Ok(text(file, &reached, &written(config), &read))
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

fn text(
    file: &Path,
    reached: &[Reached],
    written: &BTreeSet<&Path>,
    read: &BTreeSet<&Path>,
) -> String {
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
        let setting = if is_shown(directory) { "ReadWritePaths" } else { "BindPaths" };
        let _ = writeln!(out, "{setting}={}", quoted(directory));
    }
    let beneath = |path: &Path, paths: &BTreeSet<&Path>| {
        paths.iter().any(|other| *other != path && path.starts_with(other))
    };
    let hidden = read.iter().filter(|path| {
        !is_shown(path)
            && !written.contains(*path)
            && !beneath(path, written)
            && !beneath(path, read)
    });
    for path in hidden {
        // What is not there at the start is no reason not to start.
        let _ = writeln!(out, "BindReadOnlyPaths={}", quoted_with("-", path));
    }
    out
}

fn is_shown(path: &Path) -> bool {
    SHOWN.iter().any(|shown| path.starts_with(shown))
}

/// As systemd.syntax(7) and systemd.unit(5) want it: specifiers begin with a percent sign.
fn quoted(path: &Path) -> String {
    quoted_with("", path)
}

/// The same behind a prefix, which stands inside the quotation marks.
fn quoted_with(prefix: &str, path: &Path) -> String {
    let text = format!("{prefix}{}", path.to_string_lossy().replace('%', "%%"));
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
        let written =
            ["/var/lib/spoolgate", "/srv/with space", "/srv/100%", "/state"].map(Path::new);
        let read = ["/etc/hosts", "/state/replay", "/events", "/events/deep", "/a key"];
        let read = read.map(Path::new).into();
        let text =
            text(Path::new("/etc/spoolgate/spoolgate.toml"), &reached, &written.into(), &read);
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
                "BindPaths=/state",
                "ReadWritePaths=/var/lib/spoolgate",
                "BindReadOnlyPaths=\"-/a key\"",
                "BindReadOnlyPaths=-/events",
            ]
        );
    }

    #[test]
    fn the_unit_shows_what_it_is_said_to_show() {
        let unit = include_str!("../../../systemd/spoolgate.service");
        let bound = unit.lines().filter_map(|line| line.strip_prefix("BindReadOnlyPaths="));
        let mut bound: BTreeSet<_> = bound
            .flat_map(str::split_ascii_whitespace)
            .map(|path| path.trim_start_matches('-'))
            .collect();
        assert!(bound.remove("/usr/bin/spoolgate"));
        assert!(bound.remove("/run/systemd/notify") && bound.remove("/run/systemd/journal"));
        assert!(bound.insert("/run/spoolgate"), "RuntimeDirectory=");
        assert!(bound.insert("/run/credentials"), "LoadCredential=");
        assert_eq!(bound, BTreeSet::from(SHOWN));
    }
}
