//! Frames, byte by byte: honest ones and forged ones. Checksums above IP are left out; a bridge does not look at them.

/// A frame and what it is.
type Named = (&'static str, Vec<u8>);
/// A frame, what it is, and the counter that its drop raises.
type Forged = (&'static str, &'static str, Vec<u8>);

const BROADCAST: [u8; 6] = [0xff; 6];
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const GRE: u8 = 47;
/// Extension headers of IPv6.
const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

fn mac(number: u8) -> [u8; 6] {
    [0xfa, 0x16, 0x3e, 0, 0, number]
}

fn v4(number: u8) -> [u8; 4] {
    [10, 0, 0, number]
}

fn v6(number: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[0] = 0xfd;
    address[15] = number;
    address
}

fn link_local(number: u8) -> [u8; 16] {
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xf8, 0x16, 0x3e, 0xff, 0xfe, 0, 0, number]
}

const NO_V6: [u8; 16] = [0; 16];

/// What guest `number` may send.
pub(crate) fn honest(number: u8) -> Vec<Named> {
    let own = mac(number);
    vec![
        ("IPv4", ipv4(own, v4(number))),
        ("an ARP request", arp_request(number, 0)),
        ("an ARP reply", arp(own, 2, own, v4(number))),
        ("an ARP probe", arp_about(v4(number), arp(own, 1, own, [0; 4]))),
        ("a DHCP discover", udp4(own, [0; 4], [255; 4], 68, 67)),
        ("a DHCP renewal", udp4(own, v4(number), v4(250), 68, 67)),
        ("a message to a DHCP server from any port", udp4(own, v4(number), v4(250), 5000, 67)),
        (
            "the first fragment of an IPv4 datagram",
            fragment4(own, v4(number), 0, true, &udp(5000, 5000)[..8]),
        ),
        ("a later IPv4 fragment", fragment4(own, v4(number), 1, false, b"lepton")),
        ("a later IPv4 fragment like a DHCP answer", fragment4(own, v4(number), 1, true, &udp(67, 68)[..8])),
        (
            "the last IPv4 fragment, like a DHCP answer",
            fragment4(own, v4(number), 0x1fff, false, &udp(67, 68)),
        ),
        ("IPv6", udp6(own, v6(number), 5000, 5000)),
        ("a DHCPv6 client's message", udp6(own, link_local(number), 546, 547)),
        ("IPv6 from the link-local address", udp6(own, link_local(number), 5000, 5000)),
        ("a neighbour solicitation", icmp6(own, v6(number), 135, v6(9))),
        ("a neighbour advertisement", icmp6(own, v6(number), 136, v6(number))),
        (
            "an advertisement of the link-local address",
            icmp6(own, link_local(number), 136, link_local(number)),
        ),
        ("duplicate address detection", icmp6(own, NO_V6, 135, v6(number))),
        ("duplicate address detection of the link-local address", icmp6(own, NO_V6, 135, link_local(number))),
        ("a neighbour solicitation with its MAC", discovery(own, v6(number), 135, &link_layer(1, own))),
        ("a neighbour advertisement with its MAC", discovery(own, v6(number), 136, &link_layer(2, own))),
        ("a router solicitation", discovery(own, link_local(number), 133, &[])),
        ("a router solicitation with its MAC", discovery(own, link_local(number), 133, &link_layer(1, own))),
        ("a router solicitation without an address", discovery(own, NO_V6, 133, &[])),
        (
            "duplicate address detection with a nonce",
            ipv6(own, NO_V6, ICMPV6, &[message6(135, v6(number)), vec![14, 1, 1, 2, 3, 4, 5, 6]].concat()),
        ),
        ("an ICMPv6 echo request", icmp6(own, v6(number), 128, NO_V6)),
        (
            "UDP behind options",
            ipv6(own, v6(number), HOP_BY_HOP, &[options(UDP, 1), udp(5000, 5000)].concat()),
        ),
        ("the first fragment of a datagram", fragment(own, v6(number), UDP, 0, true, &udp(5000, 5000)[..8])),
        ("a later fragment", fragment(own, v6(number), UDP, 1, false, b"lepton")),
        ("a first fragment of another protocol", fragment(own, v6(number), GRE, 0, true, &[0; 8])),
    ]
}

