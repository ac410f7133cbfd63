package issuersim_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
)

// sim is a server on loopback with one connection to it.
type sim struct {
	t       testing.TB
	server  *issuersim.Server
	served  chan error
	iso     string
	control string
	conn    net.Conn
	in      *bufio.Reader
}

// start starts a server; options that tests do not set are filled in. Its clearing system lives on one date, on which
// the sequences of its files count up whenever the tests are run.
func start(t testing.TB, o issuersim.Options) *sim {
	t.Helper()
	if o.Clearing.Now == nil {
		o.Clearing.Now = func() time.Time { return day }
	}
	s := &sim{t: t, served: make(chan error, 1)}
	o.Listener, o.ControlListener = listen(t), listen(t)
	s.iso, s.control = o.Listener.Addr().String(), "http://"+o.ControlListener.Addr().String()
	server, err := issuersim.New(o)
	if err != nil {
		o.Listener.Close()
		o.ControlListener.Close()
		t.Fatal(err)
	}
	s.server = server
	go func() { s.served <- server.Serve() }()
	s.conn, s.in = s.dial()
	t.Cleanup(s.stop)
	return s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// patience is how long a test waits for what must come, before it fails: far more than it ever takes, on a machine
// that is very busy too.
const patience = 5 * time.Minute

func (s *sim) dial() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.iso)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// stop ends the server; it may be called again.
func (s *sim) stop() {
	s.t.Helper()
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.server.Close(ctx); err != nil {
		s.t.Errorf("close: %v", err)
	}
	if err := <-s.served; err != nil {
		s.t.Errorf("serve: %v", err)
	}
	s.server = nil
}

// exchange sends a message and returns the answer.
func (s *sim) exchange(m *spec.Message) *spec.Message {
	s.t.Helper()
	s.send(m)
	return s.receive()
}

var codec = spec.MustCodec(spec.DefaultDialect)

func (s *sim) send(ms ...*spec.Message) {
	s.t.Helper()
	var b []byte
	for _, m := range ms {
		var err error
		if b, err = codec.PackFrame(b, m); err != nil {
			s.t.Fatal(err)
		}
	}
	s.write(b)
}

func (s *sim) write(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sim) receive() *spec.Message {
	s.t.Helper()
	m, err := readMessage(s.in)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func readMessage(r io.Reader) (*spec.Message, error) {
	var header [2]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint16(header[:]))
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	m := &spec.Message{}
	return m, codec.Unpack(frame, m)
}

// http makes a control request and returns status and body.
func (s *sim) http(method, path, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.control+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (s *sim) audit() {
	s.t.Helper()
	if wrong := s.server.Audit(); wrong != nil {
		s.t.Errorf("the books: %v", wrong)
	}
}

const goodCard = "4111111111111111"

// message makes a message of a line: the MTI, then key=value. What a line does not say has a default.
func message(line string) (*spec.Message, error) {
	words := strings.Fields(line)
	m := &spec.Message{}
	m.SetMTI(words[0])
	set := map[string]string{
		"pan": goodCard, "de3": "000000", "amount": "1000", "stan": "1", "cur": "978", "acq": "400001", "de7": "1121120000",
		"merchant": "MERCHANT1", "terminal": "TERM0001"}
	for _, word := range words[1:] {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q: want key=value", word)
		}
		set[key] = value
	}
	if words[0][1] == '8' {
		for _, key := range []string{"pan", "de3", "amount", "cur", "merchant", "terminal"} {
			delete(set, key)
		}
	}
	if _, ok := set["rrn"]; !ok && words[0][1] != '8' {
		set["rrn"] = "R" + set["stan"]
	}
	var private []byte
	for key, value := range set {
		if value == "-" {
			continue
		}
		switch key {
		case "pan":
			m.Set(2, value)
		case "de3":
			m.Set(3, value)
		case "amount":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return nil, err
			}
			m.SetUint(4, n, 12)
		case "de7":
			m.Set(7, value)
		case "stan":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return nil, err
			}
			m.SetUint(11, n, 6)
		case "exp":
			m.Set(14, value)
		case "date":
			m.Set(15, value)
		case "acq":
			m.Set(32, value)
		case "track2":
			m.Set(35, value)
		case "rrn":
			m.Set(37, pad(value, 12))
		case "code":
			m.Set(38, value)
		case "terminal":
			m.Set(41, value)
		case "merchant":
			m.Set(42, value)
		case "cur":
			m.Set(49, value)
		case "net":
			m.Set(70, value)
		case "first":
			private = spec.AppendTLV(private, spec.TagFirstRRN, pad(value, 12))
		case "num":
			private = spec.AppendTLV(private, spec.TagCaptureNumber, value)
		case "arn":
			private = spec.AppendTLV(private, spec.TagARN, value)
		case "cvc":
			private = spec.AppendTLV(private, spec.TagCVC, value)
		case "postal":
			private = spec.AppendTLV(private, spec.TagPostalCode, value)
		case "partial":
			private = spec.AppendTLV(private, spec.TagPartial, value)
		case "orig": // MTI:STAN
			mti, stan, _ := strings.Cut(value, ":")
			n, err := strconv.Atoi(stan)
			if err != nil {
				return nil, err
			}
			m.Set(90, fmt.Sprintf("%s%06d%s%011s%011d", mti, n, set["de7"], set["acq"], 0))
		case "stays":
			n, err := strconv.Atoi(value)
			if err != nil {
				return nil, err
			}
			m.Set(95, fmt.Sprintf("%012d%030d", n, 0))
		default:
			n, err := strconv.Atoi(strings.TrimPrefix(key, "de"))
			if err != nil || n < 2 || n > spec.MaxDE {
				return nil, fmt.Errorf("key %q is not known", key)
			}
			m.Set(n, value)
		}
	}
	if private != nil {
		m.Set(48, string(private))
	}
	return m, nil
}

// pad makes an RRN of n characters: the zeros go behind its first letter.
func pad(s string, n int) string { return s[:1] + strings.Repeat("0", max(0, n-len(s))) + s[1:] }

// show is an answer in a line: MTI and DE39, then what is worth seeing.
func show(m *spec.Message) string {
	out := m.MTI() + " " + m.String(39)
	for _, f := range []struct {
		de   int
		name string
	}{{11, "stan"}, {4, "amount"}, {38, "auth"}, {48, "private"}, {54, "asked"}, {66, "balance"}, {70, "net"}, {
		76, "debits",
	}, {88, "debited"}, {97, "net_settlement"}} {
		if !m.Has(f.de) {
			continue
		}
		value := strings.TrimLeft(m.String(f.de), "0")
		if f.de == 38 || f.de == 48 || f.de == 54 {
			value = m.String(f.de)
		}
		out += " " + f.name + "=" + value
	}
	return out
}

// lines are the authorizations in short.
func (s *sim) authorizations() []map[string]any {
	s.t.Helper()
	status, body := s.http("GET", "/v1/authorizations", "")
	if status != http.StatusOK {
		s.t.Fatalf("GET /v1/authorizations: %d", status)
	}
	var all []map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	for d.More() {
		var one map[string]any
		if err := d.Decode(&one); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
