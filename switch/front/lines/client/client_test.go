package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
	"switchyard/switch/front/lines/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what should happen at once; a test that meets it has failed.
const patience = 5 * time.Minute

// scripted is a switch of the test's own: each connection is served by a function.
func scripted(t *testing.T, serve func(nc net.Conn, lines *bufio.Scanner)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(patience))
				serve(nc, bufio.NewScanner(nc))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

// next reads one request.
func next(lines *bufio.Scanner) (r api.Request, ok bool) {
	return r, lines.Scan() && wire.DecodeRequest(lines.Bytes(), &r) == nil
}

func reply(nc net.Conn, a api.Answer) {
	nc.Write(append(wire.AppendAnswer(nil, &a), '\n'))
}

// echo answers each request with its key as the payment.
func echo(nc net.Conn, lines *bufio.Scanner) {
	for {
		r, ok := next(lines)
		if !ok {
			return
		}
		reply(nc, api.Answer{ID: r.ID, Op: r.Op, Payment: r.Key, Approved: true})
	}
}

func dial(t *testing.T, address string, options client.Options) *client.Client {
	t.Helper()
	options.Dial = new(net.Dialer).DialContext
	gw, err := client.Dial(within(t), address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gw.Close() })
	return gw
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func request(key string) *api.Request {
	return &api.Request{ID: "id of " + key, Op: api.OpVoid, Key: key, Payment: "P1"}
}

// Answers come in any order; each caller gets its own, under the id that it gave.
func TestAnswersAreMatched(t *testing.T) {
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		first, _ := next(lines)
		second, _ := next(lines)
		for _, r := range []api.Request{second, first} {
			reply(nc, api.Answer{ID: r.ID, Op: r.Op, Payment: r.Key})
		}
		lines.Scan()
	})
	gw := dial(t, address, client.Options{})
	var both sync.WaitGroup
	for _, key := range []string{"a", "b"} {
		both.Go(func() {
			a, err := gw.Do(within(t), request(key))
			if err != nil || a.Payment != key || a.ID != "id of "+key {
				t.Errorf("%s: got %+v, %v", key, a, err)
			}
		})
	}
	both.Wait()
}

// A protocol error is an answer.
func TestProtocolError(t *testing.T) {
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		r, _ := next(lines)
		reply(nc, api.Answer{ID: r.ID, Err: api.NewError(api.CodeBusy, "later")})
		lines.Scan()
	})
	a, err := dial(t, address, client.Options{}).Do(within(t), request("a"))
	if err != nil || a.Err == nil || a.Err.Code != api.CodeBusy || a.ID != "id of a" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// When the connection ends, whoever waits is told that the outcome is unknown, and nothing is sent again.
func TestLostConnection(t *testing.T) {
	for name, end := range map[string]func(nc net.Conn){
		"closed":          func(net.Conn) {},
		"no answer":       func(nc net.Conn) { fmt.Fprintln(nc, "hello") },
		"an unknown id":   func(nc net.Conn) { fmt.Fprintln(nc, `{"id":"77777","op":"ping"}`) },
		"an id of nobody": func(nc net.Conn) { fmt.Fprintln(nc, `{"id":"9","op":"ping"}`) },
		"an answer to no one": func(nc net.Conn) {
			fmt.Fprintln(nc, `{"id":null,"error":{"code":"busy","message":"full","retry":true}}`)
		},
		"a line without end": func(nc net.Conn) { fmt.Fprint(nc, strings.Repeat("x", 2<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]int{}
			address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
				r, _ := next(lines)
				mu.Lock()
				seen[r.Key]++
				mu.Unlock()
				end(nc)
			})
			gw := dial(t, address, client.Options{})
			if _, err := gw.Do(within(t), request("a")); !errors.Is(err, client.ErrLost) {
				t.Errorf("got %v, want ErrLost", err)
			}
			if _, err := gw.Do(within(t), request("b")); !errors.Is(err, client.ErrNotSent) {
				t.Errorf("got %v, want ErrNotSent", err)
			}
			if err := gw.Send(request("c"), nil); !errors.Is(err, client.ErrNotSent) {
				t.Errorf("got %v, want ErrNotSent", err)
			}
			if gw.Err() == nil {
				t.Error("Err says that a connection stands")
			}
			mu.Lock()
			defer mu.Unlock()
			if len(seen) != 1 || seen["a"] != 1 {
				t.Errorf("the switch saw %v, want a once", seen)
			}
		})
	}
}

