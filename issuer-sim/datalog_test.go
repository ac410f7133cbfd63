package issuersim_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	issuersim "switchyard/issuer-sim"

	"switchyard/internal/vfs"
)

// fill sends some messages and returns what the authorizations are then.
func fillLog(t *testing.T, s *sim) string {
	t.Helper()
	for n := range 20 {
		m, err := message(fmt.Sprintf("0100 stan=%d amount=%d cvc=739 exp=9912", n+1, 100+n))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.exchange(m).String(39); got != "00" {
			t.Fatalf("message %d: %s", n, got)
		}
	}
	return s.showAuthorizations()
}

func readAll(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeAll(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
}

// newError starts a server that should not start and returns why.
func newError(t *testing.T, o issuersim.Options) error {
	t.Helper()
	l := listen(t)
	defer l.Close()
	o.Listener = l
	_, err := issuersim.New(o)
	if err == nil {
		t.Fatal("New took it, want an error")
	}
	return err
}

// A log that ends anywhere in its last frame is read up to there, and goes on; one with a damaged byte before that is
// refused.
func TestLogDamage(t *testing.T) {
	fs := vfs.NewMem()
	options := issuersim.Options{FS: fs, DataDir: "data"}
	s := start(t, options)
	fillLog(t, s)
	s.stop()
	const name = "data/log-000001"
	whole := readAll(t, fs, name)
	key := readAll(t, fs, "data/key")

	folder := func(log []byte) vfs.FS {
		t.Helper()
		fs := vfs.NewMem()
		if err := fs.MkdirAll("data", 0o700); err != nil {
			t.Fatal(err)
		}
		writeAll(t, fs, name, log)
		writeAll(t, fs, "data/key", key)
		return fs
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		cut := len(whole) - 1 - random.IntN(300)
		log, logs := observer.New(zap.WarnLevel)
		options := issuersim.Options{FS: folder(whole[:cut]), DataDir: "data", Logger: zap.New(log)}
		s := start(t, options)
		after := s.showAuthorizations()
		if logs.FilterMessageSnippet("unfinished frame").Len() == 0 && strings.Count(after, "\n") == 20 {
			t.Errorf("cut at %d of %d: nothing is missing and nothing was said", cut, len(whole))
		}
		// It goes on, and what it adds is read back behind the unfinished frame.
		m, err := message(fmt.Sprintf("0100 stan=%d pan=5555555555554444", 1000+n))
		if err != nil {
			t.Fatal(err)
		}
		s.exchange(m)
		want := s.showAuthorizations()
		s.audit()
		s.stop()
		s = start(t, options)
		if got := s.showAuthorizations(); got != want {
			t.Errorf("cut at %d, then one more: %s\nwant %s", cut, got, want)
		}
		s.audit()
		s.stop()
	}
	for range 40 {
		damaged := bytes.Clone(whole)
		at := random.IntN(len(whole) - 300)
		damaged[at] ^= 1 << random.IntN(8)
		err := newError(t, issuersim.Options{FS: folder(damaged), DataDir: "data"})
		if !strings.Contains(err.Error(), "log-000001, offset ") || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("byte %d damaged: %v", at, err)
		}
	}
}

func TestLogRefuses(t *testing.T) {
	fs := vfs.NewMem()
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 5})
	fillLog(t, s)
	if err := newError(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 5}); !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second server on the folder: %v", err)
	}
	s.stop()
	if err := newError(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 6}); !strings.Contains(err.Error(), "seed 5") {
		t.Errorf("another seed: %v", err)
	}
	start(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 5}).stop()
	if err := fs.Remove("data/log-000001"); err != nil {
		t.Fatal(err)
	}
	if err := newError(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 5}); !strings.Contains(
		err.Error(), "log-000001 is missing",
	) {
		t.Errorf("a missing file: %v", err)
	}
	other := vfs.NewMem()
	start(t, issuersim.Options{FS: other, DataDir: "data", Seed: 5}).stop()
	if err := other.Remove("data/key"); err != nil {
		t.Fatal(err)
	}
	if err := newError(t, issuersim.Options{FS: other, DataDir: "data", Seed: 5}); !strings.Contains(err.Error(), "key") {
		t.Errorf("another key: %v", err)
	}
}

