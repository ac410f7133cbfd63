package loadgen_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// playGateway answers so many requests of a connection, and hangs up with the next.
func playGateway(conn net.Conn, limit int) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for n := 0; lines.Scan() && n < limit; n++ {
		var req struct{ ID string }
		if err := json.Unmarshal(lines.Bytes(), &req); err != nil {
			return
		}
		answer := wire.AppendAnswer(nil, &api.Answer{
			ID: req.ID, Op: api.OpSale, Payment: "P1", Status: api.StatusCaptured, Approved: true, ResponseCode: "00",
			Amount: 1, Currency: "EUR", Created: time.Unix(1, 0).UTC(),
		})
		if _, err := conn.Write(append(answer, '\n')); err != nil {
			return
		}
	}
}

// hosts are connections to a host of a test, and what it meets.
type hosts struct {
	t       *testing.T
	iso     bool
	mu      sync.Mutex
	signed  int    // sign-ons
	refuses string // a code in answer to them
}

// connect is a connection that is answered so many requests.
func (h *hosts) connect(limit int) net.Conn {
	here, there := net.Pipe()
	if !h.iso {
		go playGateway(there, limit)
		return here
	}
	asked := 0
	go playHost(h.t, there, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
		h.mu.Lock()
		defer h.mu.Unlock()
		if m.MTI() == "0800" {
			h.signed++
			m.SetMTI("0810")
			if m.Set(39, "00"); h.refuses != "" {
				m.Set(39, h.refuses)
			}
			return [][]byte{pack(m)}
		}
		if asked++; asked > limit {
			there.Close()
			return nil
		}
		return [][]byte{pack(approve(m))}
	})
	return here
}

// kept is a target whose connections are dialled anew.
type kept interface {
	loadgen.Target
	loadgen.Keeper
	Close()
}

// target is one of a connection, signed on where it is one to an ISO 8583 host.
func (h *hosts) target(conn net.Conn) (kept, []string) {
	target, ops := h.silent(conn)
	if iso, ok := target.(*loadgen.ISOTarget); ok {
		if err := iso.SignOn(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
	}
	return target, ops
}

// silent is a target of a connection on which nothing was said.
func (h *hosts) silent(conn net.Conn) (kept, []string) {
	tr := traffic(h.t, "sale")
	if !h.iso {
		return loadgen.NewLineFlows([]net.Conn{conn}, 100, tr, nil), tr.Ops()
	}
	target, err := loadgen.NewISOTarget(
		[]net.Conn{conn}, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii"), Echo: time.Hour}, 100, tr)
	if err != nil {
		h.t.Fatal(err)
	}
	return target, tr.Ops()
}

var errRefused = errors.New("dial tcp 127.0.0.1:1: connect: connection refused")

// forBoth runs a test for both ways in which hosts are spoken to.
func forBoth(t *testing.T, test func(t *testing.T, h *hosts)) {
	for name, iso := range map[string]bool{"gateway": false, "ISO 8583": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, &hosts{t: t, iso: iso}) })
		})
	}
}

// A connection that is lost is dialled anew, later each time, and goes on with what is due then.
func TestRedial(t *testing.T) {
	forBoth(t, func(t *testing.T, h *hosts) {
		target, ops := h.target(h.connect(20))
		defer target.Close()
		var at []time.Duration
		began := time.Now()
		again := target.Keep(func(_ context.Context, lane int) (net.Conn, error) {
			if at = append(at, time.Since(began)); len(at) <= 3 || lane != 0 {
				return nil, errRefused
			}
			return h.connect(1000), nil
		}, time.Minute)
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, InFlight: 100, Rate: 10, Fixed: true, Duration: 10*time.Second + 50*time.Millisecond, Ops: ops,
			Timeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		// Request 21, after 2.1 s, loses it; it is there again after 0.1, 0.2, 0.4 and 0.8 s more.
		if len(at) != 4 || at[3]-at[0] != 1400*time.Millisecond {
			t.Errorf("dialled after %v, want four times within 1.4 s", at)
		}
		lost := res.Total.Count(record.ConnectionLost)
		if c := res.Run.Connections; c == nil || *c != (record.Connections{Lost: 1, Redialled: 1}) {
			t.Errorf("connections %+v, want one that was lost and redialled", c)
		}
		if lost != 16 && lost != 15 || res.Approved+lost != 100 || again.Err() != nil ||
			res.Errors["connection: connection refused"] == 0 {
			t.Errorf("%d lost, %d approved, errors %v, %v; want 15 of 100", lost, res.Approved, res.Errors, again.Err())
		}
		if h.iso && h.signed != 2 {
			t.Errorf("%d sign-ons, want one a connection", h.signed)
		}
	})
}

