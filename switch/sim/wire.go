package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"switchyard/spec"
	"switchyard/spec/mapping"
)

// wire is every message that the switch has written towards the issuer, in order.
type wire struct {
	codec  *spec.Codec
	theirs *mapping.Mapping
	mu     sync.Mutex
	frames []frame
	broken string // why what was written could not be read
	msg    spec.Message
}

// frame is one message of the switch, network messages included.
type frame struct {
	at            time.Duration
	node          *switchNode
	life          *party // of it
	acquirer      string // DE32
	host          string
	mti, de7, rrn string
	stan          string
	amount        string
	original      string // DE90
	function      string // DE24 as it is sent
	raw           []byte // without the MTI, which is all in which a repeat differs
}

// sent takes what was written to a link in one call: whole frames. It returns their MTIs.
func (w *wire) sent(n *switchNode, c *conn, b []byte, at time.Duration) (mtis []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(b) > 0 {
		if len(b) < spec.LengthHeader || len(b) < spec.LengthHeader+int(binary.BigEndian.Uint16(b)) {
			w.broken = "a write ends in the middle of a frame"
			return mtis
		}
		end := spec.LengthHeader + int(binary.BigEndian.Uint16(b))
		body := b[spec.LengthHeader:end]
		b = b[end:]
		err := w.codec.Unpack(body, &w.msg)
		function := w.msg.String(24)
		if err == nil {
			err = w.theirs.Receive(&w.msg)
		}
		if err != nil {
			w.broken = err.Error()
			return mtis
		}
		m := &w.msg
		w.frames = append(w.frames, frame{
			at: at, node: n, life: c.owner, acquirer: m.String(32), host: hostNames[c.remote], mti: m.MTI(), de7: m.String(7),
			stan: m.String(11), rrn: m.String(37), amount: m.String(4), original: m.String(90),
			function: function,
			raw:      bytes.Clone(body[4:]),
		})
		mtis = append(mtis, m.MTI())
	}
	return mtis
}

var hostNames = map[address]string{issuerAddr: issuerName, secondAddr: secondName}

// class is what a message and its repeats have in common: 0420 and 0421, and the 0420 that goes on from a 0400.
func (f *frame) class() string { return f.mti[:2] }

func (f *frame) repeat() bool { return f.mti[3] == '1' }

func (f *frame) financial() bool { return f.mti[1] != '8' && f.mti[1] != '5' }

// identity names a message of one acquirer towards the host (I9).
func (f *frame) identity() string { return identity(f.host, f.de7, f.stan) }

func identity(host, de7, stan string) string { return host + " " + de7 + " " + stan }

func (f *frame) text() string {
	return fmt.Sprintf("%s STAN %s of %s RRN %q to %s at %.6f s", f.mti, f.stan, f.de7, f.rrn, f.host, f.at.Seconds())
}

// of lists how often a message was sent by a node, and the last time.
func (w *wire) of(n *switchNode, host, de7, stan string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := 0
	var last *frame
	for i := range w.frames {
		if f := &w.frames[i]; f.node == n && f.identity() == identity(host, de7, stan) {
			times, last = times+1, f
		}
	}
	if last == nil {
		return ", never sent"
	}
	return fmt.Sprintf(", sent %d times, last as %s", times, last.text())
}

// all returns the frames so far. A link that is still up may send an echo while they are looked at. The caller does not
// hold the lock.
func (w *wire) all() []frame {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frames
}
