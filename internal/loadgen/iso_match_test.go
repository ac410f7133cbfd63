package loadgen_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moov-io/iso8583"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// playHost answers each request of a connection by what answer makes of it: frames, without their length.
func playHost(
	t *testing.T, conn net.Conn, answer func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte,
) {
	codec := spec.MustCodec("iso87ascii")
	pack := func(m *spec.Message) []byte {
		frame, err := codec.Pack(nil, m)
		if err != nil {
			t.Errorf("pack: %v", err)
		}
		return frame
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16<<10)
	for n := 0; ; n++ {
		frame, err := framing.Format{}.Peek(in, 4096)
		if err != nil {
			return
		}
		var m spec.Message
		if err := codec.Unpack(frame.Message, &m); err != nil {
			t.Errorf("a request cannot be read: %v", err)
			return
		}
		if _, err := in.Discard(frame.Size); err != nil {
			return
		}
		for _, b := range answer(n, &m, pack) {
			if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
				return
			}
		}
	}
}

// approve makes an approval of a request.
func approve(m *spec.Message) *spec.Message {
	mti := []byte(m.MTI())
	mti[2], mti[3] = mti[2]+1, '0'
	m.SetMTI(string(mti))
	m.Set(38, "AUTH01")
	m.Set(39, "00")
	return m
}

// drivenAt drives ten requests at a host on one connection, whose callers wait for half a second.
func drivenAt(t *testing.T, flow string, match []int,
	answer func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte,
) *loadgen.Result {
	t.Helper()
	return trafficAt(t, traffic(t, flow), match, answer)
}

func trafficAt(t *testing.T, tr *loadgen.Traffic, match []int,
	answer func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte,
) *loadgen.Result {
	t.Helper()
	return runAt(t, tr, match, answer, loadgen.Options{
		InFlight: 100, Rate: 10, Fixed: true, Duration: 1050 * time.Millisecond, Timeout: time.Second / 2,
		Drain: 5 * time.Second,
	})
}

func runAt(t *testing.T, tr *loadgen.Traffic, match []int,
	answer func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte, o loadgen.Options,
) *loadgen.Result {
	t.Helper()
	here, there := net.Pipe()
	go playHost(t, there, answer)
	target, err := loadgen.NewISOTarget(
		[]net.Conn{here}, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii"), Match: match}, o.InFlight, tr)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	o.Target, o.Ops = target, tr.Ops()
	res, err := loadgen.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// An answer completes the request that it fits, or none; what did not fit is told, and what it came nearest to.
func TestISOTargetTakesNoAnswerForAnother(t *testing.T) {
	for name, c := range map[string]struct {
		spoil    func(m *spec.Message)
		class    record.Class // of the request that the spoilt answer was for, and of the frame
		code     string
		nearest  string
		requests uint64
	}{
		"the amount": {
			func(m *spec.Message) { m.Set(4, "000000000001") }, record.Unmatched, "DE4", "DE4 (", 1,
		},
		"the STAN": {
			func(m *spec.Message) { m.Set(11, "999998") }, record.Unmatched, "DE11", "DE11 (", 1,
		},
		"the terminal": {
			func(m *spec.Message) { m.Set(41, "OTHER") }, record.Unmatched, "DE41", "DE41 (", 1,
		},
		"the MTI": {
			func(m *spec.Message) { m.SetMTI("0210") }, record.Unmatched, "MTI", "the MTI", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res := drivenAt(t, "authorize", nil, func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
					approve(m)
					if n == 3 {
						c.spoil(m)
					}
					return [][]byte{pack(m)}
				})
				if res.Approved != 9 || res.Failed != 1 || res.Total.Count(c.class) != c.requests {
					t.Errorf("%d approved, %d failed: %v; want 9 and one %s", res.Approved, res.Failed, res.Errors, c.class)
				}
				f := res.Run.Failures
				if len(f) != 1 || f[0].Class != c.class || f[0].Code != c.code || !strings.Contains(f[0].Nearest, c.nearest) ||
					f[0].Frames != 1 || f[0].Requests != 1 {
					t.Fatalf("failures %+v, want one of %s %s near %q", f, c.class, c.code, c.nearest)
				}
				if e := f[0].Example; !strings.Contains(e, "******") || strings.Contains(e, "4111111") {
					t.Errorf("the example is not masked: %s", e)
				}
			})
		})
	}
}