// A host that is gone, or does not let anybody in any more, ends the run, with what there is of it.
func TestRedialGivesUp(t *testing.T) {
	for name, want := range map[string]string{"gone": "connection refused", "refuses": "answers 91 to a sign-on"} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, h *hosts) {
				if name == "refuses" && !h.iso {
					return
				}
				target, ops := h.target(h.connect(20))
				defer target.Close()
				h.mu.Lock()
				h.refuses = "91"
				h.mu.Unlock()
				again := target.Keep(func(context.Context, int) (net.Conn, error) {
					if name == "refuses" {
						return h.connect(1000), nil
					}
					return nil, errRefused
				}, 3*time.Second)
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: target, InFlight: 100, Rate: 10, Fixed: true, Duration: time.Hour, Ops: ops, Timeout: time.Minute,
					Until: again.Gone(),
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := again.Err(); err == nil || !strings.HasPrefix(err.Error(), "no connection for 3s: ") ||
					!strings.Contains(err.Error(), want) {
					t.Errorf("it ended with %v, want %q in it", err, want)
				}
				// Request 21, after 2.1 s, loses it.
				if w := res.Run.Window; res.Approved != 20 || w != 5100*time.Millisecond || res.Run.Unaccounted != 0 {
					t.Errorf("%d approved in %s, %d unaccounted; want 20 in 5.1 s", res.Approved, w, res.Run.Unaccounted)
				}
				if c := res.Run.Connections; c == nil || *c != (record.Connections{Lost: 1}) {
					t.Errorf("connections %+v, want one that was lost", c)
				}
			})
		})
	}
}

// A connection that lasted, or on which something came, is dialled anew at once, since some hosts hang up after each
// answer. Of a host that hangs up without a word each is dialled later than the one before, and the run ends.
func TestRedialOfAHostThatHangsUp(t *testing.T) {
	const second = time.Second
	noHost := []time.Duration{second / 10, second / 5, 2 * second / 5, 4 * second / 5, 3 * second / 2}
	for name, c := range map[string]struct {
		hold  time.Duration // for how long a connection stands
		rate  float64
		waits []time.Duration // from a loss to the next connection, of the first ones
		ends  bool
		first bool // the first connection is lost before anybody is to dial
	}{
		"lasts":         {6 * second, 10, []time.Duration{second / 10, second / 10, second / 10, second / 10}, false, false},
		"is idle":       {6 * second, 0.001, []time.Duration{second / 10, second / 10, second / 10}, false, false},
		"answers":       {second, 10, []time.Duration{second / 10, second / 10, second / 10, second / 10}, false, false},
		"is no host":    {0, 10, noHost, true, false},
		"hung up first": {0, 10, noHost, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, h *hosts) {
				connect := func() net.Conn {
					conn := h.connect(1000)
					if c.hold == 0 {
						_ = conn.Close()
					} else {
						time.AfterFunc(c.hold, func() { _ = conn.Close() })
					}
					return conn
				}
				began := time.Now()
				target, ops := h.silent(connect())
				defer target.Close()
				if c.first {
					synctest.Wait()
				}
				var dialled []time.Duration
				again := target.Keep(func(context.Context, int) (net.Conn, error) {
					dialled = append(dialled, time.Since(began))
					return connect(), nil
				}, 3*second)
				_, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: target, InFlight: 100, Rate: c.rate, Fixed: true, Duration: time.Minute, Ops: ops, Timeout: second,
					Until: again.Gone(),
				})
				if err != nil {
					t.Fatal(err)
				}
				var waits []time.Duration
				for i, at, last := 0, time.Duration(0), time.Duration(0); i < len(dialled); i, last = i+1, at {
					at = dialled[i]
					waits = append(waits, at-last-c.hold)
				}
				if n := len(c.waits); len(waits) < n || !slices.Equal(waits[:n], c.waits) || c.ends && len(waits) > n {
					t.Errorf("dialled %s after a connection was lost, want %s", waits, c.waits)
				}
				err = again.Err()
				if (err != nil) != c.ends || c.ends && !strings.HasPrefix(err.Error(), "no connection for 3s: ") {
					t.Errorf("it ended with %v, %v expected", err, c.ends)
				}
			})
		})
	}
}

// Without anybody to dial a lost connection stays lost, and what is closed is dialled no more.
func TestNoRedial(t *testing.T) {
	forBoth(t, func(t *testing.T, h *hosts) {
		target, _ := h.target(h.connect(1))
		dialled := make(chan struct{}, 10)
		target.Keep(func(ctx context.Context, _ int) (net.Conn, error) {
			dialled <- struct{}{}
			<-ctx.Done()
			return nil, io.EOF
		}, time.Hour)
		o, _ := target.(loadgen.Opener)
		for seq := range uint64(2) {
			ended := make(chan loadgen.Outcome, 1)
			o.Open(0, 0, seq)
			target.Start(0, 0, seq, func(o loadgen.Outcome) { ended <- o })
			target.(loadgen.Flusher).Flush(0)
			if out := <-ended; (out.Class == record.ConnectionLost) != (seq == 1) {
				t.Errorf("request %d: %+v", seq, out)
			}
		}
		<-dialled
		target.Close() // and it returns
		if len(dialled) > 0 {
			t.Error("it is dialled after it was closed")
		}
	})
}