/// What guest `number` may not send, and the reason that counts it.
pub(crate) fn forged(number: u8) -> Vec<Forged> {
    let own = mac(number);
    let (local, router) = (link_local(number), message6(134, NO_V6));
    vec![
        ("another's MAC", "drop_mac", ipv4(mac(9), v4(number))),
        ("another's MAC in ARP's frame", "drop_mac", arp(mac(9), 1, own, v4(number))),
        ("another's IPv4 address", "drop_ipv4", ipv4(own, v4(9))),
        ("no IPv4 address, but not DHCP", "drop_ipv4", udp4(own, [0; 4], [255; 4], 5000, 5000)),
        ("a DHCP server's offer", "drop_dhcp", udp4(own, v4(number), [255; 4], 67, 68)),
        ("a DHCP server's offer from another port", "drop_dhcp", udp4(own, v4(number), [255; 4], 6767, 68)),
        ("a DHCP server's offer without an address", "drop_dhcp", udp4(own, [0; 4], [255; 4], 67, 68)),
        (
            "the start of a DHCP server's offer",
            "drop_dhcp",
            fragment4(own, v4(number), 0, true, &udp(67, 68)[..8]),
        ),
        ("another's later IPv4 fragment", "drop_ipv4", fragment4(own, v4(9), 1, false, b"lepton")),
        (
            "another's later IPv4 fragment like a DHCP answer",
            "drop_ipv4",
            fragment4(own, v4(9), 1, false, &udp(67, 68)),
        ),
        (
            "a later fragment from nowhere like a DHCP discover",
            "drop_ipv4",
            fragment4(own, [0; 4], 1, false, &udp(68, 67)),
        ),
        ("a DHCPv6 server's answer", "drop_dhcp", udp6(own, link_local(number), 547, 546)),
        ("a DHCPv6 server's answer from another port", "drop_dhcp", udp6(own, v6(number), 5470, 546)),
        ("another's MAC inside ARP", "drop_arp", arp(own, 2, mac(9), v4(number))),
        ("another's address inside ARP", "drop_arp", arp(own, 2, own, v4(9))),
        ("a reply that claims no address", "drop_arp", arp(own, 2, own, [0; 4])),
        (
            "a reply about itself that claims no address",
            "drop_arp",
            arp_about(v4(number), arp(own, 2, own, [0; 4])),
        ),
        ("an ARP probe for another's address", "drop_arp", arp_about(v4(2), arp(own, 1, own, [0; 4]))),
        (
            "an ARP probe for an address that nobody has",
            "drop_arp",
            arp_about(v4(9), arp(own, 1, own, [0; 4])),
        ),
        ("an ARP probe by another's MAC", "drop_arp", arp_about(v4(number), arp(own, 1, mac(9), [0; 4]))),
        ("ARP of another length", "drop_arp", odd_arp(own)),
        ("another's IPv6 address", "drop_ipv6", udp6(own, v6(9), 5000, 5000)),
        ("another's link-local address", "drop_ipv6", udp6(own, link_local(9), 5000, 5000)),
        ("no IPv6 address, but data", "drop_ipv6", udp6(own, NO_V6, 5000, 5000)),
        ("duplicate address detection of another's address", "drop_ipv6", icmp6(own, NO_V6, 135, v6(9))),
        ("an advertisement of another's address", "drop_nd", icmp6(own, v6(number), 136, v6(9))),
        (
            "another's MAC in a solicitation",
            "drop_nd",
            discovery(own, v6(number), 135, &link_layer(1, mac(9))),
        ),
        (
            "another's MAC in an advertisement",
            "drop_nd",
            discovery(own, v6(number), 136, &link_layer(2, mac(9))),
        ),
        ("another's MAC sent to routers", "drop_nd", discovery(own, local, 133, &link_layer(1, mac(9)))),
        (
            "another's MAC in a second option",
            "drop_nd",
            discovery(own, v6(number), 136, &[link_layer(2, own), link_layer(2, mac(9))].concat()),
        ),
        (
            "another's MAC after an option that means nothing",
            "drop_nd",
            discovery(own, v6(number), 135, &[vec![14, 1, 0, 0, 0, 0, 0, 0], link_layer(1, mac(9))].concat()),
        ),
        (
            "another's MAC in an option that is too long",
            "drop_nd",
            discovery(own, v6(number), 135, &[&[1, 2][..], &mac(9), &[0; 8]].concat()),
        ),
        (
            "another's MAC in an advertisement behind options",
            "drop_nd",
            ipv6(
                own,
                v6(number),
                HOP_BY_HOP,
                &[options(ICMPV6, 1), message6(136, v6(number)), link_layer(2, mac(9))].concat(),
            ),
        ),
        (
            "a solicitation that is cut short",
            "drop_headers",
            cut_short(discovery(own, v6(number), 135, &link_layer(1, own))),
        ),
        ("another's solicitation", "drop_ipv6", discovery(own, v6(9), 135, &link_layer(1, own))),
        ("a router advertisement", "drop_router", icmp6(own, link_local(number), 134, NO_V6)),
        ("a redirect", "drop_router", icmp6(own, link_local(number), 137, v6(9))),
        ("a router advertisement behind options", "drop_router", behind_options(own, 134)),
        ("a redirect behind options", "drop_router", behind_options(own, 137)),
        (
            "a router advertisement in an only fragment",
            "drop_router",
            fragment(own, local, ICMPV6, 0, false, &router),
        ),
        (
            "the start of a router advertisement",
            "drop_router",
            fragment(own, local, ICMPV6, 0, true, &router[..8]),
        ),
        // Options that fill the first fragment: what follows them is in the next one.
        ("options before a router advertisement", "drop_headers", hidden(own, local, ICMPV6)),
        ("options before a DHCPv6 server's answer", "drop_headers", hidden(own, local, UDP)),
        ("a fragment too short for its message", "drop_headers", fragment(own, local, ICMPV6, 0, true, &[])),
        ("no message behind options", "drop_headers", ipv6(own, local, HOP_BY_HOP, &options(ICMPV6, 1))),
        ("another's later fragment", "drop_ipv6", fragment(own, v6(9), UDP, 1, false, b"lepton")),
        (
            "options in a fragment of a fragment",
            "drop_headers",
            fragment(own, local, FRAGMENT, 0, false, &[&[ICMPV6, 0, 0, 8, 0, 0, 0, 1][..], &router].concat()),
        ),
        (
            "an advertisement whose target is in another fragment",
            "drop_nd",
            fragment(own, v6(number), ICMPV6, 0, true, &[136, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            "a DHCPv6 server's answer behind options",
            "drop_dhcp",
            ipv6(own, local, DESTINATION, &[options(UDP, 1), udp(547, 546)].concat()),
        ),
        ("a VLAN tag", "drop_ethertype", tagged(&ipv4(own, v4(number)), 0x8100)),
        ("a service tag", "drop_ethertype", tagged(&ipv4(own, v4(number)), 0x88a8)),
        ("two tags", "drop_ethertype", tagged(&tagged(&ipv4(own, v4(number)), 0x8100), 0x88a8)),
        ("a priority tag", "drop_ethertype", priority_tagged(&ipv4(own, v4(number)))),
        ("an unknown protocol", "drop_ethertype", ethernet(BROADCAST, own, 0x88b5, &[0; 46])),
        ("spanning tree", "drop_ethertype", ethernet(BROADCAST, own, 38, &[0x42; 46])),
    ]
}

/// A frame from `number`'s MAC to a group address that no bridge forwards (here LACP's).
pub(crate) fn to_reserved_group(number: u8) -> Vec<u8> {
    ethernet([0x01, 0x80, 0xc2, 0, 0, 0x02], mac(number), 0x8809, &[0; 46])
}

/// An honest ARP request for any address.
pub(crate) fn who_has(number: u8, target: [u8; 4]) -> Vec<u8> {
    arp_about(target, arp(mac(number), 1, mac(number), v4(number)))
}

/// An honest ping to anybody, who can check it.
pub(crate) fn echo_request(number: u8, to_mac: [u8; 6], to: [u8; 4]) -> Vec<u8> {
    let mut echo = [8, 0, 0, 0, 0, number, 0, 1].to_vec();
    let checksum = checksum(&echo).to_be_bytes();
    echo[2..4].copy_from_slice(&checksum);
    ethernet(to_mac, mac(number), IPV4, &[ipv4_head(ICMP, &echo, v4(number), to), echo].concat())
}

/// An honest ARP request that `mark` makes different from others.
pub(crate) fn arp_request(number: u8, mark: u32) -> Vec<u8> {
    let mut frame = arp(mac(number), 1, mac(number), v4(number));
    frame.extend(mark.to_be_bytes()); // in the padding
    frame
}

/// A broadcast IPv4 packet.
pub(crate) fn ipv4(source_mac: [u8; 6], source: [u8; 4]) -> Vec<u8> {
    udp4(source_mac, source, [255; 4], 5000, 5000)
}

fn ethernet(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from[..], &kind.to_be_bytes()[..], payload].concat()
}

fn arp(from: [u8; 6], operation: u16, sender_mac: [u8; 6], sender: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 0x08, 0, 6, 4]; // Ethernet and IPv4, addresses of 6 and 4 bytes
    let target = [&[0; 6][..], &v4(200)].concat();
    let payload = [&head[..], &operation.to_be_bytes(), &sender_mac, &sender, &target].concat();
    ethernet(BROADCAST, from, ARP, &payload)
}

