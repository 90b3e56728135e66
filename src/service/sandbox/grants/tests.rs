//! What configurations need, and what of it an older one gives.

use std::io;

use super::*;
use crate::config::{Entry, Machine};

/// A machine that has every file and directory.
struct Full;

impl Machine for Full {
    fn hostname(&self) -> String {
        "outpost.example.net".to_owned()
    }

    fn examine(&self, path: &Path) -> io::Result<Entry> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let directory = name.is_some_and(|name| !name.contains(['.', '*']));
        Ok(Entry { directory, mode: 0o640, device: 1 })
    }
}

const FILE: &str = "/srv/outpost/etc/spoolgate.toml";

fn grants(top: &str, spool: &str, destination: &str) -> Grants {
    let text = format!(
        "{top}\n[state]\ndir = \"/srv/outpost/state\"\n\
         [[spool]]\npath = \"/srv/outpost/spool/in/*.jsonl\"\n{spool}\n\
         [[destination]]\nname = \"d\"\n{destination}\n"
    );
    let config = Config::parse(&text, Path::new(FILE), &Full);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    Grants::of(&config, Path::new(FILE), true)
}

#[test]
fn a_configuration_is_held_against_the_one_of_the_start() {
    let plain = "address = \"tcp://10.0.0.1:514\"";
    let start = grants("", "", plain);
    let tls = "address = \"tls://10.0.0.1:6514\"\n[destination.tls]\nca_file = ";
    let archive = "after_delivery = \"archive\"\narchive_dir = \"/srv/outpost/done\"";
    for (what, (top, spool, destination), beyond) in [
        ("the same", ("", "", plain), None),
        ("UDP", ("", "", "address = \"udp://10.0.0.1:9999\""), None),
        ("another host", ("", "", "address = \"tcp://10.0.0.2:514\""), None),
        ("another port", ("", "", "address = \"tcp://10.0.0.1:601\""), Some("TCP port 601")),
        ("delete", ("", "after_delivery = \"delete\"", plain), Some("remove files in /srv/o")),
        ("archive", ("", archive, plain), Some("move files in /srv/outpost/spool/in")),
        (
            "a spool beside the first",
            ("", "[[spool]]\npath = \"/srv/outpost/spool/more/*.log\"", plain),
            None,
        ),
        (
            "a spool elsewhere",
            ("", "[[spool]]\npath = \"/srv/other/spool/*.log\"", plain),
            Some("read /srv/other/spool"),
        ),
        (
            "schemas elsewhere",
            ("schemas_dir = \"/srv/schemas\"", "", plain),
            Some("read /srv/schemas"),
        ),
        ("TLS", ("", "", &format!("{tls}\"/srv/outpost/etc/ca.pem\"")), Some("TCP port 6514")),
        ("a CA", ("", "", &format!("{tls}\"/srv/tls/ca.pem\"")), Some("read /srv/tls/ca.pem")),
    ] {
        let found = grants(top, spool, destination).beyond(&start);
        match beyond {
            None => assert_eq!(found, None, "{what}"),
            Some(part) => {
                let found = found.unwrap_or_else(|| panic!("{what}: admitted"));
                assert!(found.contains(part), "{what}: {found}");
            }
        }
    }
}

#[test]
fn less_is_admitted_after_more() {
    let delete = "after_delivery = \"delete\"";
    let start = grants("", delete, "address = [\"tcp://10.0.0.1\", \"tcp://10.0.0.2:601\"]");
    let less = grants("", "", "address = \"tcp://10.0.0.1\"");
    assert_eq!(less.beyond(&start), None);
    assert_eq!(start.beyond(&less), Some("remove files in /srv/outpost/spool/in".to_owned()));
}

#[test]
fn directories_that_everybody_shares_are_not_opened() {
    let shared = |grants: &Grants| {
        let shared = grants.paths.iter().map(|grant| grant.path.as_path());
        shared.filter(|path| is_shared(path)).map(Path::to_path_buf).collect::<Vec<_>>()
    };
    assert_eq!(shared(&grants("", "", "address = \"tcp://10.0.0.1\"")), Vec::<PathBuf>::new());
    let text = "[[spool]]\npath = \"/spool/*\"\n[[destination]]\nname = \"d\"\n\
                address = \"tcp://10.0.0.1\"\n";
    let file = Path::new("/etc/spoolgate.toml");
    let config = Config::parse(text, file, &Full).unwrap();
    assert_eq!(shared(&Grants::of(&config, file, true)), [PathBuf::from("/spool")]);
    let as_user = Grants::of(&config, file, false);
    assert_eq!(shared(&as_user), [PathBuf::from("/spool"), PathBuf::from("/etc")]);
}

#[cfg(feature = "http")]
#[test]
fn an_http_destination_needs_its_ports_and_secrets() {
    let destination = "type = \"splunk_hec\"\nurl = \"https://10.0.0.1:8088\"\n\
                       proxy = \"https://10.0.0.2:3128\"\n\
                       token = { file = \"/srv/outpost/secrets/hec.token\" }\n\
                       tls = { ca_file = \"/srv/outpost/tls/ca.pem\" }\n\
                       [egress]\nallow = true\nhosts = [\"10.0.0.0/8\"]";
    let needed = grants("", "", destination);
    assert_eq!(needed.ports, BTreeSet::from([53, 3128, 8088]));
    for file in ["/srv/outpost/secrets/hec.token", "/srv/outpost/tls/ca.pem"] {
        let is_it = |grant: &&Grant| grant.path == Path::new(file) && grant.is_needed;
        assert!(needed.paths.iter().any(|grant| is_it(&grant)), "{file}");
    }
    // A new version of a secret is another file: its directory is readable, too.
    let directory = Path::new("/srv/outpost/secrets");
    assert!(needed.paths.iter().any(|grant| grant.path == directory));
}
