package issuersim_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	issuersim "switchyard/issuer-sim"
)

// pipes is a listener whose connections are pipes, so that they live in the virtual time of a test.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9584} }

// uploads are a server whose control HTTP takes clearing files over pipes.
type uploads struct {
	t       *testing.T
	server  *issuersim.Server
	control *pipes
	served  chan error
}

func startUploads(t *testing.T) *uploads {
	u := &uploads{t: t, control: newPipes(), served: make(chan error, 1)}
	var err error
	u.server, err = issuersim.New(issuersim.Options{Listener: newPipes(), ControlListener: u.control})
	if err != nil {
		t.Fatal(err)
	}
	go func() { u.served <- u.server.Serve() }()
	return u
}

// begin begins to post a file of so many bytes; what is written to the connection is the file's.
func (u *uploads) begin(length int) net.Conn {
	u.t.Helper()
	ours, theirs := net.Pipe()
	u.control.incoming <- theirs
	u.write(ours, fmt.Sprintf("POST /v1/clearing HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", length))
	return ours
}

func (u *uploads) write(to net.Conn, text string) {
	u.t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		u.t.Fatal(err)
	}
}

// answered reads the answer, and holds its status and a word in it.
func (u *uploads) answered(from net.Conn, status int, word string) {
	u.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		u.t.Fatal(err)
	}
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Error(err)
	}
	if resp.StatusCode != status || !strings.Contains(string(said), word) {
		u.t.Errorf("%s %s; want %d with %q", resp.Status, said, status, word)
	}
	if err := from.Close(); err != nil {
		u.t.Error(err)
	}
}

func (u *uploads) stop() {
	u.t.Helper()
	if err := u.server.Close(u.t.Context()); err != nil {
		u.t.Errorf("Close: %v", err)
	}
	if err := <-u.served; err != nil {
		u.t.Errorf("Serve: %v", err)
	}
}

// An upload may take as long as it goes on. One of which nothing comes for a minute is ended: it would keep the place
// of others.
func TestUploadThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := startUploads(t)
		file := present(t, 1)
		slow := u.begin(len(file))
		for n := range 5 {
			u.write(slow, file[10*n:10*n+10])
			time.Sleep(59 * time.Second)
		}
		u.write(slow, file[50:])
		u.answered(slow, http.StatusOK, "file_id")

		file = present(t, 2)
		stopping := u.begin(len(file))
		u.write(stopping, file[:10])
		stopped := time.Now()
		u.answered(stopping, http.StatusServiceUnavailable, "timeout")
		if waited := time.Since(stopped); waited != time.Minute {
			t.Errorf("it was ended after %v", waited)
		}
		u.stop()
	})
}

// Where as many come as may at once, one more is refused before it is read, and those that stop make room for it.
func TestUploadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := startUploads(t)
		file := present(t, 1)
		var stopping []net.Conn
		for range 16 {
			conn := u.begin(len(file))
			u.write(conn, file[:10])
			stopping = append(stopping, conn)
		}
		begun := time.Now()
		u.answered(u.begin(len(file)), http.StatusServiceUnavailable, "16 clearing files")
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("one more waited %v", waited)
		}
		for _, conn := range stopping {
			u.answered(conn, http.StatusServiceUnavailable, "timeout")
		}
		again := u.begin(len(file))
		u.write(again, file)
		u.answered(again, http.StatusOK, "file_id")
		u.stop()
	})
}
