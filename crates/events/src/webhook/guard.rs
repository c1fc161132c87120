//! Keeps a webhook away from the inside of the network it runs in.
//!
//! Names are judged where they are resolved for the connection itself, so that a name cannot mean
//! a public address when it is checked and a private one when it is used. Hosts that are addresses
//! already never meet a resolver; they are judged when the sink is made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address belongs to the public internet, also behind IPv6 forms that carry an IPv4
/// address (mapped, NAT64, 6to4).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol_assignments = a == 192 && b == 0 && c == 0;
    let benchmarks = a == 198 && (b == 18 || b == 19);
    let this_network_or_reserved = a == 0 || a >= 240;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarks
        || this_network_or_reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // IPv4-mapped, NAT64, 6to4: as public as what they carry.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => is_public_v4(carried(high, low)),
        // Teredo and documentation; the rest of 2000::/3 is all that is public.
        [0x2001, 0 | 0xdb8, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn carried(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Judges a host that is an address; a name passes, its resolver judges it.
///
/// # Errors
/// With a sentence, if it is not public.
pub(crate) fn check_literal(url: &Url) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) if !is_public(address) => Err(refusal(host)),
        _ => Ok(()),
    }
}

fn refusal(host: &str) -> String {
    format!("{host} is not on a public address; set allow_private if it is meant to be so")
}

/// Resolves names to their public addresses only.
pub(crate) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let public: Vec<_> = found.into_iter().filter(|at| is_public(at.ip())).collect();
            if public.is_empty() {
                return Err(refusal(host).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(addresses: &[&str]) -> Vec<bool> {
        addresses
            .iter()
            .map(|text| is_public(text.parse().unwrap()))
            .collect()
    }

    #[test]
    fn addresses_of_the_inside_are_not_public() {
        let inside = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
        ];
        assert_eq!(judge(&inside), vec![false; inside.len()]);
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        let outside = [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ];
        assert_eq!(judge(&outside), vec![true; outside.len()]);
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:8080/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let refused = check_literal(&Url::parse(url).unwrap());
            assert!(refused.is_err(), "{url}");
        }
        assert_eq!(
            check_literal(&Url::parse("https://hooks.example/").unwrap()),
            Ok(())
        );
    }

    #[tokio::test]
    async fn a_name_that_means_a_private_address_does_not_resolve() {
        let refused = PublicResolver.resolve("localhost".parse().unwrap()).await;
        let error = refused.err().expect("localhost is loopback").to_string();
        assert!(
            error.contains("localhost is not on a public address"),
            "{error}"
        );
    }
}
