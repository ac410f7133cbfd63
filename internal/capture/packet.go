package capture

import (
	"encoding/binary"
	"net/netip"
)

// linkType is what a packet begins with, by its number in pcap files.
type linkType uint32

// The types that are read.
const (
	linkNull     linkType = 0 // loopback of BSD: four bytes
	linkEthernet linkType = 1
	linkRaw      linkType = 101 // IP
	linkRawBSD   linkType = 12
	linkLoop     linkType = 108
	linkCooked   linkType = 113 // Linux, any interface
	linkIPv4     linkType = 228
	linkIPv6     linkType = 229
	linkCooked2  linkType = 276
)

func (l linkType) known() bool {
	switch l {
	case linkNull, linkEthernet, linkRaw, linkRawBSD, linkLoop, linkCooked, linkIPv4, linkIPv6, linkCooked2:
		return true
	}
	return false
}

// Protocols by their numbers in Ethernet frames and IP packets.
const (
	etherIPv4     = 0x0800
	etherIPv6     = 0x86DD
	etherVLAN     = 0x8100
	etherProvider = 0x88A8
	protocolTCP   = 6
)

// ip returns a packet without what stands in front of IP; nil if it is not IP.
func (l linkType) ip(packet []byte) []byte {
	skip, kind := 0, -1
	switch l {
	case linkNull, linkLoop:
		skip = 4
	case linkEthernet:
		skip, kind = 14, 12
		for len(packet) >= skip+4 {
			if ether := binary.BigEndian.Uint16(packet[kind:]); ether != etherVLAN && ether != etherProvider {
				break
			}
			skip, kind = skip+4, kind+4
		}
	case linkCooked:
		skip, kind = 16, 14
	case linkCooked2:
		skip, kind = 20, 0
	default: // IP alone
	}
	if len(packet) < skip {
		return nil
	}
	if kind >= 0 {
		if ether := binary.BigEndian.Uint16(packet[kind:]); ether != etherIPv4 && ether != etherIPv6 {
			return nil
		}
	}
	return packet[skip:]
}

// segment is a piece of a TCP stream.
type segment struct {
	from, to netip.AddrPort
	seq      uint32
	syn      bool
	data     []byte
}

// tcp reads the TCP segment of an IP packet; false if there is none, or only a fragment of one.
func tcp(packet []byte) (s segment, ok bool) {
	if len(packet) < 20 {
		return s, false
	}
	var source, target netip.Addr
	var body []byte
	switch packet[0] >> 4 {
	case 4:
		header, total := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
		const moreOrOffset = 0x3FFF
		if total == 0 { // the card was to fill it in
			total = len(packet)
		}
		fragment := binary.BigEndian.Uint16(packet[6:])&moreOrOffset != 0
		if header < 20 || total < header || len(packet) < header || packet[9] != protocolTCP || fragment {
			return s, false
		}
		source, target = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
		body = packet[header:min(total, len(packet))]
	case 6:
		const header = 40
		if len(packet) < header {
			return s, false
		}
		source, target = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
		body = packet[header:min(header+int(binary.BigEndian.Uint16(packet[4:])), len(packet))]
		if body, ok = skipExtensions(packet[6], body); !ok {
			return s, false
		}
	default:
		return s, false
	}
	if len(body) < 20 {
		return s, false
	}
	offset := int(body[12]>>4) * 4
	if offset < 20 || offset > len(body) {
		return s, false
	}
	const syn = 2
	return segment{
		from: netip.AddrPortFrom(source, binary.BigEndian.Uint16(body)),
		to:   netip.AddrPortFrom(target, binary.BigEndian.Uint16(body[2:])),
		seq:  binary.BigEndian.Uint32(body[4:]), syn: body[13]&syn != 0, data: body[offset:],
	}, true
}

// skipExtensions skips the headers of IPv6 in front of TCP.
func skipExtensions(next byte, body []byte) ([]byte, bool) {
	const hopByHop, routing, destination = 0, 43, 60
	for next != protocolTCP {
		if next != hopByHop && next != routing && next != destination || len(body) < 8 {
			return nil, false
		}
		n := 8 + int(body[1])*8
		if len(body) < n {
			return nil, false
		}
		next, body = body[0], body[n:]
	}
	return body, true
}
