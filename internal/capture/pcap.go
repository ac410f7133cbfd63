package capture

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Magic numbers of pcap files: with microseconds and with nanoseconds, of either byte order; and of pcapng.
const (
	magicMicro = 0xA1B2C3D4
	magicNano  = 0xA1B23C4D
	magicNG    = 0x0A0D0D0A
	byteOrder  = 0x1A2B3C4D // in a pcapng's section header
)

// Sizes in bytes.
const (
	fileHeader   = 24
	recordHeader = 16
	blockHeader  = 8 // type and length; the length stands behind a block's body, too
	leastBlock   = blockHeader + 4
	maxPacket    = 1 << 20
)

// Types of blocks of a pcapng.
const (
	blockInterface = 1
	blockSimple    = 3
	blockEnhanced  = 6
)

// IsPcap tells whether data is a pcap or pcapng file.
func IsPcap(data []byte) bool {
	_, ok := orderOf(data)
	return ok || len(data) >= 4 && binary.BigEndian.Uint32(data) == magicNG
}

// orderOf is the byte order of a pcap file.
func orderOf(data []byte) (binary.ByteOrder, bool) {
	if len(data) < 4 {
		return nil, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if magic := order.Uint32(data); magic == magicMicro || magic == magicNano {
			return order, true
		}
	}
	return nil, false
}

// notPcap makes an error of a place in a file.
func notPcap(offset int, format string, args ...any) error {
	return &Error{Form: Pcap, Offset: offset, Want: fmt.Sprintf(format, args...)}
}

// readPcap puts the TCP streams of a pcap or pcapng file together. A file that ends within a packet, as one does that
// is still written, ends with the packet before.
func readPcap(data []byte) ([]Stream, error) {
	var streams streams
	var err error
	if order, ok := orderOf(data); ok {
		err = readRecords(data, order, &streams)
	} else if IsPcap(data) {
		err = readBlocks(data, &streams)
	} else {
		err = notPcap(0, "the magic number of a pcap or pcapng file")
	}
	if err != nil {
		return nil, err
	}
	all := streams.all()
	if len(all) == 0 {
		if streams.packets == 0 {
			return nil, notPcap(len(data), "a TCP packet with data behind the headers, where the file ends without a packet")
		}
		return nil, notPcap(len(data), "a TCP packet with data among %d packets", streams.packets)
	}
	return all, nil
}

// readRecords reads a pcap file.
func readRecords(data []byte, order binary.ByteOrder, streams *streams) error {
	if len(data) < fileHeader {
		return notPcap(len(data), "a file header of %d bytes", fileHeader)
	}
	link := linkType(order.Uint32(data[20:]) & 0xFFFF)
	if !link.known() {
		return notPcap(20, "Ethernet, loopback, raw IP or Linux cooked packets, not link type %d", link)
	}
	unit := time.Microsecond
	if order.Uint32(data) == magicNano {
		unit = time.Nanosecond
	}
	for at := fileHeader; len(data)-at >= recordHeader; {
		seen := time.Unix(int64(order.Uint32(data[at:])), int64(order.Uint32(data[at+4:]))*int64(unit))
		n := int(order.Uint32(data[at+8:]))
		if n > maxPacket {
			return notPcap(at+8, "a packet of at most %d bytes, not %d", maxPacket, n)
		}
		at += recordHeader
		if rest := len(data) - at; rest < n {
			if streams.packets == 0 {
				return notPcap(at, "a packet of %d bytes, the first one, not %d", n, rest)
			}
			break
		}
		streams.packet(link, data[at:at+n], seen)
		at += n
	}
	return nil
}

