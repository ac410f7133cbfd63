package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// packet is a TCP segment to put into a file.
type packet struct {
	back bool // from the server
	seq  uint32
	syn  bool
	data string
}

// ip makes the IP packet of a segment, of version 4 or 6.
func (p packet) ip(v6 bool) []byte {
	from, to := uint16(40001), uint16(8583)
	if p.back {
		from, to = to, from
	}
	tcp := binary.BigEndian.AppendUint16(nil, from)
	tcp = binary.BigEndian.AppendUint16(tcp, to)
	tcp = binary.BigEndian.AppendUint32(tcp, p.seq)
	tcp = append(tcp, 0, 0, 0, 0, 6<<4, 0x18, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0) // four bytes of options
	if p.syn {
		tcp[13] = 2
	}
	tcp = append(tcp, p.data...)
	address := []byte{127, 0, 0, 1}
	if v6 {
		address = append(make([]byte, 15), 1)
		ip := []byte{0x60, 0, 0, 0}
		ip = binary.BigEndian.AppendUint16(ip, uint16(len(tcp)+8))
		ip = append(ip, 60, 64) // destination options come first
		ip = append(append(ip, address...), address...)
		return append(append(ip, 6, 0, 1, 4, 0, 0, 0, 0), tcp...)
	}
	ip := []byte{0x45, 0}
	ip = binary.BigEndian.AppendUint16(ip, uint16(20+len(tcp)))
	ip = append(ip, 0, 0, 0x40, 0, 64, 6, 0, 0)
	ip = append(append(ip, address...), address...)
	return append(append(ip, tcp...), "padding"...) // as short Ethernet frames have it
}

// pcapFile is a file of packets, each behind its link header.
func pcapFile(order binary.AppendByteOrder, link uint32, packets [][]byte) []byte {
	file := order.AppendUint32(nil, 0xA1B2C3D4)
	file = append(file, make([]byte, 16)...)
	file = order.AppendUint32(file, link)
	for _, p := range packets {
		file = append(file, make([]byte, 8)...)
		file = order.AppendUint32(order.AppendUint32(file, uint32(len(p))), uint32(len(p)))
		file = append(file, p...)
	}
	return file
}

// pcapngFile is the same in the other format.
func pcapngFile(order binary.AppendByteOrder, link uint32, packets [][]byte) []byte {
	block := func(kind uint32, body []byte) []byte {
		body = append(body, make([]byte, -len(body)&3)...)
		b := order.AppendUint32(nil, kind)
		b = order.AppendUint32(b, uint32(len(body)+12))
		b = append(b, body...)
		return order.AppendUint32(b, uint32(len(body)+12))
	}
	file := block(0x0A0D0D0A, append(order.AppendUint32(nil, 0x1A2B3C4D), make([]byte, 12)...))
	file = append(file, block(1, order.AppendUint32(order.AppendUint16(order.AppendUint16(nil, uint16(link)), 0), 0))...)
	for i, p := range packets {
		if i%2 == 0 {
			file = append(file, block(3, append(order.AppendUint32(nil, uint32(len(p))), p...))...)
			continue
		}
		body := append(order.AppendUint32(nil, 0), make([]byte, 8)...)
		body = order.AppendUint32(order.AppendUint32(body, uint32(len(p))), uint32(len(p)))
		file = append(file, block(6, append(body, p...))...)
	}
	return file
}

// TestPcap puts two directions together out of segments that come twice, in another order and overlap, in both formats
// and byte orders, over each kind of link.
func TestPcap(t *testing.T) {
	start := uint32(0xFFFFFFF0) // so that the numbers wrap around
	segments := []packet{
		{seq: start - 1, syn: true}, {back: true, seq: 99, syn: true},
		{seq: start, data: "0123456789"},
		{seq: start + 20, data: "klmnopqrst"}, // before the one in front of it
		{back: true, seq: 100, data: "answer"},
		{seq: start + 10, data: "abcdefghij"},
		{seq: start + 10, data: "abcdefghij"},
		{seq: start + 25, data: "pqrstuvw"}, // overlaps
	}
	want := []Stream{
		{Name: "127.0.0.1:40001 > 127.0.0.1:8583", Data: []byte("0123456789abcdefghijklmnopqrstuvw")},
		{Name: "127.0.0.1:8583 > 127.0.0.1:40001", Data: []byte("answer")},
	}
	ether := func(vlan bool) []byte {
		head := make([]byte, 12)
		if vlan {
			head = append(head, 0x81, 0, 0, 7)
		}
		return append(head, 8, 0)
	}
	for _, link := range []struct {
		kind uint32
		head []byte
	}{
		{0, []byte{2, 0, 0, 0}}, {1, ether(false)}, {1, ether(true)}, {101, nil},
		{113, append(make([]byte, 14), 8, 0)}, {276, append([]byte{8, 0}, make([]byte, 18)...)},
	} {
		var packets [][]byte
		for _, s := range segments {
			packets = append(packets, append(bytes.Clone(link.head), s.ip(false)...))
		}
		packets = append(packets, []byte("no packet"), bytes.Clone(link.head))
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for i, file := range [][]byte{pcapFile(order, link.kind, packets), pcapngFile(order, link.kind, packets)} {
				ways, err := Ways(file)
				if err != nil || len(ways) != 1 {
					t.Errorf("link type %d, file %d: %v", link.kind, i, err)
					continue
				}
				for i := range ways[0].Streams {
					ways[0].Streams[i].moments = nil // see TestPcapTimes
				}
				if got := fmt.Sprint(ways[0].Streams); got != fmt.Sprint(want) {
					t.Errorf("link type %d, file %d:\n%s, want\n%v", link.kind, i, got, want)
				}
			}
		}
	}
}