/// The ARP frame with another target address.
fn arp_about(target: [u8; 4], mut frame: Vec<u8>) -> Vec<u8> {
    frame[38..42].copy_from_slice(&target);
    frame
}

/// ARP whose addresses are said to be of other lengths, so that they are not where one looks for them.
fn odd_arp(from: [u8; 6]) -> Vec<u8> {
    let mut frame = arp(from, 1, from, v4(from[5]));
    frame[14 + 4] = 8;
    frame
}

fn udp4(from: [u8; 6], source: [u8; 4], to: [u8; 4], source_port: u16, port: u16) -> Vec<u8> {
    let udp = udp(source_port, port);
    ethernet(BROADCAST, from, IPV4, &[ipv4_head(UDP, &udp, source, to), udp].concat())
}

/// A fragment of a UDP datagram to everybody, at `offset` times 8 bytes.
fn fragment4(from: [u8; 6], source: [u8; 4], offset: u16, has_more: bool, payload: &[u8]) -> Vec<u8> {
    let place = offset | u16::from(has_more) << 13;
    let head = ipv4_head_at(place, UDP, payload, source, [255; 4]);
    ethernet(BROADCAST, from, IPV4, &[&head[..], payload].concat())
}

fn ipv4_head(protocol: u8, payload: &[u8], source: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    ipv4_head_at(0, protocol, payload, source, to)
}

