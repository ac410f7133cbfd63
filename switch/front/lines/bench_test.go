package lines_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/front/lines/client"
)

// BenchmarkPipelined measures requests a second through client, loopback and server with a handler that answers at
// once.
func BenchmarkPipelined(b *testing.B) {
	for _, c := range []struct {
		name         string
		conns, depth int
	}{{"1x1", 1, 1}, {"1x128", 1, 128}, {"2x512", 2, 512}, {"4x1024", 4, 1024}} {
		b.Run(c.name, func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			f, err := front.New(front.Options{Handler: approveAll{}})
			if err != nil {
				b.Fatal(err)
			}
			server, err := lines.New(lines.Options{Listener: listener, Front: f})
			if err != nil {
				b.Fatal(err)
			}
			go server.Serve()
			defer server.Shutdown(context.Background())
			gw, err := client.Dial(context.Background(), listener.Addr().String(), client.Options{
				Dial: new(net.Dialer).DialContext, Connections: c.conns, MaxInFlight: c.depth})
			if err != nil {
				b.Fatal(err)
			}
			defer gw.Close()
			req := authorize()
			var answered sync.WaitGroup
			tokens := make(chan struct{}, c.conns*c.depth)
			for range cap(tokens) {
				tokens <- struct{}{}
			}
			done := func(a *api.Answer, err error) {
				if err != nil || !a.Approved {
					b.Error(a, err)
				}
				tokens <- struct{}{}
				answered.Done()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				<-tokens
				answered.Add(1)
				if err := gw.Send(&req, done); err != nil {
					b.Fatal(err)
				}
			}
			answered.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
