package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/api"
)

// start starts an issuer and a relay before it, and returns a client of the relay.
func start(t *testing.T, fs *vfs.MemFS) day {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	iso := listen()
	issuer, err := issuersim.New(issuersim.Options{Listener: iso})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- issuer.Serve() }()
	r, err := newRelay(fs, "rows", iso.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	gateway := listen()
	go r.serve(gateway)
	t.Cleanup(func() {
		gateway.Close()
		if err := r.close(); err != nil {
			t.Error(err)
		}
		select {
		case err := <-r.failed:
			t.Error("the relay failed:", err)
		default:
		}
		if err := issuer.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
	return day{t, fs, gateway.Addr().String()}
}

// day is what a test asks a relay.
type day struct {
	t       *testing.T
	fs      *vfs.MemFS
	gateway string
}

// rows counts the rows that a loss of power at this moment would leave.
func (d *day) rows() (n int) {
	d.t.Helper()
	db, err := pebble.Open("rows", &pebble.Options{
		FS: d.fs.CrashClone(vfs.CrashCloneCfg{}), FormatMajorVersion: pebble.FormatNewest, Logger: silent{},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	it, err := db.NewIter(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		d.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// An answer is that of the issuer to the request it answers, and its two rows are synced by then.
func TestAnswers(t *testing.T) {
	d := start(t, vfs.NewCrashableMem())
	connected, err := clients.Dial(t.Context(), d.gateway, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer clients.CloseAll(connected)
	payments := loadgen.Payments{Op: api.OpAuthorize, Run: "run-", Cards: loadgen.NewCards(time.Now())}
	for n := range 20 {
		var req api.Request
		payments.Fill(uint64(n), &req)
		good := n%5 != 4
		if !good { // its last digit is wrong: the issuer knows no such card
			last := req.Card.Number[len(req.Card.Number)-1]
			req.Card.Number = req.Card.Number[:len(req.Card.Number)-1] + string('0'+(last-'0'+1)%10)
		}
		a, err := connected[0].Do(t.Context(), &req)
		if err != nil || a.Err != nil {
			t.Fatal(err, a.Err)
		}
		if a.Approved != good || a.Amount != req.Amount || len(a.STAN) != stanDigits || len(a.RRN) != rrnDigits {
			t.Errorf("request %d: %+v", n, a)
		}
		if good && (strings.Trim(a.AuthCode, "0123456789") != "" || len(a.AuthCode) != authCodeBytes ||
			strings.Trim(a.NetworkID, "0123456789") != "" || len(a.NetworkID) != networkBytes) {
			t.Errorf("request %d: auth code %q, network id %q: expected those of issuer-sim", n, a.AuthCode, a.NetworkID)
		}
		if rows := d.rows(); rows != 2*(n+1) {
			t.Errorf("after answer %d a loss of power leaves %d rows, want %d", n+1, rows, 2*(n+1))
		}
	}
}

// The load gets an answer to each request of several connections, and each payment leaves two rows.
func TestLoad(t *testing.T) {
	d := start(t, vfs.NewCrashableMem())
	const lanes, inFlight = 3, 64
	connected, err := clients.Dial(t.Context(), d.gateway, lanes, inFlight)
	if err != nil {
		t.Fatal(err)
	}
	defer clients.CloseAll(connected)
	payments := loadgen.Payments{Op: api.OpAuthorize, Run: "run-", Cards: loadgen.NewCards(time.Now())}
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: loadgen.NewGatewayTarget(clients.Lanes(connected), inFlight, payments),
		Lanes:  lanes, InFlight: inFlight, Duration: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	answered := int(res.Approved + res.Excluded)
	if res.Failed+res.Declined > 0 || answered < inFlight {
		t.Errorf("%d approved, %d declined, errors %v", answered, res.Declined, res.Errors)
	}
	if rows := d.rows(); rows != 2*answered {
		t.Errorf("%d rows of %d payments, want two each", rows, answered)
	}
}

// What is not the load's line, or issuer-sim's frame, ends the relay with an error that says what was expected.
func TestForeign(t *testing.T) {
	for _, line := range []string{
		"", "{}", `{"id":"1","op":"ping"}`, `{"id":"12345678901234567","amount":1,"number":"4111111111111111"}`,
		`{"id":"1","amount":1234567890123,"number":"4111111111111111"}`, `{"id":"1","amount":1`,
	} {
		if _, err := cutLine([]byte(line)); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
	texts, err := newTexts()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := texts.appendFrame(nil, &request{card: []byte("1")}, &payment{}, &[de7Digits]byte{}); err == nil {
		t.Error("a card of one digit is taken")
	}
	for _, frame := range []string{
		"", "..0110", "..0810" + strings.Repeat("0", 200), "..0110" + strings.Repeat("x", 200),
	} {
		if _, err := texts.cutFrame([]byte(frame)); err == nil {
			t.Errorf("%q is taken", frame)
		}
	}
}
