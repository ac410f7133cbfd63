package sim

import (
	"fmt"
	"net"
	"sync"
	"time"

	"pgregory.net/rapid"
)

// Gateways that read their answers late or never: what they asked for takes effect once, others are served
// meanwhile, and they find out by the key.

func init() { addTopic(topic{name: "slow", draw: drawSlow}) }

const slowPercent = 15

func drawSlow(t *rapid.T, p *Plan) section {
	if !percent(t, slowPercent) {
		return nil
	}
	return slowSection{Actor: bits(t, len(p.Actors)), Late: []time.Duration{
		between(t, 100*time.Millisecond, 5*time.Second), between(t, 5*time.Second, 40*time.Second), never,
	}[bits(t, 3)]}
}

// never is when a gateway reads that has given up before.
const never = 10 * time.Minute

// slowSection says which actor reads its answers how late. Of its connections every other does.
type slowSection struct {
	Actor int
	Late  time.Duration
}

// String implements section.
func (s slowSection) String() string {
	return fmt.Sprintf("actor %d reads on every other connection only after %s", s.Actor, s.Late)
}

func (slowSection) begin(*world) any { return nil }

// slowWindow is how much may be on its way to a gateway that does not read, as with TCP's buffers at both ends.
const slowWindow = 1 << 10

// slowed makes a connection that the gateway reads late.
func slowed(c net.Conn, late time.Duration) net.Conn {
	if c, ok := c.(*conn); ok {
		c.in.bound(slowWindow)
	}
	return &slowConn{Conn: c, from: time.Now().Add(late), closed: make(chan struct{})}
}

type slowConn struct {
	net.Conn
	from   time.Time
	closed chan struct{}
	once   sync.Once
}

// Read implements net.Conn.
func (c *slowConn) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Until(c.from)):
	case <-c.closed:
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn.
func (c *slowConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