// TestPcapTimes tells when each byte was captured, in all units that there are.
func TestPcapTimes(t *testing.T) {
	const second = 1_700_000_000
	first, again := packet{seq: 50, data: "first"}.ip(false), packet{seq: 55, data: "again"}.ip(false)
	for name, c := range map[string]struct {
		nano bool
		ng   int // resolution of a pcapng's interface; -1 for a pcap
		unit time.Duration
	}{
		"microseconds":    {false, -1, time.Microsecond},
		"nanoseconds":     {true, -1, time.Nanosecond},
		"pcapng":          {false, 0, time.Microsecond},
		"pcapng, nano":    {false, 9, time.Nanosecond},
		"pcapng, of two":  {false, 0x80 | 9, time.Second / 512},
		"pcapng, seconds": {false, 0x80, time.Second},
	} {
		const ticks = 500
		order := binary.LittleEndian
		file := pcapFile(order, 101, [][]byte{first, again})
		order.PutUint32(file[24:], second)
		order.PutUint32(file[24+16+len(first):], second)
		order.PutUint32(file[24+16+len(first)+4:], ticks)
		if c.nano {
			order.PutUint32(file, 0xA1B23C4D)
		}
		if c.ng >= 0 {
			file = timedNG(order, c.ng, uint64(second*(time.Second/c.unit)), [][]byte{first, again}, ticks)
		}
		streams, err := As(Pcap, file)
		if err != nil || len(streams) != 1 || string(streams[0].Data) != "firstagain" {
			t.Errorf("%s: %v, %v", name, streams, err)
			continue
		}
		for offset, want := range map[int]time.Duration{0: 0, 4: 0, 5: ticks * c.unit, 9: ticks * c.unit} {
			if at, ok := streams[0].At(offset); !ok || !at.Equal(time.Unix(second, 0).Add(want)) {
				t.Errorf("%s: byte %d was captured at %s, want %s after the first", name, offset, at.UTC(), want)
			}
		}
	}
	streams, err := As(Hex, []byte("0800"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := streams[0].At(0); ok {
		t.Error("hex has a time")
	}
}

// timedNG is a pcapng of two packets, so many ticks one after the other.
func timedNG(order binary.AppendByteOrder, resolution int, begin uint64, packets [][]byte, ticks uint64) []byte {
	file := pcapngFile(order, 101, nil)
	if resolution > 0 { // an option in front of the end of the interface's block
		const end = 28 + 16
		option := append(order.AppendUint16(order.AppendUint16(nil, 9), 1), byte(resolution), 0, 0, 0)
		option = append(option, 0, 0, 0, 0) // the end of the options
		block := order.AppendUint32(nil, 1)
		block = order.AppendUint32(block, uint32(20+len(option)))
		block = append(block, file[28+8:end]...)
		block = order.AppendUint32(append(block, option...), uint32(20+len(option)))
		file = append(file[:28], block...)
	}
	for i, p := range packets {
		at := begin + uint64(i)*ticks
		body := order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 0), uint32(at>>32)), uint32(at))
		body = append(order.AppendUint32(order.AppendUint32(body, uint32(len(p))), uint32(len(p))), p...)
		body = append(body, make([]byte, -len(body)&3)...)
		file = order.AppendUint32(order.AppendUint32(file, 6), uint32(len(body)+12))
		file = order.AppendUint32(append(file, body...), uint32(len(body)+12))
	}
	return file
}

// TestPcapGaps cuts a stream where packets are missing, and says how much.
func TestPcapGaps(t *testing.T) {
	var packets [][]byte
	for _, s := range []packet{{seq: 50, data: "within"}, {seq: 60, data: "later"}} {
		packets = append(packets, s.ip(true))
	}
	file := pcapFile(binary.LittleEndian, 101, packets)
	streams, err := As(Pcap, file[:len(file)-1])
	if err != nil || len(streams) != 1 || string(streams[0].Data) != "within" || streams[0].Lost != -1 {
		t.Errorf("of a file that is cut: %v %v", streams, err)
	}
	streams, err = As(Pcap, file)
	if err != nil || len(streams) != 2 || string(streams[1].Data) != "later" || streams[1].Lost != 4 {
		t.Errorf("%v %v", streams, err)
	}
	if _, err := As(Pcap, pcapFile(binary.LittleEndian, 101, nil)); err == nil {
		t.Error("a file without packets is taken")
	}
}

// FuzzPcap: no file takes the reader down or makes more bytes than it has.
func FuzzPcap(f *testing.F) {
	packets := [][]byte{packet{seq: 1, syn: true}.ip(false), packet{seq: 2, data: echo}.ip(false), packet{seq: 9}.ip(true)}
	f.Add(pcapFile(binary.LittleEndian, 101, packets))
	f.Add(pcapngFile(binary.BigEndian, 101, packets))
	f.Fuzz(func(t *testing.T, data []byte) {
		streams, err := As(Pcap, data)
		total := 0
		for _, s := range streams {
			total += len(s.Data)
		}
		if total > len(data) || err == nil && len(streams) == 0 {
			t.Fatalf("%d bytes of %d", total, len(data))
		}
	})
}
