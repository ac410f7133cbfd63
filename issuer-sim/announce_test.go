package issuersim_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
)

// The host announces its cutover when it is told to, once on each connection; an answer to it is no bad frame, and
// another one is.
func TestCutover(t *testing.T) {
	logger, logs := observer.New(zap.InfoLevel)
	s := start(t, issuersim.Options{Logger: zap.New(logger)})
	echo := func() {
		t.Helper()
		if got := show(s.exchange(s.line("0800 stan=7 net=301"))); got != "0810 00 stan=7 net=301" {
			t.Fatal(got)
		}
	}
	echo() // the connection is there
	for _, stan := range []string{"1", "2"} {
		if status, body := s.http("POST", "/v1/announce-cutover", ""); status != http.StatusOK ||
			strings.TrimSpace(body) != `{"announced":1}` {
			t.Errorf("%d %s", status, body)
		}
		m := s.receive()
		if got, want := show(m), "0800  stan="+stan+" net=201"; got != want || len(m.String(7)) != 10 {
			t.Errorf("announced %s with DE7 %q, want %s", got, m.String(7), want)
		}
		s.send(answered(m))
	}
	echo()
	if n := logs.FilterMessage("the cutover was answered").FilterField(zap.String("de39", "00")).Len(); n != 2 {
		t.Errorf("%d answers are logged, want 2", n)
	}
	if n := logs.FilterMessage("bad frame").Len(); n != 0 {
		t.Errorf("%d bad frames are logged, want none", n)
	}
	s.send(s.line("0810 stan=3 net=201"))
	echo()
	if n := logs.FilterMessage("bad frame").Len(); n != 1 {
		t.Errorf("an answer to nothing: %d bad frames are logged, want 1", n)
	}
}

// answered is the 0810 to an 0800.
func answered(m *spec.Message) *spec.Message {
	var r spec.Message
	r.SetMTI("0810")
	for _, de := range []int{7, 11, 70} {
		r.Set(de, m.String(de))
	}
	r.Set(39, "00")
	return &r
}