// Other connections go on where one is lost.
func TestAnotherConnection(t *testing.T) {
	var mu sync.Mutex
	accepted := 0
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		mu.Lock()
		accepted++
		first := accepted == 1
		mu.Unlock()
		if first {
			lines.Scan()
			return
		}
		echo(nc, lines)
	})
	gw := dial(t, address, client.Options{Connections: 2})
	lost := 0
	for i := range 10 {
		if _, err := gw.Do(within(t), request(fmt.Sprint(i))); err != nil {
			lost++
		}
	}
	if lost != 1 || gw.Err() != nil {
		t.Errorf("%d of 10 were lost, Err is %v; want 1 and nil", lost, gw.Err())
	}
}

func TestFull(t *testing.T) {
	open := make(chan struct{})
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		r, _ := next(lines)
		<-open
		reply(nc, api.Answer{ID: r.ID, Op: r.Op})
		echo(nc, lines)
	})
	gw := dial(t, address, client.Options{MaxInFlight: 1})
	answered := make(chan error, 1)
	if err := gw.Send(request("a"), func(_ *api.Answer, err error) { answered <- err }); err != nil {
		t.Fatal(err)
	}
	if err := gw.Send(request("b"), nil); !errors.Is(err, client.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gw.Do(ctx, request("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	close(open)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if _, err := gw.Do(within(t), request("d")); err != nil {
		t.Error(err)
	}
}

// A caller that gives up leaves its slot to the answer, and nobody else gets it.
func TestGivenUp(t *testing.T) {
	read, open := make(chan struct{}), make(chan struct{})
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		r, _ := next(lines)
		close(read)
		<-open
		reply(nc, api.Answer{ID: r.ID, Op: r.Op, Payment: r.Key})
		echo(nc, lines)
	})
	gw := dial(t, address, client.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-read; cancel() }()
	if _, err := gw.Do(ctx, request("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	close(open)
	if a, err := gw.Do(within(t), request("b")); err != nil || a.Payment != "b" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// Callbacks may send the next request, as a load generator does.
func TestSendFromCallback(t *testing.T) {
	gw := dial(t, scripted(t, echo), client.Options{MaxInFlight: 4, Connections: 2})
	const count = 1000
	done := make(chan error, 1)
	left := count
	var again func(a *api.Answer, err error)
	again = func(a *api.Answer, err error) {
		left--
		if err == nil && left > 0 {
			err = gw.Send(request(fmt.Sprint(left)), again)
			if err == nil {
				return
			}
		}
		done <- err
	}
	if err := gw.Send(request("first"), again); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || left != 0 {
		t.Errorf("%v, %d left", err, left)
	}
}

func TestClose(t *testing.T) {
	read := make(chan struct{})
	address := scripted(t, func(_ net.Conn, lines *bufio.Scanner) { lines.Scan(); close(read); lines.Scan() })
	gw := dial(t, address, client.Options{})
	got := make(chan error, 1)
	if err := gw.Send(request("a"), func(_ *api.Answer, err error) { got <- err }); err != nil {
		t.Fatal(err)
	}
	<-read
	gw.Close()
	if err := <-got; !errors.Is(err, client.ErrLost) || !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrLost because of ErrClosed", err)
	}
	if err := gw.Send(request("b"), nil); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// A list of payments does not fit the read buffer.
func TestLongAnswer(t *testing.T) {
	address := scripted(t, func(nc net.Conn, lines *bufio.Scanner) {
		r, _ := next(lines)
		list := make([]api.Answer, api.MaxListed)
		for i := range list {
			list[i] = api.Answer{Payment: fmt.Sprint("P", i), Reason: strings.Repeat("x", 3000)}
		}
		reply(nc, api.Answer{ID: r.ID, Op: api.OpStatus, Payments: list})
		echo(nc, lines)
	})
	gw := dial(t, address, client.Options{})
	a, err := gw.Do(within(t), &api.Request{Op: api.OpStatus, Merchant: "M1", Reference: "r"})
	if err != nil || len(a.Payments) != api.MaxListed || a.Payments[99].Payment != "P99" {
		t.Errorf("got %+v, %v", a, err)
	}
	if a, err := gw.Do(within(t), request("b")); err != nil || a.Payment != "b" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestDialFails(t *testing.T) {
	if _, err := client.Dial(within(t), "127.0.0.1:1", client.Options{}); err == nil {
		t.Error("no dialer, no error")
	}
	refuse := func(nc net.Conn, lines *bufio.Scanner) {
		r, _ := next(lines)
		reply(nc, api.Answer{ID: r.ID, Err: api.NewError(api.CodeUnauthorized, "no such gateway, or a wrong secret")})
	}
	_, err := client.Dial(
		within(t), scripted(t, refuse), client.Options{Dial: new(net.Dialer).DialContext, Gateway: "shop", Secret: "hunter2"},
	)
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Code != api.CodeUnauthorized || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