// A host that is no good: each frame is taken for what it is, and no request is lost count of.
func TestISOTargetClassifies(t *testing.T) {
	type frames = map[record.Outcome]uint64
	var first []byte
	for name, c := range map[string]struct {
		answer func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte
		want   frames // counts of frames
		errors map[string]uint64
	}{
		"twice": {
			func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				b := pack(approve(m))
				return [][]byte{b, b}
			},
			frames{{Class: record.Unmatched, Code: "again"}: 10}, nil,
		},
		"garbage": {
			func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				b := pack(approve(m))
				if n == 4 {
					return [][]byte{[]byte("garbage"), b[:len(b)-5]}
				}
				return [][]byte{b}
			},
			frames{{Class: record.Unparsable, Code: "message"}: 1, {Class: record.Unparsable, Code: "DE43"}: 1},
			map[string]uint64{"unparsable: DE43": 1},
		},
		"silence": {
			func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				if n%2 == 0 {
					return nil
				}
				return [][]byte{pack(approve(m))}
			},
			frames{}, map[string]uint64{"unanswered": 5},
		},
		"late": {
			func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				if n == 0 {
					first = pack(approve(m))
					return nil
				}
				if n == 9 {
					return [][]byte{pack(approve(m)), first}
				}
				return [][]byte{pack(approve(m))}
			},
			frames{{Class: record.Late}: 1}, map[string]uint64{"unanswered": 1},
		},
		"a request of its own": {
			func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				if n != 5 {
					return [][]byte{pack(approve(m))}
				}
				b := pack(m)
				return [][]byte{b, pack(approve(m))}
			},
			frames{{Class: record.Unmatched, Code: "request"}: 1}, nil,
		},
		"no DE39": {
			func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				if approve(m); n == 2 {
					m.Unset(39)
				}
				return [][]byte{pack(m)}
			},
			frames{}, map[string]uint64{"unmatched: no DE39": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res := drivenAt(t, "authorize", nil, c.answer)
				got := frames{}
				for _, f := range res.Run.Failures {
					if f.Frames > 0 {
						got[f.Outcome] = f.Frames
					}
				}
				if !maps.Equal(got, c.want) {
					t.Errorf("frames %v, want %v", got, c.want)
				}
				if !maps.Equal(res.Errors, c.errors) || res.Approved+res.Failed != 10 || res.Run.Unaccounted != 0 {
					t.Errorf("errors %v of %d, %d unaccounted; want %v of 10", res.Errors, res.Approved+res.Failed,
						res.Run.Unaccounted, c.errors)
				}
			})
		})
	}
}

// A host that repeats little is spoken to by what it does repeat.
func TestISOTargetMatchesByWhatTheUserNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := drivenAt(t, "authorize", []int{37}, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
			a := new(spec.Message)
			a.SetMTI("0110")
			a.Set(37, m.String(37))
			a.Set(39, "00")
			return [][]byte{pack(a)}
		})
		if res.Approved != 10 {
			t.Errorf("%d approved, errors %v; want 10", res.Approved, res.Errors)
		}
	})
	for _, match := range [][]int{{4, 41}, {1}, {11, 65}} {
		_, err := loadgen.NewISOTarget(
			nil, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii"), Match: match}, 1, traffic(t, "authorize"))
		if err == nil || !strings.HasPrefix(err.Error(), "match: ") {
			t.Errorf("match %v: %v, want an error", match, err)
		}
	}
}

