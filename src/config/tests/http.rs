//! What the keys of an HTTP destination become.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::value;
use crate::http::settings::{BatchSettings, Endpoint, SecretSource, Settings};
use crate::transport::settings::Protocol;

/// A destination of a listed host, with these keys.
#[track_caller]
fn http(keys: &str) -> crate::config::Destination {
    destination(&format!(
        "type = \"splunk_hec\"\nurl = \"https://splunk.example.net:8088/base/\"\n{keys}\n\
         [egress]\nallow = true\nhosts = [\"*.example.net\"]\n"
    ))
}

const TOKEN: &str = "token = { file = \"token.txt\" }\ntls = { ca_file = \"ca.pem\" }";

#[test]
fn defaults_are_those_of_the_design() {
    let found = http(TOKEN);
    let Settings { batch, retry, request_timeout, requests_in_flight, gzip, proxy, .. } =
        found.http.unwrap();
    assert_eq!(batch, BatchSettings::default());
    assert_eq!((batch.events_max, batch.linger), (100, Duration::from_secs(5)));
    let seconds = Duration::from_secs;
    assert_eq!((retry.initial_backoff, retry.max_backoff), (seconds(1), seconds(300)));
    assert_eq!((retry.max_attempts, retry.retry_after_max), (None, seconds(900)));
    assert_eq!((request_timeout, requests_in_flight, gzip, proxy), (seconds(60), 4, true, None));
    assert_eq!(found.transport.tls.unwrap().ca_file, Some(PathBuf::from("/etc/spoolgate/ca.pem")));
    let [address] = found.transport.addresses.as_slice() else { panic!("one address") };
    assert_eq!((address.protocol, address.port), (Protocol::Tls, 8088));
}

#[test]
fn secrets_come_from_four_places_and_trust_from_the_system_when_asked() {
    let check = |source: &str, want: SecretSource| {
        let keys = format!("token = {source}\ntls = {{ system_roots = true }}");
        let found = http(&keys);
        let connector = crate::http::connector(&found.http.unwrap());
        assert_eq!(connector.secrets(), [("token", want)]);
        let roots = PathBuf::from("/etc/ssl/certs/ca-certificates.crt");
        assert_eq!(found.transport.tls.unwrap().ca_file, Some(roots));
    };
    check("{ file = \"a.txt\" }", SecretSource::File(PathBuf::from("/etc/spoolgate/a.txt")));
    check("{ env = \"PATH\" }", SecretSource::Environment("PATH".to_owned()));
    check("{ credential = \"a.b\" }", SecretSource::Credential("a.b".to_owned()));
    let text = format!(
        "sandbox = \"off\"\n[egress]\nallow = true\nhosts = [\"10.0.0.1\"]\n{HEAD}type = \
         \"splunk_hec\"\nurl = \"https://10.0.0.1\"\ntoken = {{ exec = [\"/bin/pass\", \
         \"hec\"] }}\ntls = {{ pin_sha256 = \"{}\" }}\n",
        "00".repeat(32)
    );
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let connector = crate::http::connector(config.destinations[0].http.as_ref().unwrap());
    let command = ["/bin/pass", "hec"].map(str::to_owned).to_vec();
    assert_eq!(connector.secrets(), [("token", SecretSource::Command(command))]);
}

#[test]
fn urls_have_one_meaning() {
    let check = |text: &str, want: Option<(bool, &str, u16, &str)>| {
        let found = value::endpoint(text, 443).ok();
        let want = want.map(|(is_tls, host, port, path)| Endpoint {
            is_tls,
            host: host.to_owned(),
            port,
            base_path: path.to_owned(),
        });
        assert_eq!(found, want, "{text}");
    };
    check("https://a.example.net", Some((true, "a.example.net", 443, "")));
    check("HTTPS://a.example.net:8088/", Some((true, "a.example.net", 8088, "")));
    check("https://a.example.net/b/c/", Some((true, "a.example.net", 443, "/b/c")));
    check("https://[2001:db8::1]:1/b", Some((true, "2001:db8::1", 1, "/b")));
    check("http://127.0.0.1:1", Some((false, "127.0.0.1", 1, "")));
    check("http://[::1]/", Some((false, "::1", 80, "")));
    check("http://localhost:1", Some((false, "localhost", 1, "")));
    for wrong in [
        "a.example.net",
        "http://a.example.net",
        "http://127.0.0.1.example.net",
        "https://",
        "https://user@a.example.net",
        "https://a.example.net?b=c",
        "https://a.example.net/b#c",
        "https://a.example.net/b c",
        "https://a.example.net/\r\nHost: b",
        "https://a.example.net:0",
        "https://a.example.net:+1",
        "https://2001:db8::1",
        "ws://a.example.net",
    ] {
        check(wrong, None);
    }
}