/// The header of what is at `place` in its datagram: an offset in 8 bytes and, above its 13 bits, whether more comes.
fn ipv4_head_at(place: u16, protocol: u8, payload: &[u8], source: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let head = [&[0x45, 0][..], &length, &[0, 0], &place.to_be_bytes(), &[64, protocol, 0, 0], &source, &to];
    let mut head = head.concat();
    let checksum = checksum(&head).to_be_bytes();
    head[10..12].copy_from_slice(&checksum);
    head
}

/// The Internet checksum (RFC 1071); a bridge drops IPv4 without it where `br_netfilter` is loaded.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()
}

fn udp6(from: [u8; 6], source: [u8; 16], source_port: u16, port: u16) -> Vec<u8> {
    ipv6(from, source, UDP, &udp(source_port, port))
}

/// An ICMPv6 message whose type needs a target address, or has room for one.
fn icmp6(from: [u8; 6], source: [u8; 16], kind: u8, target: [u8; 16]) -> Vec<u8> {
    ipv6(from, source, ICMPV6, &message6(kind, target))
}

fn message6(kind: u8, target: [u8; 16]) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &target].concat()
}

/// A solicitation or advertisement with options: to routers (type 133), or about the sender's own address.
fn discovery(from: [u8; 6], source: [u8; 16], kind: u8, options: &[u8]) -> Vec<u8> {
    let message = message6(kind, v6(from[5]));
    let length = if kind == 133 { 8 } else { 24 };
    ipv6(from, source, ICMPV6, &[&message[..length], options].concat())
}

