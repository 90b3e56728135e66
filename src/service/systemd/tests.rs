//! What a service manager hears.

use std::os::unix::net::UnixDatagram;

use super::*;
use crate::deliver::status::LastError;

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let count = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..count].to_vec()).unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    let pairs: Vec<(String, OsString)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    move |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

fn check_messages(manager: &UnixDatagram, mut systemd: Systemd) {
    manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    systemd.ready();
    assert_eq!(heard(manager), "READY=1");
    systemd.reloading();
    let reloading = heard(manager);
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);
    systemd.show("all is well".to_owned());
    systemd.show("all is well".to_owned());
    systemd.feed();
    assert_eq!(heard(manager), "STATUS=all is well");
    assert_eq!(heard(manager), "WATCHDOG=1", "the same line was shown twice");
    systemd.stopping();
    assert!(heard(manager).starts_with("STOPPING=1\n"));
}

#[test]
fn a_manager_hears_the_protocol_over_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    let systemd =
        Systemd::new(&variables(&[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "3000000")]), 7);
    assert_eq!(systemd.watchdog(), Some(Duration::from_secs(3)));
    check_messages(&manager, systemd);
}

#[test]
fn a_manager_hears_the_protocol_over_an_abstract_name() {
    let name = format!("spoolgate-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    let path = format!("@{name}");
    let pairs =
        [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "7")];
    check_messages(&manager, Systemd::new(&variables(&pairs), 7));
}

#[test]
fn a_watchdog_of_another_process_or_without_a_socket_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let _manager = UnixDatagram::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    for pairs in [
        vec![("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "8")],
        vec![("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "0")],
        vec![("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "soon")],
        vec![("NOTIFY_SOCKET", "/nowhere/notify"), ("WATCHDOG_USEC", "3000000")],
        vec![("WATCHDOG_USEC", "3000000")],
        vec![],
    ] {
        assert_eq!(Systemd::new(&variables(&pairs), 7).watchdog(), None, "{pairs:?}");
    }
}

#[test]
fn the_line_names_who_is_not_up() {
    let status = |name: &str, state, backlog_bytes, code: &str| DestinationStatus {
        name: name.to_owned(),
        state,
        backlog_bytes,
        last_error: Some(LastError {
            code: code.to_owned(),
            text: "a sentence".to_owned(),
            at: String::new(),
        }),
        ..DestinationStatus::default()
    };
    let one = [status("qradar", State::Up, 999, "reset")];
    assert_eq!(line(&one, None), "qradar up; backlog 999 bytes");
    let down = [status("qradar", State::Down, 1_250_000, "refused")];
    assert_eq!(line(&down, None), "qradar down (refused); backlog 1.2 MB");
    let two = [one[0].clone(), status("arcsight", State::Held, 12_345_678_901, "full")];
    assert_eq!(
        line(&two, Some("disk\nfull")),
        "1 of 2 destinations up; arcsight held (full); backlog 12.3 GB; PROGRESS IS NOT DURABLE: \
         disk full"
    );
}
