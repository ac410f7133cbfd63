package link_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// BenchmarkSend sends authorizations to a host that turns each into its response where it stands, over loopback, in the
// same process: both ends' cost is in the figure.
func BenchmarkSend(b *testing.B) {
	for _, inFlight := range []int{16, 128, 1024, 4096} {
		for _, byContext := range []bool{false, true} {
			name := "deadline"
			if byContext {
				name = "context"
			}
			b.Run(fmt.Sprintf("inflight=%d/%s", inFlight, name), func(b *testing.B) {
				benchmarkSend(b, inFlight, byContext)
			})
		}
	}
}

func benchmarkSend(b *testing.B, inFlight int, byContext bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var echoing sync.WaitGroup
	echoing.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			echoing.Go(func() { echo(conn) })
		}
	})
	var dialer net.Dialer
	h, err := link.NewHost(link.Config{
		Host: "visa", Addr: listener.Addr().String(), Codec: codec, Identity: &identity{},
		Dial: func(ctx context.Context, addr string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) },
	})
	if err != nil {
		b.Fatal(err)
	}
	h.Start()
	for slices.ContainsFunc(h.Links(), func(l link.Status) bool { return l.State != "up" }) {
		time.Sleep(time.Millisecond)
	}
	before := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()

	var stans atomic.Uint32
	var left atomic.Int64
	left.Store(int64(b.N))
	var senders sync.WaitGroup
	for range inFlight {
		senders.Go(func() {
			frame, want := request(1)
			at := bytes.Index(frame, []byte(de7)) + len(de7) // DE11 stands behind DE7
			resp := new(spec.Message)
			for left.Add(-1) >= 0 {
				want.STAN = stans.Add(1)%999999 + 1
				putSTAN(frame[at:], want.STAN)
				ctx, cancel := context.Background(), context.CancelFunc(func() {})
				if byContext {
					ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
				} else {
					want.Deadline = time.Now().Add(10 * time.Second)
				}
				slot, err := h.Acquire(context.Background())
				if err == nil {
					err = slot.Send(ctx, frame, want, resp)
				}
				cancel()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	b.StopTimer()
	if err := h.Close(b.Context()); err != nil {
		b.Error(err)
	}
	listener.Close()
	echoing.Wait()
}

// cpuTime is what the process used so far, which other processes on the machine change less than the elapsed time.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func putSTAN(at []byte, stan uint32) {
	for i := 5; i >= 0; i-- {
		at[i] = byte('0' + stan%10)
		stan /= 10
	}
}

// echo answers each 0100 with itself as an 0110, and each 0800 with 00, all that came at once in one write.
func echo(conn net.Conn) {
	defer conn.Close()
	r, w := bufio.NewReaderSize(conn, 256<<10), bufio.NewWriterSize(conn, 256<<10)
	for {
		head, err := r.Peek(2)
		if err != nil {
			return
		}
		frame, err := r.Peek(2 + int(binary.BigEndian.Uint16(head)))
		if err != nil {
			return
		}
		if frame[3] == '8' {
			var m spec.Message
			if err := codec.Unpack(frame[2:], &m); err != nil {
				panic(err)
			}
			reply, err := codec.PackFrame(nil, response(&m, "00"))
			if err != nil {
				panic(err)
			}
			w.Write(reply)
		} else {
			frame[4] = '1'
			w.Write(frame)
		}
		r.Discard(len(frame))
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}
