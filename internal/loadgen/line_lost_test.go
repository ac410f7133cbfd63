package loadgen

import (
	"bufio"
	"net"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/switch/api"
)

// flowTraffic is prepared traffic of one flow.
func flowTraffic(t *testing.T, flow string) *Traffic {
	t.Helper()
	tr := &Traffic{
		Flows: []Flow{{Name: flow, Weight: 1, Steps: Flows[flow]}}, Cards: NewCards(time.Now()),
		Pool: Population{Cards: 1000}, Run: "r-", Seed: 1,
	}
	if err := tr.Prepare(); err != nil {
		t.Fatal(err)
	}
	return tr
}

// hangsUp is flows whose connection is lost, and what was in flight on it ended, while a line is made.
type hangsUp struct {
	*lineFlows
	lane   *lineLane
	making bool
	early  int // requests that ended while their line was made
}

func (h *hangsUp) appendLine(b []byte, id uint64, slot int, seq uint64) []byte {
	h.making = true
	h.lane.fail(h.lane.conn, net.ErrClosed)
	h.lane.target.again.close() // nobody dials anew: the lane ends
	h.lane.loop.Wait()
	h.making = false
	return h.lineFlows.appendLine(b, id, slot, seq)
}

func (h *hangsUp) ended(slot int, a *api.Answer, o *Outcome) {
	if h.making {
		h.early++
	}
	h.lineFlows.ended(slot, a, o)
}

// A connection that is lost while a flow's request is made ends the request once, after it was made, and nothing of it
// is written.
func TestLineFlowsConnectionLostWhileALineIsMade(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	flows := NewLineFlows([]net.Conn{here}, 1, flowTraffic(t, "capture"), nil)
	defer flows.Close()
	h := &hangsUp{lineFlows: flows.flows, lane: flows.lanes[0]}
	flows.asks = h
	flows.Open(0, 0, 0)
	var ends []Outcome
	flows.Start(0, 0, 0, func(o Outcome) { ends = append(ends, o) })
	if len(ends) != 1 || ends[0].Class != record.ConnectionLost || h.early != 0 {
		t.Errorf("ended %+v, %d of them while the line was made; want one lost connection, none", ends, h.early)
	}
	if n := len(flows.lanes[0].out); n != 0 {
		t.Errorf("%d bytes wait to be written on a lost connection", n)
	}
}

// A connection that is lost while flows are under way loses them, each once. The race detector looks at it.
func TestLineFlowsConnectionLost(t *testing.T) {
	const slots, starts = 64, 1000
	here, there := net.Pipe()
	tr := flowTraffic(t, "capture")
	tr.Retry.Times = 1
	target := NewLineFlows([]net.Conn{here}, slots, tr, nil)
	defer target.Close()
	go func() {
		in := bufio.NewReader(there)
		for range slots / 2 {
			if _, err := in.ReadBytes('\n'); err != nil {
				break
			}
		}
		there.Close()
	}()
	ends := make(chan int, starts)
	for n := range starts {
		slot := n
		if n >= slots {
			slot = <-ends // those of the last requests end when the connection is lost
		}
		target.Open(0, slot, uint64(n))
		target.Start(0, slot, uint64(n), func(Outcome) { ends <- slot })
		target.Flush(0)
	}
	for range slots {
		<-ends
	}
	if len(ends) != 0 {
		t.Errorf("%d ends more than starts", len(ends))
	}
}
