package loadgen_test

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
)

// recorded is a message of a recording.
func recorded(mti, stan, rrn string, fields map[int]string) *spec.Message {
	m := new(spec.Message)
	m.SetMTI(mti)
	for de, value := range map[int]string{
		2: "4000000000000002", 3: "000000", 4: "000000001000", 7: "0101120000", 11: stan, 12: "120000", 13: "0101",
		14: "2012", 37: rrn, 41: "THEIRS01", 42: "THEIRMERCHANT", 49: "978",
	} {
		m.Set(de, value)
	}
	for de, value := range fields {
		m.Set(de, value)
	}
	return m
}

// What was recorded is asked again: as new requests, which name one another as they did.
func TestRecording(t *testing.T) {
	const original = "0100000007010112000000000400001" + "00000000000"
	list := []*spec.Message{
		recorded("0100", "000007", "RRN000000007", map[int]string{35: "4000000000000002=2012", 52: "0123456789ABCDEF"}),
		recorded("0101", "000007", "RRN000000007", nil), // before the first was answered
		recorded("0100", "000008", "RRN000000008", map[int]string{48: "0512RRN000000007"}),
		recorded("0220", "000009", "RRN000000007", map[int]string{38: "OLDONE", 90: original}),
		recorded("0400", "000010", "RRN000000007", map[int]string{90: original, 64: "0123456789ABCDEF"}),
		recorded("0200", "000011", "RRN000000011", map[int]string{2: "5100000000000008", 3: "200000"}),
		recorded("0100", "000012", "RRN000000012", map[int]string{4: "000000000000"}),
	}
	codec := spec.MustCodec("iso87ascii")
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var frames [][]byte
			var moments []time.Duration
			for i, m := range list {
				frame, err := codec.Pack(nil, m)
				if err != nil {
					t.Fatal(err)
				}
				frames, moments = append(frames, frame), append(moments, time.Duration(i)*time.Second)
			}
			rec, err := loadgen.NewRecording(codec, frames, keep)
			if err != nil {
				t.Fatal(err)
			}
			var asked []*spec.Message
			var at []time.Duration
			began := time.Now()
			here, there := net.Pipe()
			go playHost(t, there, func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				one := new(spec.Message)
				one.CopyFrom(m)
				asked, at = append(asked, one), append(at, time.Since(began))
				if n == 0 {
					return nil
				}
				return [][]byte{pack(approve(m))}
			})
			tr := &loadgen.Traffic{Recorded: rec, Cards: loadgen.NewCards(time.Now()), Seed: 1}
			if err := tr.Prepare(); err != nil {
				t.Fatal(err)
			}
			target, err := loadgen.NewISOTarget([]net.Conn{here}, loadgen.ISOOptions{Codec: codec}, 10, tr)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			times, err := arrival.NewTimes(moments, 2)
			if err != nil {
				t.Fatal(err)
			}
			res, err := loadgen.Run(t.Context(), loadgen.Options{
				Target: target, InFlight: 10, Schedule: times, Duration: times.Length(), Timeout: time.Minute, Ops: tr.Ops(),
			})
			if err != nil {
				t.Fatal(err)
			}
			ops := map[string]uint64{}
			for _, op := range res.Run.Operations {
				ops[op.Name] = op.Ended()
			}
			for name, n := range map[string]uint64{
				"authorize": 1, "repeat": 1, "increment": 1, "capture": 1, "reverse": 1, "refund": 1, "verify": 1,
			} {
				if ops[name] != n {
					t.Errorf("operations %v, want %s once", ops, name)
				}
			}
			if res.Approved != 6 || res.Errors["no_answer: repeated"] != 1 || res.Failed != 1 || len(asked) != len(list) {
				t.Fatalf("%d approved, errors %v, %d asked; want 6, and one that was repeated", res.Approved, res.Errors,
					len(asked))
			}
			first := asked[0]
			for i, m := range asked {
				if want := moments[i] / 2; at[i] != want {
					t.Errorf("request %d was sent after %s, want %s", i, at[i], want)
				}
				if m.MTI() != list[i].MTI() || m.String(4) != list[i].String(4) || m.String(41) != "THEIRS01" || m.Has(64) ||
					m.String(37) == list[i].String(37) || m.String(11) == list[i].String(11) || m.String(7) == "0101120000" {
					t.Errorf("request %d is %s", i, spec.Describe(codec, m))
				}
				if kept := m.String(2) == list[i].String(2) && m.String(35) == list[i].String(35); kept != keep {
					t.Errorf("request %d: the card is kept: %v, want %v", i, kept, keep)
				}
			}
			if asked[1].String(11)+asked[1].String(37) != first.String(11)+first.String(37) {
				t.Error("the repeat is none")
			}
			if asked[2].String(48) != "0512"+first.String(37) || asked[2].String(37) == first.String(37) {
				t.Errorf("the increment names %s by %s", asked[2].String(48), asked[2].String(37))
			}
			names := "0100" + first.String(11) + first.String(7) + original[20:]
			for _, i := range []int{3, 4} {
				if asked[i].String(90) != names || asked[i].String(37) != first.String(37) {
					t.Errorf("request %d names %s of %s, want %s", i, asked[i].String(90), asked[i].String(37), names)
				}
			}
			if code := asked[3].String(38); code != "AUTH01" {
				t.Errorf("the capture has code %s, want the new one", code)
			}
			if first.String(2) != asked[6].String(2) || first.String(2) == asked[5].String(2) {
				t.Error("the cards are not those of the recording, one for one")
			}
			if n := res.Total.Count(record.NoAnswer); n != 1 {
				t.Errorf("%d without an answer", n)
			}
		})
	}
	if _, err := loadgen.NewRecording(codec, [][]byte{[]byte("0100")}, false); err == nil ||
		!strings.Contains(err.Error(), "request 1 of the recording") {
		t.Errorf("a message that is none: %v", err)
	}
}
