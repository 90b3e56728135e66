//! The policy against every kind of address and rule.

use super::*;

fn policy(allow: bool, hosts: &[&str]) -> Policy {
    let hosts = hosts.iter().map(|h| h.parse().unwrap()).collect();
    Policy { allow, hosts, ..Policy::default() }
}

#[track_caller]
fn check(policy: &Policy, host: &str, ip: &str, expected: &str) {
    let ip = (!ip.is_empty()).then(|| ip.parse().unwrap());
    let actual = match policy.permits(host, ip) {
        Ok(()) => "permitted",
        Err(Denied::NotLocal { .. }) => "not local",
        Err(Denied::NotListed { .. }) => "not listed",
        Err(Denied::NotUnicast { .. }) => "not unicast",
        Err(Denied::HttpNotListed { .. }) => "http not listed",
    };
    assert_eq!(actual, expected, "{host} {ip:?}");
}

#[test]
fn denies_by_default_all_but_local_addresses() {
    let deny = Policy::default();
    for local in [
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.9",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.1.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        check(&deny, "siem.example.net", local, "permitted");
        check(&deny, local, "", "permitted");
    }
    for public in [
        "8.8.8.8",
        "172.32.0.1",
        "172.15.0.1",
        "100.64.0.1",
        "192.0.2.1",
        "2001:db8::1",
        "fec0::1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
    ] {
        check(&deny, "siem.example.net", public, "not local");
        check(&deny, public, "", "not local");
    }
    check(&deny, "siem.example.net", "", "permitted");
    for nobody in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        check(&deny, nobody, "", "not unicast");
        check(&policy(true, &[nobody]), nobody, "", "not unicast");
    }
}

#[test]
fn opens_the_listed_hosts_alone() {
    let open = policy(true, &["siem.example.com", "*.siem.example.org", "192.0.2.0/24"]);
    check(&open, "siem.example.com", "8.8.8.8", "permitted");
    check(&open, "SIEM.example.com.", "8.8.8.8", "permitted");
    check(&open, "other.example.com", "8.8.8.8", "not listed");
    check(&open, "evilsiem.example.com", "8.8.8.8", "not listed");
    check(&open, "siem.example.com.evil.net", "8.8.8.8", "not listed");
    check(&open, "a.siem.example.org", "8.8.8.8", "permitted");
    check(&open, "siem.example.org", "8.8.8.8", "not listed");
    check(&open, "xsiem.example.org", "8.8.8.8", "not listed");
    check(&open, ".siem.example.org", "8.8.8.8", "not listed");
    check(&open, "any.example.net", "192.0.2.77", "permitted");
    check(&open, "any.example.net", "::ffff:192.0.2.77", "permitted");
    check(&open, "192.0.2.77", "", "permitted");
    check(&open, "192.0.3.77", "", "not listed");
    check(&open, "any.example.net", "10.0.0.1", "permitted");
    check(&policy(false, &["siem.example.com"]), "siem.example.com", "8.8.8.8", "not local");
    check(&policy(true, &["0.0.0.0/0"]), "8.8.8.8", "", "permitted");
    check(&policy(true, &["0.0.0.0/0"]), "2001:db8::1", "", "not listed");
    check(&policy(true, &["::/0"]), "2001:db8::1", "", "permitted");
}

#[test]
fn rules_are_read_and_shown_in_one_form() {
    for (text, shown) in [
        ("Siem.Example.com.", "siem.example.com"),
        ("*.example.com", "*.example.com"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("[2001:db8::1]", "2001:db8::1/128"),
    ] {
        assert_eq!(text.parse::<HostRule>().unwrap().to_string(), shown);
    }
    for wrong in [
        "",
        "*",
        "*.",
        "a..b",
        "*.*.b",
        "192.0.2.0/33",
        "::/129",
        "1.2.3",
        "1.2.3.4.5",
        "a b",
        "https://a.b",
        "a.b:443",
        "-a.b",
    ] {
        assert_eq!(wrong.parse::<HostRule>(), Err(HostRuleError(wrong.to_owned())));
    }
}

#[test]
fn a_denial_names_the_address_and_both_ways_out() {
    let text = Policy::default().permits("a.example", Some("8.8.8.8".parse().unwrap()));
    assert_eq!(
        text.unwrap_err().to_string(),
        "egress policy: a.example (8.8.8.8) is not a private, loopback, link-local or \
         unique-local address; use a local receiver, or set `allow = true` and list a.example \
         (8.8.8.8) under `hosts` in [egress]"
    );
}

#[test]
fn http_reaches_listed_hosts_alone_wherever_they_are() {
    let listed = policy(true, &["siem.example.net", "10.0.0.0/8", "*.example.org"]).for_http();
    check(&listed, "siem.example.net", "", "permitted");
    check(&listed, "siem.example.net", "127.0.0.1", "permitted");
    check(&listed, "siem.example.net", "203.0.113.7", "permitted");
    check(&listed, "a.example.org", "", "permitted");
    check(&listed, "10.1.2.3", "", "permitted");
    check(&listed, "other.example.net", "", "http not listed");
    check(&listed, "other.example.net", "127.0.0.1", "http not listed");
    check(&listed, "127.0.0.1", "", "http not listed");
    check(&listed, "siem.example.net", "224.0.0.1", "not unicast");
    let closed = policy(false, &["siem.example.net"]).for_http();
    check(&closed, "siem.example.net", "", "http not listed");
    check(&closed, "10.1.2.3", "10.1.2.3", "http not listed");
}
