package lines_test

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"switchyard/switch/front"
	"switchyard/switch/front/lines"
)

// remembering is a listener whose connections remember the memory that they were read into.
type remembering struct {
	net.Listener
	kept chan string // what stood there when a connection was closed
}

func (m remembering) Accept() (net.Conn, error) {
	nc, err := m.Listener.Accept()
	return &rememberingConn{Conn: nc, kept: m.kept}, err
}

type rememberingConn struct {
	net.Conn
	read [][]byte
	kept chan string
}

func (c *rememberingConn) Read(p []byte) (int, error) {
	c.read = append(c.read, p)
	return c.Conn.Read(p)
}

// Close is called by the reader of the connection, once it reads no more.
func (c *rememberingConn) Close() error {
	c.kept <- string(bytes.Join(c.read, nil))
	return c.Conn.Close()
}

// I12: no card number stays in the memory that lines are read into: whole ones, such as are cut by a read, and such as
// make the buffer grow.
func TestLinesAreWiped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := remembering{l, make(chan string, 1)}
	p := serve(t, front.Options{}, lines.Options{Listener: m}).connect()
	number := authorize().Card.Number
	p.send(authorizeLine("1"))
	p.answer()
	line := authorizeLine("2")
	cut := strings.Index(line, number) + len(number)
	p.send(line[:cut])
	p.send(line[cut:])
	p.answer()
	p.send(strings.Repeat(authorizeLine("3"), 100))
	for range 100 {
		p.answer()
	}
	p.send(line[:cut]) // what ends with half a line
	if err := p.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	kept := <-m.kept
	if at := strings.Index(kept, number); len(kept) == 0 || at >= 0 {
		t.Errorf("%d bytes were read into, and a card number stands at %d", len(kept), at)
	}
}