// What follows a payment names it, and a repeat is the same message.
func TestISOFlows(t *testing.T) {
	for flow, want := range map[string]string{
		"captures": "0100 0220 0220 0220", "increment": "0100 0100 0220",
		"reverse": "0100 0400", "refund": "0200 0200", "repeat": "0100 0101",
		"void": "0200 0400", "verify": "0100",
	} {
		t.Run(flow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first, last *spec.Message
				var mtis []string
				captured := uint64(0)
				res := drivenAt(t, flow, nil, func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
					mti := m.MTI()
					if n < strings.Count(want, " ")+1 {
						mtis = append(mtis, mti)
					}
					last = new(spec.Message)
					last.CopyFrom(m)
					switch {
					case m.Has(48): // an increment
						if m.String(48) != "0512"+first.String(37) || m.String(37) == first.String(37) {
							t.Errorf("the increment of %s has DE48 %s and RRN %s", first.String(37), m.String(48), m.String(37))
						}
					case (mti == "0100" || mti == "0200") && m.String(3) == "000000":
						first = last
					}
					if mti == "0220" {
						amount, _ := m.Uint(4)
						captured += amount
					}
					if mti == "0220" || mti == "0400" {
						original := first.MTI() + first.String(11) + first.String(7) + "00000400001" + "00000000000"
						if m.String(90) != original || m.String(37) != first.String(37) || m.String(38) != "AUTH01" {
							t.Errorf("%s names %s, RRN %s, code %s; want %s of %s", mti, m.String(90), m.String(37), m.String(38),
								original, first.String(37))
						}
					}
					if mti == "0101" {
						for _, de := range []int{2, 4, 7, 11, 37} {
							if m.String(de) != first.String(de) {
								t.Errorf("DE%d of the repeat is %s, want %s", de, m.String(de), first.String(de))
							}
						}
					}
					if m.Has(90) && m.String(11) == first.String(11) {
						t.Error("what follows has the STAN of the first")
					}
					return [][]byte{pack(approve(m))}
				})
				if got := strings.Join(mtis, " "); got != want {
					t.Errorf("asked for %s, want %s", got, want)
				}
				if res.Failed+res.Declined != 0 || res.Run.Flows == nil || res.Run.Flows.Complete != 10 {
					t.Errorf("%d failed, flows %+v, errors %v", res.Failed, res.Run.Flows, res.Errors)
				}
			})
		})
	}
	if _, err := loadgen.NewISOTarget(nil, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii")}, 1,
		traffic(t, "status")); err == nil || !strings.Contains(err.Error(), "status cannot be asked of") {
		t.Errorf("status: %v", err)
	}
}

// A flow is complete if each of its requests was made and has an outcome: not where one had no answer, the last one
// neither, nor where a decline left steps out, though a new payment follows.
func TestCompleteFlows(t *testing.T) {
	steps := []loadgen.Step{loadgen.StepAuthorize, loadgen.StepCapture, loadgen.StepSale}
	for name, c := range map[string]struct {
		mti, code string // what is declined, or with no code not answered
		complete  uint64
	}{
		"all approved":           {"none", "", 10},
		"the last is declined":   {"0200", "51", 10},
		"the last has no answer": {"0200", "", 0},
		"a capture is declined":  {"0220", "12", 10},
		"an authorization is":    {"0100", "51", 0},
		"one has no answer":      {"0100", "", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			tr := &loadgen.Traffic{
				Flows: []loadgen.Flow{{Name: "x", Weight: 1, Steps: steps}}, Cards: loadgen.NewCards(time.Now()), Run: "r-",
			}
			if err := tr.Prepare(); err != nil {
				t.Fatal(err)
			}
			res := trafficAt(t, tr, nil, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				hit := m.MTI() == c.mti
				if hit && c.code == "" {
					return nil
				}
				if approve(m); hit {
					m.Set(39, c.code)
				}
				return [][]byte{pack(m)}
			})
			if f := res.Run.Flows; f.Complete != c.complete || f.Ended != 10 && name != "one has no answer" {
				t.Errorf("%s: flows %+v, want %d complete: %v", name, f, c.complete, res.Errors)
			}
		})
	}
}

// Two runs have other STANs and RRNs, so that a host does not take the second for the first.
func TestTwoRunsDoNotCollide(t *testing.T) {
	seen := map[string]bool{}
	for run := range 2 {
		here, there := net.Pipe()
		seenNow := map[string]bool{}
		go playHost(t, there, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
			seenNow[m.String(37)] = true
			return [][]byte{pack(approve(m))}
		})
		target, err := loadgen.NewISOTarget([]net.Conn{here}, loadgen.ISOOptions{
			Codec: spec.MustCodec("iso87ascii"), Now: time.Unix(1_795_000_000+int64(run), 0),
		}, 1, traffic(t, "authorize"))
		if err != nil {
			t.Fatal(err)
		}
		for seq := range uint64(100) {
			ended := make(chan loadgen.Outcome, 1)
			target.Open(0, 0, seq)
			target.Start(0, 0, seq, func(o loadgen.Outcome) { ended <- o })
			target.Flush(0)
			if o := <-ended; o.Class != record.Approved {
				t.Fatalf("%+v", o)
			}
		}
		target.Close()
		for rrn := range seenNow {
			if seen[rrn] || len(rrn) != 12 {
				t.Fatalf("RRN %q is of both runs, or none", rrn)
			}
			seen[rrn] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d RRNs, want 200", len(seen))
	}
}

