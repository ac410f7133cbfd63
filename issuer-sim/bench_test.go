package issuersim_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
)

// BenchmarkServer measures messages a second over loopback, 0100 and then its 0220, with a client that does as little
// as can be: it patches numbers into ready frames, keeps a window of them in flight and counts answers.
func BenchmarkServer(b *testing.B) {
	for _, c := range []struct {
		name     string
		inFlight int
		options  func() issuersim.Options
	}{
		{"memory/in_flight=64", 64, func() issuersim.Options { return issuersim.Options{} }},
		{"memory/in_flight=1024", 1024, func() issuersim.Options { return issuersim.Options{} }},
		{"data/in_flight=1024", 1024, func() issuersim.Options { return issuersim.Options{DataDir: b.TempDir()} }},
		{"sync/in_flight=1024", 1024, func() issuersim.Options {
			return issuersim.Options{DataDir: b.TempDir(), Sync: true, FS: vfs.Default}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.options()
			o.Limits = issuersim.Limits{Authorizations: 1_000_000, Messages: 1_000_000}
			s := start(b, o)
			const links = 2
			conns := make([]net.Conn, links)
			for i := range conns {
				conns[i], _ = s.dial()
			}
			b.ReportAllocs()
			b.ResetTimer()
			failed := make(chan error, links)
			for i, conn := range conns {
				go func() { failed <- drive(conn, i, b.N/links+1, c.inFlight/links, benchAuthorize, benchCapture) }()
			}
			for range conns {
				if err := <-failed; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			s.audit()
		})
	}
}

const (
	benchAuthorize = "0100 pan=5555550000009994 stan=999999 rrn=999999999999 de7=1231235959 exp=9912"
	benchCapture   = "0220 pan=5555550000009994 stan=999999 rrn=999999999999 de7=1231235959 orig=0100:999999 num=1"
)

// drive sends n messages on a connection, window of them in flight at the most. Each card gets one of each line, in
// turn.
func drive(conn net.Conn, lane, n, window int, lines ...string) error {
	var templates []template
	for _, line := range lines {
		t, err := newTemplate(line)
		if err != nil {
			return err
		}
		templates = append(templates, t)
	}
	credit := make(chan int, n)
	credit <- window
	read := make(chan error, 1)
	ended := make(chan struct{}) // the reader has: nobody gives credit any more
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		filled := 0
		for seen := 0; seen < n; {
			got, err := conn.Read(buf[filled:])
			if err != nil {
				read <- err
				return
			}
			rest := buf[:filled+got]
			whole := 0
			for len(rest) >= 2 {
				size := 2 + int(binary.BigEndian.Uint16(rest))
				if len(rest) < size {
					break
				}
				rest = rest[size:]
				whole++
			}
			filled = copy(buf, rest)
			seen += whole
			credit <- whole
		}
		read <- nil
	}()
	var out []byte
	for sent, free := 0, 0; sent < n; {
		for {
			select {
			case c := <-credit:
				free += c
				continue
			default:
			}
			break
		}
		if free == 0 {
			select {
			case c := <-credit:
				free += c
			case <-ended:
				return <-read
			}
		}
		out = out[:0]
		for ; free > 0 && sent < n; free, sent = free-1, sent+1 {
			out = templates[sent%len(lines)].appendNumbered(out, lane, sent/len(lines), sent)
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
	return <-read
}

// template is a frame with the places of its numbers.
type template struct {
	frame                []byte
	pan, stan, rrn, orig int
}

func newTemplate(line string) (template, error) {
	m, err := message(line)
	if err != nil {
		return template{}, err
	}
	frame, err := codec.PackFrame(nil, m)
	t := template{frame: frame, orig: -1}
	t.pan = bytes.Index(frame, []byte("5555550000009994"))
	t.stan = bytes.Index(frame, []byte("1231235959")) + 10
	t.rrn = bytes.Index(frame, []byte("999999999999"))
	if i := bytes.Index(frame, []byte("0100999999")); i >= 0 {
		t.orig = i + 4
	}
	return t, err
}

func (t *template) appendNumbered(b []byte, lane, card, message int) []byte {
	at := len(b)
	b = append(b, t.frame...)
	f := b[at:]
	number := f[t.pan : t.pan+16]
	digitsInto(number[6:15], card%500_000*2+lane)
	number[15] = luhnDigit(number[:15])
	digitsInto(f[t.stan:t.stan+6], message%1_000_000)
	digitsInto(f[t.rrn:t.rrn+12], card*2+lane)
	if t.orig >= 0 {
		digitsInto(f[t.orig:t.orig+6], (message-1)%1_000_000)
	}
	return b
}

func digitsInto(b []byte, v int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
}

func luhnDigit(b []byte) byte {
	sum, double := 0, true
	for i := len(b) - 1; i >= 0; i-- {
		d := int(b[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return byte('0' + (10-sum%10)%10)
}

// The benchmark's own Luhn digit is held against the one of the system.
func TestLuhnDigit(t *testing.T) {
	for _, body := range []string{"411111111111111", "400000000000999", "555555555555444"} {
		if got, want := luhnDigit([]byte(body)), pan.LuhnDigit(body); got != want {
			t.Errorf("%s: %c, want %c", body, got, want)
		}
	}
}
