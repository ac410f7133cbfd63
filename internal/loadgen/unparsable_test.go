package loadgen_test

import (
	"bufio"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
)

const spoiltCard = "4111111111111111"

// An answer that cannot be read and has a request's id is known to be its, which ends as what came when it is given up;
// one without is a frame and no more.
func TestGatewayAnswersThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		answer string // with %ID
		class  record.Class
	}{
		"its id": {`{"id":"%ID","card":"` + spoiltCard + `","approved":tru`, record.Unparsable},
		"no id":  {`{"card":"` + spoiltCard + `","approved":tru`, record.NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				go func() {
					for lines := bufio.NewScanner(there); lines.Scan(); {
						var req struct{ ID string }
						if json.Unmarshal(lines.Bytes(), &req) != nil {
							return
						}
						if _, err := there.Write([]byte(strings.ReplaceAll(c.answer, "%ID", req.ID) + "\n")); err != nil {
							return
						}
					}
				}()
				tr := traffic(t, "authorize")
				target := loadgen.NewLineFlows([]net.Conn{here}, 100, tr, nil)
				defer target.Close()
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: target, InFlight: 100, Rate: 10, Fixed: true, Duration: time.Second, Timeout: time.Second / 2,
					Ops: tr.Ops(),
				})
				if err != nil {
					t.Fatal(err)
				}
				if n := res.Total.Count(c.class); n != 9 || res.Failed != 9 || res.QuantileMS(100) > 501 {
					t.Errorf("%d of %d failed are %s, %g ms at most; want 9 of 9, the patience", n, res.Failed, c.class,
						res.QuantileMS(100))
				}
				f := failureOf(res.Run, record.Unparsable)
				if f.Frames != 9 || !strings.Contains(f.Example, "411111") || strings.Contains(f.Example, spoiltCard) {
					t.Errorf("%d frames, for example %q; want 9, masked", f.Frames, f.Example)
				}
			})
		})
	}
}

// failureOf is the first failure of a class.
func failureOf(run *record.Run, class record.Class) (f record.Failure) {
	for _, f := range run.Failures {
		if f.Class == class {
			return f
		}
	}
	return f
}

// Of a message that cannot be read an example is kept: what is wrong, and the elements before it, without values.
func TestISOAnswersThatCannotBeReadHaveAnExample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := drivenAt(t, "authorize", nil, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
			m.Set(2, spoiltCard)
			b := pack(approve(m))
			return [][]byte{b[:len(b)-5]}
		})
		f := failureOf(res.Run, record.Unparsable)
		if f.Frames != 10 || f.Requests != 10 || !strings.Contains(f.Example, `"0110" DE2(16) DE3(6) DE4(12)`) ||
			strings.Contains(f.Example, "1111") {
			t.Errorf("%d frames, %d requests, for example %q; want 10, 10, and the elements that were read", f.Frames,
				f.Requests, f.Example)
		}
	})
}

// What came of a request whose caller's patience ends with the drain is what came of any other.
func TestAnswersThatCannotBeReadAtTheEnd(t *testing.T) {
	const patience = 10 * time.Second
	for name, c := range map[string]struct {
		answer func(m *spec.Message, pack func(*spec.Message) []byte) []byte
		code   record.Outcome
	}{
		"unreadable": {func(m *spec.Message, pack func(*spec.Message) []byte) []byte {
			b := pack(approve(m))
			return b[:len(b)-5]
		}, record.Outcome{Class: record.Unparsable, Code: "DE43"}},
		"another amount": {func(m *spec.Message, pack func(*spec.Message) []byte) []byte {
			m.SetUint(4, 1, 12)
			return pack(approve(m))
		}, record.Outcome{Class: record.Unmatched, Code: "DE4"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
					return [][]byte{c.answer(m, pack)}
				}
				res := runAt(t, traffic(t, "authorize"), nil, answer, loadgen.Options{
					InFlight: 200, Rate: 100, Fixed: true, Duration: 1050 * time.Millisecond, Timeout: patience, Drain: patience,
				})
				longest, _ := res.Total.Latency.Max()
				if len(res.Total.Outcomes) != 1 || res.Total.Outcomes[0].Outcome != c.code || res.Total.Ended() < 100 ||
					longest > patience+patience/100 {
					t.Errorf("%+v, %s at the longest; want %s and nothing else, the patience", res.Total.Outcomes, longest, c.code)
				}
			})
		})
	}
}
