package isotool_test

import (
	"encoding/binary"
	"testing"

	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// segment is a TCP segment over IPv4, in a pcap file of raw packets.
func segment(file []byte, from, to uint16, seq uint32, data []byte) []byte {
	size := uint32(40 + len(data))
	file = append(file, make([]byte, 8)...)
	file = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(file, size), size)
	file = append(file, 0x45, 0)
	file = binary.BigEndian.AppendUint16(file, uint16(size))
	file = append(file, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
	file = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(file, from), to)
	file = binary.BigEndian.AppendUint32(file, seq)
	file = append(file, 0, 0, 0, 0, 5<<4, 0x18, 0, 0, 0, 0, 0, 0)
	return append(file, data...)
}

// TestPcap: of a capture of two connections each direction is read by itself, whatever the order of its segments, and
// it is found out how the host is spoken to.
func TestPcap(t *testing.T) {
	codec, format := spec.MustCodec("iso87bcd"), framing.MustParse("ascii4+tpdu:6000030000")
	frame := func(mti, stan string) []byte {
		m := &spec.Message{}
		m.SetMTI(mti)
		for de, value := range map[int]string{
			3: "000000", 4: "000000012345", 7: "1126120000", 11: stan, 37: "633012" + stan, 41: "TERM0001", 49: "978",
		} {
			m.Set(de, value)
		}
		b, err := isotool.Append(nil, codec, format, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	file := append(binary.LittleEndian.AppendUint32(nil, 0xA1B2C3D4), make([]byte, 16)...)
	file = binary.LittleEndian.AppendUint32(file, 101)
	for port, stan := range map[uint16]string{40001: "000001", 40002: "000002"} {
		asked, answered := append(frame("0100", stan), frame("0400", stan)...), frame("0110", stan)
		const cut = 50
		file = segment(file, port, 8583, 1000, asked[:cut])
		file = segment(file, port, 8583, 1000+2*cut, asked[2*cut:])
		file = segment(file, 8583, port, 1, answered)
		file = segment(file, port, 8583, 1000+cut, asked[cut:2*cut])
	}
	var all []*spec.Codec
	for _, name := range spec.Stock() {
		all = append(all, spec.MustCodec(name))
	}
	r, err := isotool.Read(isotool.Input{Data: file, Candidates: all})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"127.0.0.1:40001 > 127.0.0.1:8583": {"0100", "0400"}, "127.0.0.1:8583 > 127.0.0.1:40001": {"0110"},
		"127.0.0.1:40002 > 127.0.0.1:8583": {"0100", "0400"}, "127.0.0.1:8583 > 127.0.0.1:40002": {"0110"},
	}
	for _, s := range r.Streams {
		if s.Framing != format.String() || s.Dialect != codec.Name() || len(s.Frames) != len(want[s.Name]) {
			t.Errorf("stream %s: %s, %s, %d frames", s.Name, s.Framing, s.Dialect, len(s.Frames))
			continue
		}
		for i, mti := range want[s.Name] {
			if s.Frames[i].MTI != mti || s.Frames[i].Fault != nil {
				t.Errorf("stream %s, frame %d: %s, %v; want %s", s.Name, i, s.Frames[i].MTI, s.Frames[i].Fault, mti)
			}
		}
	}
	if len(r.Streams) != len(want) || r.Form != "pcap" {
		t.Errorf("%d streams of a %s", len(r.Streams), r.Form)
	}
	ranked, err := isotool.Look(file, "", all)
	if err != nil || len(ranked) == 0 || ranked[0].Framing != format.String() || ranked[0].Dialect != codec.Name() {
		t.Errorf("it looks like %+v, %v", ranked, err)
	}
}
