package steady_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/internal/loadgen/steady"
	"switchyard/spec"
	"switchyard/switch/switchtest"
)

// captured is a pcap file of raw IPv4 packets.
type captured struct {
	file []byte
	seq  map[[2]uint16]uint32
}

func newCapture() *captured {
	file := append(binary.LittleEndian.AppendUint32(nil, 0xA1B2C3D4), make([]byte, 16)...)
	return &captured{binary.LittleEndian.AppendUint32(file, 101), map[[2]uint16]uint32{}}
}

// add adds a packet, so many milliseconds after the first.
func (c *captured) add(ms int, from, to uint16, data []byte) {
	pair := [2]uint16{from, to}
	size := uint32(40 + len(data))
	b := binary.LittleEndian.AppendUint32(c.file, uint32(1_700_000_000+ms/1000))
	b = binary.LittleEndian.AppendUint32(b, uint32(ms%1000*1000))
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, size), size)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, from), to)
	b = binary.BigEndian.AppendUint32(b, c.seq[pair])
	b = append(b, 0, 0, 0, 0, 5<<4, 0x18, 0, 0, 0, 0, 0, 0)
	c.file = append(b, data...)
	c.seq[pair] += uint32(len(data))
}

// conversation is a capture of two connections to an issuer: an authorization every 20 ms, with its capture, and what
// else goes over such lines.
func conversation(t *testing.T, pairs int) *captured {
	codec, c := spec.MustCodec("iso87bcd"), newCapture()
	frame := func(mti, stan string, fields map[int]string) []byte {
		m := new(spec.Message)
		m.SetMTI(mti)
		for de, value := range map[int]string{
			2: "4000000000000002", 3: "000000", 4: "000000001000", 7: "0101120000", 11: stan, 14: "2912", 22: "810",
			25: "59", 32: "400002", 37: "CAPTURE" + stan[1:], 41: "THEIRS01", 42: "THEIRMERCHANT", 49: "978",
		} {
			m.Set(de, value)
		}
		for de, value := range fields {
			m.Set(de, value)
		}
		out, err := codec.Pack(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
	}
	for i := range pairs {
		port, stan, ms := uint16(40001+i%2), fmt.Sprintf("%06d", i+1), 20*i
		c.add(ms, port, 8583, frame("0100", stan, nil))
		c.add(ms+2, 8583, port, frame("0110", stan, map[int]string{38: "123456", 39: "00"}))
		c.add(ms+10, port, 8583, frame("0220", fmt.Sprintf("%06d", 500+i), map[int]string{
			37: "CAPTURE" + stan[1:], 38: "123456", 90: "0100" + stan + "0101120000" + "00000400002" + "00000000000",
		}))
		c.add(ms+12, 8583, port, frame("0230", fmt.Sprintf("%06d", 500+i), map[int]string{39: "00"}))
	}
	c.add(20*pairs, 40001, 8583, frame("0100", "000900", nil)[:20]) // it was ended here
	c.add(20*pairs, 50000, 9999, frame("0100", "000901", nil))      // of another host
	return c
}

// The requests of a capture are asked again, of an issuer that speaks otherwise, and come when they came.
func TestReplayOfACapture(t *testing.T) {
	c := conversation(t, 25)
	name := t.TempDir() + "/day.pcap"
	if err := os.WriteFile(name, c.file, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := (&scenario.Replay{
		File: name, Speed: 2, To: ":8583", Seed: 1, Timeout: 10 * time.Second, Connections: 1, Cards: 1000,
	}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	if want := 250 * time.Millisecond; p.Duration.Round(time.Millisecond) != want || len(p.Moments) != 50 ||
		!strings.Contains(p.Said, "50 requests in iso87bcd, framed binary2; 0 other messages and 1 frames") {
		t.Errorf("%s for %s: %d moments, want 50 in %s", p.Said, p.Duration, len(p.Moments), want)
	}
	o := options(t, switchtest.Start(t, switchtest.Options{Dialect: "iso93ascii"}))
	o.Plan = p
	if _, err := steady.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "a gateway port does not take") {
		t.Errorf("at a gateway port: %v", err)
	}
	s := switchtest.Start(t, switchtest.Options{Dialect: "iso93ascii"})
	o = options(t, s)
	o.Plan, o.ISO, o.Address, o.Dialect = p, true, s.IssuerPort(), "iso93ascii"
	r := run(t, o)
	for _, op := range r.Operations {
		if op.Ended() != 25 || op.Count(record.Approved) != 25 {
			t.Errorf("%s: %d, %v; want 25 approved", op.Name, op.Ended(), op.Outcomes)
		}
	}
	if len(r.Operations) != 2 || r.Setup.Arrivals != "replay" {
		t.Errorf("%d operations, arrivals %q", len(r.Operations), r.Setup.Arrivals)
	}
}

// The moments of a capture, at which a gateway port is asked for something else.
func TestReplayOfMoments(t *testing.T) {
	c := conversation(t, 10)
	p, err := scenario.Read("s.yaml", []byte(`
replay: {file: day.pcap, to: ":8583"}
flows: [{flow: sale}]
`), func(string) ([]byte, error) { return c.file, nil })
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, switchtest.Start(t, switchtest.Options{}))
	o.Plan = p
	if r := run(t, o); r.Operations[0].Name != "sale" || r.Operations[0].Count(record.Approved) != 20 {
		t.Errorf("%+v", r.Operations[0].Outcomes)
	}
}

// What is left out of the flow of a replay has no line: no file has one.
func TestReplayOfAFlowOverISO(t *testing.T) {
	name := t.TempDir() + "/moments.txt"
	if err := os.WriteFile(name, []byte("0\n0.01\n0.02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := (&scenario.Replay{
		File: name, Flow: "status", Seed: 1, Timeout: time.Minute, Connections: 1, Cards: 1000,
	}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	s := switchtest.Start(t, switchtest.Options{})
	o := options(t, s)
	o.Plan, o.ISO, o.Address = p, true, s.IssuerPort()
	r := run(t, o)
	want := []string{"flow status: no message of ISO 8583 asks for status: it is left out"}
	if !slices.Equal(r.Notes, want) {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
}

// What cannot be replayed is refused, with its line.
func TestReplayRefuses(t *testing.T) {
	c := conversation(t, 2)
	for name, s := range map[string]struct{ text, want string }{
		"nobody": {`replay: {file: f.pcap, to: ":1"}`, "line 1: replay.file: f.pcap: nothing was sent to :1"},
		"lines":  {"replay: {file: t.txt}", "line 1: flows: expected one flow or more: t.txt is no"},
		"lines with a dialect": {
			"replay: {file: t.txt, dialect: iso87bcd}\nflows: [{flow: sale}]",
			"to, dialect, keep_cards: expected with a capture",
		},
		"dialect": {"replay: {file: f.pcap, dialect: iso88}", `replay.file: dialect "iso88"`},
		"bad":     {"bad_requests: 0.5\nreplay: {file: f.pcap}", "line 1: bad_requests: expected with flows only"},
		"speed":   {"replay: {file: f.pcap, speed: -1}", "replay.speed: -1, expected more than 0"},
		"cut":     {"replay: {file: cut.pcap}", "replay.file: cut.pcap: byte"},
	} {
		_, err := scenario.Read("s.yaml", []byte(s.text), func(file string) ([]byte, error) {
			switch file {
			case "t.txt":
				return []byte("1\n2\n"), nil
			case "cut.pcap":
				return c.file[:20], nil
			}
			return c.file, nil
		})
		if err == nil || !strings.Contains(err.Error(), s.want) {
			t.Errorf("%s: %v, want %q in it", name, err, s.want)
		}
	}
}