/// The option with a link-layer address (RFC 4861 §4.6.1): the source's (1) or the target's (2).
fn link_layer(kind: u8, address: [u8; 6]) -> Vec<u8> {
    [&[kind, 1][..], &address].concat()
}

/// The frame without its last byte, which its header still counts.
fn cut_short(mut frame: Vec<u8>) -> Vec<u8> {
    frame.pop();
    frame
}

/// An ICMPv6 message from the link-local address, behind two headers of options.
fn behind_options(from: [u8; 6], kind: u8) -> Vec<u8> {
    let headers = [options(DESTINATION, 1), options(ICMPV6, 2)].concat();
    ipv6(from, link_local(from[5]), HOP_BY_HOP, &[headers, message6(kind, NO_V6)].concat())
}

/// A first fragment that ends before the message that its headers lead to.
fn hidden(from: [u8; 6], source: [u8; 16], protocol: u8) -> Vec<u8> {
    fragment(from, source, DESTINATION, 0, true, &options(protocol, 2))
}

/// A header of options that mean nothing, of so many times 8 bytes, before `next`.
fn options(next: u8, length: u8) -> Vec<u8> {
    let padding = length * 8 - 4; // after this header's two bytes and the option's two
    [&[next, length - 1, 1, padding][..], &vec![0; usize::from(padding)]].concat()
}

/// A fragment at `offset` times 8 bytes.
fn fragment(
    from: [u8; 6],
    source: [u8; 16],
    next: u8,
    offset: u16,
    has_more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let place = (offset << 3 | u16::from(has_more)).to_be_bytes();
    let head = [next, 0, place[0], place[1], 0, 0, 0, 1];
    ipv6(from, source, FRAGMENT, &[&head[..], payload].concat())
}

fn ipv6(from: [u8; 6], source: [u8; 16], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let all_nodes = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let length = u16::try_from(payload.len()).unwrap();
    let head = [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[protocol, 255], &source, &all_nodes].concat();
    ethernet([0x33, 0x33, 0, 0, 0, 1], from, IPV6, &[&head[..], payload].concat())
}

fn udp(source_port: u16, port: u16) -> Vec<u8> {
    let data = b"lepton";
    let length = u16::try_from(8 + data.len()).unwrap();
    [&source_port.to_be_bytes()[..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], data].concat()
}

/// The frame with a tag for VLAN 42 before its type.
fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    [&frame[..12], &tag.to_be_bytes(), &[0, 42], &frame[12..]].concat()
}

/// The frame with a tag for no VLAN at all.
fn priority_tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 0], &frame[12..]].concat()
}