// It signs on, asks whether the host lives, and answers a host that asks; a host that refuses ends it.
func TestISOSignOnAndEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var codes []string
		here, there := net.Pipe()
		code := "00"
		go playHost(t, there, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
			if m.MTI() == "0810" {
				codes = append(codes, "answered "+m.String(39))
				return nil
			}
			codes = append(codes, m.String(70))
			ours := new(spec.Message)
			ours.SetMTI("0800")
			ours.Set(7, m.String(7))
			ours.Set(11, "000042")
			ours.Set(70, "301")
			m.SetMTI("0810")
			m.Set(39, code)
			return [][]byte{pack(m), pack(ours)}
		})
		target, err := loadgen.NewISOTarget([]net.Conn{here}, loadgen.ISOOptions{
			Codec: spec.MustCodec("iso87ascii"), Echo: 10 * time.Second,
		}, 1, traffic(t, "authorize"))
		if err != nil {
			t.Fatal(err)
		}
		if err := target.SignOn(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if got := strings.Join(codes, " "); got != "001 answered 00 301 answered 00 301 answered 00" {
			t.Errorf("the host met %s", got)
		}
		code = "91"
		if err := target.SignOn(t.Context()); err == nil || !strings.Contains(err.Error(), "answers 91") {
			t.Errorf("a sign-on that is refused: %v", err)
		}
		target.Close()
		if err := target.SignOn(t.Context()); err == nil {
			t.Error("a sign-on over a closed connection is taken")
		}
	})
}

// TestForeignHost drives hosts of both editions that are written with moov-io/iso8583 alone.
func TestForeignHost(t *testing.T) {
	for dialect, declined := range map[string]string{"iso87bcd": "51", "iso93bcd": "116"} {
		t.Run(dialect, func(t *testing.T) { testForeignHost(t, dialect, declined) })
	}
}

func testForeignHost(t *testing.T, dialect, declined string) {
	answers := newTally(plenty)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go foreignHost(t, conn, dialect, declined, answers)
		}
	}()
	var conns []net.Conn
	for range 2 {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	tr := traffic(t, "reverse")
	target, err := loadgen.NewISOTarget(conns, loadgen.ISOOptions{
		Codec: spec.MustCodec(dialect), Framing: framing.MustParse("ascii4"),
	}, 16, tr)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := target.SignOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: target, Lanes: 2, InFlight: 16, Duration: time.Hour, Until: answers.full, Timeout: time.Minute, Ops: tr.Ops(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Approved == 0 || res.Declines[declined] == 0 || res.Failed != 0 || res.Run.Operations[1].Ended() == 0 {
		t.Errorf("%d approved, declines %v, errors %v, operations %+v", res.Approved, res.Declines, res.Errors,
			res.Run.Operations)
	}
}

// foreignHost approves even amounts.
func foreignHost(t *testing.T, conn net.Conn, dialect, declined string, answers *tally) {
	defer conn.Close()
	format, err := spec.Load(dialect) // the library's own type, read by its own code
	if err != nil {
		t.Error(err)
		return
	}
	for {
		var head [4]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		n := 0
		for _, c := range head {
			n = n*10 + int(c-'0')
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		m := iso8583.NewMessage(format)
		if err := m.Unpack(body); err != nil {
			t.Errorf("the library cannot read a request: %v", err)
			return
		}
		mti, _ := m.GetMTI()
		m.MTI(mti[:2] + string(mti[2]+1) + mti[3:])
		code := "00"
		if mti[0] == '1' {
			code = map[byte]string{'1': "000", '4': "400", '8': "800"}[mti[1]]
		}
		if amount, _ := m.GetString(4); mti[1] == '1' && (amount[len(amount)-1]-'0')%2 == 1 {
			code = declined
		}
		if err := m.Field(39, code); err != nil {
			t.Error(err)
			return
		}
		out, err := m.Pack()
		if err != nil {
			t.Errorf("the library cannot write an answer: %v", err)
			return
		}
		if _, err := conn.Write(append(fmt.Appendf(nil, "%04d", len(out)), out...)); err != nil {
			return
		}
		answers.one()
	}
}
