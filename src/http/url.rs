//! URLs that are secrets, whole (Sumo Logic, Slack): whoever has one may send.
//!
//! In: the secret, and the endpoint that the configuration names beside it, for the egress policy
//! decides at load. Out: path and query. Diagnostics: a secret that leads elsewhere, without its
//! text.

use super::secret::Secret;
use super::settings::Endpoint;
use crate::model::outcome::Cause;

/// Path and query of a secret that is a whole URL or its part from the path's slash on.
///
/// # Errors
/// It is neither, or names another scheme, host or port than `endpoint`: hold.
pub fn secret_path(secret: &Secret, endpoint: &Endpoint) -> Result<Secret, Cause> {
    let text = secret.expose().trim();
    let path = if text.starts_with('/') {
        text
    } else {
        let origin = text.find("://").map_or(0, |at| at + 3);
        let (origin, path) = text
            .get(origin..)
            .and_then(|rest| rest.find('/'))
            .and_then(|length| text.split_at_checked(origin + length))
            .ok_or_else(|| wrong("the secret is no URL with a path; store the whole URL"))?;
        if !is_origin(origin, endpoint) {
            return Err(wrong(
                "the URL in the secret leads to another host than the destination's address",
            ));
        }
        path
    };
    let is_clean = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !is_clean || path.len() < 2 {
        return Err(wrong("the URL in the secret has no path, or characters that no URL has"));
    }
    // The engine puts the endpoint's part before it again.
    match path.strip_prefix(endpoint.base_path.as_str()) {
        Some(behind) => Ok(Secret::new(behind)),
        None => Err(wrong("the URL in the secret has another path than the destination's address")),
    }
}

fn wrong(text: &str) -> Cause {
    Cause::new("wrong_secret", text)
}

/// Whether `origin` (scheme, host, perhaps a port) is the endpoint's.
fn is_origin(origin: &str, endpoint: &Endpoint) -> bool {
    let (scheme, default_port) = if endpoint.is_tls { ("https", 443) } else { ("http", 80) };
    let Some((given, authority)) = origin.split_once("://") else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets is part of an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, Some(default_port)),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    given.eq_ignore_ascii_case(scheme)
        && host.eq_ignore_ascii_case(&endpoint.host)
        && port == Some(endpoint.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_the_endpoint_has_is_left_out() {
        let endpoint = Endpoint {
            is_tls: true,
            host: "h".to_owned(),
            port: 443,
            base_path: "/proxy".to_owned(),
        };
        let path = |url| secret_path(&Secret::new(url), &endpoint).ok();
        assert_eq!(path("https://h/proxy/a"), Some(Secret::new("/a")));
        assert_eq!(path("https://h/a"), None);
    }

    #[test]
    fn only_urls_of_the_endpoint_are_taken() {
        let check = |url: &str, host: &str, port, expected: Option<&str>| {
            let endpoint =
                Endpoint { is_tls: true, host: host.to_owned(), port, base_path: String::new() };
            let path = secret_path(&Secret::new(url), &endpoint);
            assert_eq!(path.as_ref().ok().map(Secret::expose), expected, "{url}");
            if let Err(cause) = path {
                assert_eq!(cause.code, "wrong_secret");
                assert!(!cause.text.contains("MARKER"), "{}", cause.text);
            }
        };
        let host = "hooks.example.com";
        check("https://hooks.example.com/a/MARKER", host, 443, Some("/a/MARKER"));
        check("https://HOOKS.example.com:443/a?b=c\n", host, 443, Some("/a?b=c"));
        check("/a/MARKER", host, 443, Some("/a/MARKER"));
        check("https://[fd00::1]:8443/x", "fd00::1", 8443, Some("/x"));
        check("https://[fd00::1]/x", "fd00::1", 443, Some("/x"));
        check("https://elsewhere.example.com/a/MARKER", host, 443, None);
        check("http://hooks.example.com/a/MARKER", host, 443, None);
        check("https://hooks.example.com:444/a/MARKER", host, 443, None);
        check("https://hooks.example.com@evil.example/MARKER", host, 443, None);
        check("https://hooks.example.com", host, 443, None);
        check("https://hooks.example.com/", host, 443, None);
        check("https://hooks.example.com/a MARKER", host, 443, None);
        check("/a\r\nhost: MARKER", host, 443, None);
        check("hooks.example.com/a/MARKER", host, 443, None);
        check("", host, 443, None);
    }
}
