package loadgen_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// timedHost approves what comes on its connections, by pipes, at moments that follow from when it came.
type timedHost struct {
	t      *testing.T
	iso    bool
	begin  time.Time
	answer func(at time.Duration, lane int) time.Duration
	reads  func(at time.Duration, lane int) time.Duration // when it reads what it would read at a moment; nil: then
	asked  atomic.Int64

	mu    sync.Mutex
	lanes map[uint64]int // by flow
}

// takes notes on which lane a flow's first request came; the key or the RRN ends with its number.
func (h *timedHost) takes(number string, lane int) {
	n, err := strconv.ParseUint(number, 36, 64)
	if err != nil {
		h.t.Errorf("%q is no number of a flow", number)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lanes == nil {
		h.lanes = map[uint64]int{}
	}
	h.lanes[n] = lane
}

// target is one of so many connections to the host.
func (h *timedHost) target(lanes, inFlight int, flow string) (kept, []string) {
	tr := traffic(h.t, flow)
	var conns []net.Conn
	for lane := range lanes {
		here, there := net.Pipe()
		conns = append(conns, here)
		if h.iso {
			go h.playISO(there, lane)
		} else {
			go h.playGateway(there, lane)
		}
	}
	if !h.iso {
		return loadgen.NewLineFlows(conns, inFlight, tr, nil), tr.Ops()
	}
	target, err := loadgen.NewISOTarget(conns, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii")}, inFlight, tr)
	if err != nil {
		h.t.Fatal(err)
	}
	return target, tr.Ops()
}

// later writes an answer when it is time.
func (h *timedHost) later(conn net.Conn, mu *sync.Mutex, lane int, answer []byte) {
	h.asked.Add(1)
	at := time.Since(h.begin)
	time.AfterFunc(h.answer(at, lane)-at, func() {
		mu.Lock()
		defer mu.Unlock()
		_, _ = conn.Write(answer) // the run may be over
	})
}

// slowly is a connection that is read when its host reads: what came while it does not is seen when it does again.
type slowly struct {
	net.Conn
	h    *timedHost
	lane int
}

func (s slowly) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if s.h.reads != nil {
		at := time.Since(s.h.begin)
		time.Sleep(s.h.reads(at, s.lane) - at)
	}
	return n, err
}

func (h *timedHost) playGateway(conn net.Conn, lane int) {
	defer conn.Close()
	var mu sync.Mutex
	for lines := bufio.NewScanner(slowly{conn, h, lane}); lines.Scan(); {
		var req struct{ ID, Key string }
		if err := json.Unmarshal(lines.Bytes(), &req); err != nil {
			h.t.Errorf("a request cannot be read: %v", err)
			return
		}
		h.takes(strings.Split(req.Key, "-")[1], lane)
		h.later(conn, &mu, lane, append(wire.AppendAnswer(nil, &api.Answer{
			ID: req.ID, Op: api.OpAuthorize, Payment: "P1", Status: api.StatusAuthorized, Approved: true, ResponseCode: "00",
			Amount: 1, Capturable: 1, Currency: "EUR", Created: time.Unix(1, 0).UTC(),
		}), '\n'))
	}
}

func (h *timedHost) playISO(conn net.Conn, lane int) {
	var mu sync.Mutex
	playHost(h.t, slowly{conn, h, lane}, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
		h.takes(m.String(37)[5:], lane)
		b := pack(approve(m))
		h.later(conn, &mu, lane, append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		return nil
	})
}