// With Sync, what was answered is there after a loss of power, whatever of the rest reached the disk.
func TestLogSync(t *testing.T) {
	for seed := range uint64(10) {
		fs := vfs.NewCrashableMem()
		s := start(t, issuersim.Options{FS: fs, DataDir: "data", Sync: true})
		want := fillLog(t, s)
		after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed * 10), RNG: rand.New(rand.NewPCG(seed, 0))})
		s = start(t, issuersim.Options{FS: after, DataDir: "data", Sync: true})
		if got := s.showAuthorizations(); got != want {
			t.Errorf("after the crash: %s\nwant %s", got, want)
		}
	}
}

// A write that fails is the end: the message is not answered, nor any after it, and Fatal is told.
func TestLogFailure(t *testing.T) {
	fatal := make(chan error, 1)
	s := start(t, issuersim.Options{
		FS: vfs.NewMem(), DataDir: "data", Limits: issuersim.Limits{LogBytes: 200}, Fatal: func(err error) { fatal <- err },
	})
	m, err := message("0100 stan=1 amount=1")
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(10) {
		m.SetUint(11, n, 6)
		s.send(m)
		if _, err = readMessage(s.in); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("all answered, though the log is full")
	}
	if err := <-fatal; !strings.Contains(err.Error(), "as long as its limit allows") {
		t.Errorf("fatal: %v", err)
	}
	conn, in := s.dial()
	frame, err := codec.PackFrame(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	m.SetUint(11, 77, 6)
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	if _, err := readMessage(in); err == nil {
		t.Error("answered after the failure")
	}
	s.server.Close(t.Context())
	<-s.served
	s.server = nil
}

// No card number, CVC or track stands in the data folder, in the control HTTP or in the log lines (I12).
func TestNoCardData(t *testing.T) {
	fs := vfs.NewMem()
	log, logs := observer.New(zap.DebugLevel)
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Logger: zap.New(log)})
	fillLog(t, s)
	for _, line := range []string{
		"0100 stan=100 pan=- track2=4111111111111111=99121010000073900000",
		"0100 stan=101 de52=1234567890ABCDEF",
		"0100 stan=102 pan=4111111111111112", // no card
		"0220 stan=103 arn=12",               // a format error
	} {
		m, err := message(line)
		if err != nil {
			t.Fatal(err)
		}
		s.exchange(m)
	}
	broken, err := message("0100 stan=104")
	if err != nil {
		t.Fatal(err)
	}
	frame, err := codec.PackFrame(nil, broken)
	if err != nil {
		t.Fatal(err)
	}
	frame[len(frame)-1] = 'x' // the currency
	s.write(frame)
	if got := s.receive(); got.String(39) != "30" {
		t.Errorf("a broken message: %s", show(got))
	}
	var all strings.Builder
	for _, path := range []string{
		"/v1/authorizations", "/v1/holds", "/v1/ledger?audit=1", "/v1/stats", "/metrics", "/v1/rules",
		"/v1/cards/" + goodCard, "/v1/cards/4111111111111112",
	} {
		_, body := s.http("GET", path, "")
		all.WriteString(body)
	}
	s.stop()
	for _, entry := range logs.All() {
		fmt.Fprintln(&all, entry.Message, entry.ContextMap())
	}
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		all.Write(readAll(t, fs, "data/"+name))
	}
	for _, secret := range []string{"411111111111111", "1234567890ABCDEF", "9912101", "1103739"} {
		if i := strings.Index(all.String(), secret); i >= 0 {
			t.Errorf("%q stands there: %q", secret, all.String()[max(0, i-40):i+40])
		}
	}
}