// readBlocks reads a pcapng file.
func readBlocks(data []byte, streams *streams) error {
	var order binary.ByteOrder
	var links []netInterface
	for at := 0; len(data)-at >= leastBlock; {
		block := data[at:]
		if binary.BigEndian.Uint32(block) == magicNG { // a section begins: the same in both byte orders
			switch order = binary.LittleEndian; {
			case order.Uint32(block[8:]) == byteOrder:
			case binary.BigEndian.Uint32(block[8:]) == byteOrder:
				order = binary.BigEndian
			default:
				return notPcap(at+8, "the byte order of a section")
			}
			links = nil
		}
		n := int(order.Uint32(block[4:]))
		if n < leastBlock || n%4 != 0 || n > maxPacket {
			return notPcap(at+4, "a block of %d to %d bytes, a multiple of 4, not %d", leastBlock, maxPacket, n)
		}
		if len(block) < n {
			break
		}
		body := block[blockHeader : n-4]
		packet, link, seen, err := readBlock(order.Uint32(block), body, order, &links)
		if err != nil {
			return notPcap(at, "%v", err)
		}
		if packet != nil {
			streams.packet(link, packet, seen)
		}
		at += n
	}
	return nil
}

// netInterface is where packets of a pcapng were captured, and the unit of their times.
type netInterface struct {
	link linkType
	unit float64 // seconds
}

// readBlock reads what a block has in it: an interface, which it adds to links, or a packet, and when it was captured.
func readBlock(
	kind uint32, body []byte, order binary.ByteOrder, links *[]netInterface,
) ([]byte, linkType, time.Time, error) {
	wanted := func(format string, args ...any) ([]byte, linkType, time.Time, error) {
		return nil, 0, time.Time{}, fmt.Errorf(format, args...)
	}
	header := map[uint32]int{blockInterface: 8, blockSimple: 4, blockEnhanced: 20}[kind]
	if len(body) < header {
		return wanted("a block of type %d with at least %d bytes in it, not %d", kind, header, len(body))
	}
	switch kind {
	case blockInterface:
		*links = append(*links, netInterface{linkType(order.Uint16(body)), unitOf(body[header:], order)})
	case blockEnhanced:
		i, n := int(order.Uint32(body)), int(order.Uint32(body[12:]))
		if i >= len(*links) {
			return wanted("a packet of one of the section's %d interfaces, not of number %d", len(*links), i)
		}
		if n > len(body)-header {
			return wanted("a packet that fits into its block, not one of %d bytes", n)
		}
		ticks := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
		return body[header : header+n], (*links)[i].link, after1970(ticks, (*links)[i].unit), nil
	case blockSimple:
		if len(*links) == 0 {
			return wanted("an interface in front of its packets")
		}
		n := min(int(order.Uint32(body)), len(body)-header)
		return body[header:][:n], (*links)[0].link, time.Time{}, nil
	}
	return nil, 0, time.Time{}, nil
}

// unitOf is the unit of an interface's times, which an option of its block may say: a power of ten, or of two.
func unitOf(options []byte, order binary.ByteOrder) float64 {
	const resolution, binaryPower, micro = 9, 0x80, 1e-6
	for len(options) >= 4 {
		code, n := order.Uint16(options), int(order.Uint16(options[2:]))
		if code == 0 || len(options) < 4+n {
			break
		}
		switch value := options[4 : 4+n]; {
		case code != resolution || n != 1:
		case value[0]&binaryPower != 0:
			return math.Pow(2, -float64(value[0]&^binaryPower))
		default:
			return math.Pow(10, -float64(value[0]))
		}
		options = options[min(4+(n+3)/4*4, len(options)):]
	}
	return micro
}

// after1970 is a time in units since 1970.
func after1970(ticks uint64, unit float64) time.Time {
	perSecond := uint64(math.Round(1 / unit))
	if perSecond == 0 || unit < 1e-9 { // coarser than a second, or finer than is told apart
		seconds, part := math.Modf(float64(ticks) * unit)
		return time.Unix(int64(seconds), int64(part*1e9))
	}
	return time.Unix(int64(ticks/perSecond), int64(float64(ticks%perSecond)*unit*1e9+0.5))
}
