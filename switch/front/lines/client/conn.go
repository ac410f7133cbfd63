package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

const (
	readBuffer = 64 << 10
	// maxAnswer bounds an answer's line; a list of payments, the longest there is, stays well below it.
	maxAnswer = 1 << 20
	// keepBuffer is the largest write buffer that is kept for the next requests.
	keepBuffer = 1 << 20
)

// slot is a place for a request that awaits its answer. Its number is the request's id on the wire.
type slot int

// conn is one connection: a reading goroutine, which calls back, and a writing one.
type conn struct {
	nc           net.Conn
	writeTimeout time.Duration
	ids          []string  // by slot
	free         chan slot // slots without a request
	broken       chan struct{}
	ended        sync.WaitGroup

	mu    sync.Mutex
	work  sync.Cond // the writer waits for requests or the end
	calls []call    // by slot
	out   []byte    // requests not yet taken by the writer
	err   error     // why the connection broke
}

type call struct {
	id   string
	done func(*api.Answer, error)
}

func newConn(nc net.Conn, slots int, writeTimeout time.Duration) *conn {
	c := &conn{nc: nc, writeTimeout: writeTimeout, ids: make([]string, slots), free: make(chan slot, slots),
		broken: make(chan struct{}), calls: make([]call, slots)}
	c.work.L = &c.mu
	for i := range slots {
		c.ids[i] = strconv.Itoa(i)
		c.free <- slot(i)
	}
	c.ended.Go(c.read)
	c.ended.Go(c.write)
	return c
}

// send queues a request in a free slot. On an error nothing was sent.
func (c *conn) send(s slot, req *api.Request, done func(*api.Answer, error)) error {
	named := *req
	named.ID = c.ids[s]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.calls[s] = call{req.ID, done}
	c.out = append(wire.AppendRequest(c.out, &named), '\n')
	c.work.Signal()
	return nil
}

// hello says who connects and waits for the answer. The connection is new: every slot is free.
func (c *conn) hello(ctx context.Context, gateway, secret string) error {
	answered := make(chan error, 1)
	s := <-c.free
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrNotSent, c.cause())
	}
	c.calls[s] = call{done: func(a *api.Answer, err error) {
		if err == nil && a.Err != nil {
			err = a.Err
		}
		answered <- err
	}}
	c.out = append(wire.AppendHello(c.out, c.ids[s], gateway, secret), '\n')
	c.work.Signal()
	c.mu.Unlock()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cause is why the connection broke, or nil.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail breaks the connection. The reader then tells every call.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		close(c.broken)
	}
	c.work.Signal()
	c.mu.Unlock()
	c.nc.Close()
}

// write sends what has gathered since the last write in one call.
func (c *conn) write() {
	var out []byte
	for {
		c.mu.Lock()
		for len(c.out) == 0 && c.err == nil {
			c.work.Wait()
			c.mu.Unlock()
			runtime.Gosched() // lets callers that are ready add their requests to the same write
			c.mu.Lock()
		}
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		out, c.out = c.out, out[:0]
		c.mu.Unlock()
		c.nc.SetWriteDeadline(time.Now().Add(c.writeTimeout))
		if _, err := c.nc.Write(out); err != nil {
			c.fail(err)
			return
		}
		if cap(out) > keepBuffer {
			out = nil
		}
	}
}

// read takes answers until the connection breaks, and then tells the calls that are left.
func (c *conn) read() {
	c.fail(c.readAnswers())
	c.mu.Lock()
	calls, err := c.calls, fmt.Errorf("%w: %w", ErrLost, c.err)
	c.calls = nil
	c.mu.Unlock()
	for _, call := range calls {
		if call.done != nil {
			call.done(nil, err)
		}
	}
}

func (c *conn) readAnswers() error {
	in := bufio.NewReaderSize(c.nc, readBuffer)
	var answer api.Answer
	for {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		if err := wire.DecodeAnswer(line, &answer); err != nil {
			return err
		}
		if answer.ID == "" {
			if answer.Err != nil { // of the connection: it is not let in, or a line was too large
				return answer.Err
			}
			return errors.New("gateway answer: no id")
		}
		s, err := strconv.Atoi(answer.ID)
		if err != nil || s < 0 || s >= len(c.ids) {
			return errors.New("gateway answer: an id that was not sent")
		}
		c.mu.Lock()
		waiting := c.calls[s]
		c.calls[s] = call{}
		c.mu.Unlock()
		if waiting.done == nil {
			return errors.New("gateway answer: an id that awaits none")
		}
		c.free <- slot(s)
		answer.ID = waiting.id
		waiting.done(&answer, nil)
	}
}

// readLine returns the next line; it is valid until the next call.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	var long []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		if long = append(long, line...); len(long) > maxAnswer {
			return nil, fmt.Errorf("gateway answer: more than %d bytes", maxAnswer)
		}
		line, err = in.ReadSlice('\n')
	}
	return append(long, line...), err
}
