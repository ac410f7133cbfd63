package issuersim_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
)

func startWith(t *testing.T, rules string) *sim {
	t.Helper()
	parsed, err := issuersim.ParseRules("rules", strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, issuersim.Options{Rules: parsed, Seed: 1})
}

func (s *sim) line(line string) *spec.Message {
	s.t.Helper()
	m, err := message(line)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// faulty makes rules of one fault, on messages with an amount of 666.
func faulty(fault string) string {
	return "rules:\n  - when: {amount: {from: 666, to: 666}}\n    fault: {" + fault + "}\n"
}

// Each fault as the other end sees it. What is sent is 0100 stan=1 amount=666, then 0100 stan=2 with nothing wrong.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  []string // answers in short, in their order
	}{
		{"kind: no_answer", []string{"2 1000"}},
		{"kind: late, delay: 300ms", []string{"2 1000", "1 666"}},
		{"kind: late, delay: 10m", []string{"2 1000"}},
		{"kind: duplicate, delay: 300ms", []string{"1 666", "2 1000", "1 666"}},
		{"kind: duplicate, delay: 10m", []string{"1 666", "2 1000"}},
		{"kind: swapped", []string{"1 1000", "2 666"}},
		{"kind: unsolicited", []string{"1 666", "2 1000", "500000 666"}},
		{"kind: wrong_stan", []string{"2 666", "2 1000"}},
		{"kind: wrong_amount", []string{"1 667", "2 1000"}},
		{"kind: wrong_card", []string{"1 666", "2 1000"}},
		{"kind: wrong_processing", []string{"1 666", "2 1000"}},
		{"kind: slow_drip, delay: 20ms", []string{"1 666", "2 1000"}},
		{"kind: pause, delay: 20ms", []string{"1 666", "2 1000"}},
	} {
		t.Run(strings.Fields(c.fault)[1], func(t *testing.T) {
			s := startWith(t, faulty(c.fault))
			s.send(s.line("0100 stan=1 amount=666"), s.line("0100 stan=2"))
			var got []string
			for range c.want {
				m := s.receive()
				stan, _ := m.Uint(11)
				amount, _ := m.Uint(4)
				got = append(got, fmt.Sprint(stan, " ", amount))
			}
			if strings.Contains(c.fault, "unsolicited") || strings.Contains(c.fault, "drip") ||
				strings.Contains(c.fault, "swapped") || strings.Contains(c.fault, "300ms") {
				// What the batch holds and what is sent beside it may come in either order; so may what is due soon, where the
				// machine is busy.
				slices.Sort(got)
				slices.Sort(c.want)
			}
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Errorf("%v, want %v", got, c.want)
			}
			// The message was applied whatever became of its answer.
			if all := s.authorizations(); len(all) != 2 {
				t.Errorf("%d authorizations, want 2", len(all))
			}
			kind, _, _ := strings.Cut(strings.TrimPrefix(c.fault, "kind: "), ",")
			if _, metrics := s.http("GET", "/metrics", ""); !strings.Contains(
				metrics, `issuersim_faults_total{kind="`+kind+`"} 1`,
			) {
				t.Errorf("the fault is not counted")
			}
		})
	}
}

func TestFaultMalformed(t *testing.T) {
	s := startWith(t, faulty("kind: malformed"))
	s.send(s.line("0100 stan=1 amount=666"), s.line("0100 stan=2"))
	if m, err := readMessage(s.in); err == nil {
		t.Errorf("it can be read: %s", show(m))
	}
	if m := s.receive(); show(m)[:14] != "0110 00 stan=2" {
		t.Errorf("the frame after it: %s", show(m))
	}
}

func TestFaultCut(t *testing.T) {
	s := startWith(t, faulty("kind: cut"))
	s.send(s.line("0100 stan=1"), s.line("0100 stan=2 amount=666"))
	s.receive()
	if _, err := readMessage(s.in); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want the frame to end in its middle", err)
	}
}

func TestFaultReset(t *testing.T) {
	s := startWith(t, faulty("kind: reset"))
	s.send(s.line("0100 stan=1 amount=666"))
	if _, err := readMessage(s.in); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("%v, want a reset", err)
	}
	s.server.SetRules(nil)
	s.conn, s.in = s.dial()
	if got := s.exchange(s.line("0101 stan=1 amount=666")); got.String(39) != "00" {
		t.Errorf("the repeat: %s", show(got))
	}
}

// A connection that is met with silence is open and answers nothing; taking the rules away does not bring it back.
func TestFaultSilence(t *testing.T) {
	s := startWith(t, "rules:\n  - fault: {kind: silence_after_accept}\n")
	s.send(s.line("0800 stan=1 net=001"))
	for deadline := time.Now().Add(patience); ; {
		if _, metrics := s.http("GET", "/metrics", ""); strings.Contains(
			metrics, `issuersim_faults_total{kind="silence_after_accept"} 1`,
		) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the connection was not met with silence")
		}
	}
	s.server.SetRules(nil)
	other, in := s.dial()
	frame, err := codec.PackFrame(nil, s.line("0800 stan=2 net=001"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Write(frame); err != nil {
		t.Fatal(err)
	}
	if _, err := readMessage(in); err != nil {
		t.Fatal(err)
	}
	// Only that nothing is there can be looked at, not that nothing will ever be.
	if err := s.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := readMessage(s.in); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want silence", err)
	}
}

// The same seed and messages meet the same fate, another seed another one, and a repeat draws anew.
func TestDraws(t *testing.T) {
	fates := func(seed uint64) string {
		rules, err := issuersim.ParseRules(
			"rules", strings.NewReader("rules:\n  - {probability: 0.3, response_code: \"05\"}\n"),
		)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, issuersim.Options{Rules: rules, Seed: seed})
		var out strings.Builder
		for n := range 200 {
			out.WriteString(s.exchange(s.line(fmt.Sprintf("0100 stan=%d amount=1", n+1))).String(39) + " ")
		}
		s.stop()
		return out.String()
	}
	one, again, other := fates(1), fates(1), fates(2)
	if one != again {
		t.Errorf("the same seed:\n%s\n%s", one, again)
	}
	if one == other {
		t.Error("another seed has the same fate")
	}
	if n := strings.Count(one, "05"); n < 35 || n > 85 {
		t.Errorf("%d of 200 declined at a probability of 0.3", n)
	}

	s := startWith(t, "rules:\n  - {when: {mti: [\"0420\", \"0421\"]}, probability: 0.5, fault: {kind: no_answer}}\n")
	s.exchange(s.line("0100 stan=1"))
	tries := 1
	for s.send(
		s.line("0420 stan=2 rrn=R1 orig=0100:1"), s.line("0800 stan=9 net=301"),
	); s.receive().MTI() == "0810"; tries++ {
		if tries == 50 {
			t.Fatal("50 repeats and no answer")
		}
		s.send(s.line("0421 stan=2 rrn=R1 orig=0100:1"), s.line("0800 stan=9 net=301"))
	}
}

// Latency comes from its distribution, holds its bounds, and does not keep other connections waiting.
func TestLatency(t *testing.T) {
	for _, distribution := range []string{
		"constant, value: 3ms", "uniform, min: 1ms, max: 4ms", "normal, mean: 3ms, stddev: 1ms",
		"exponential, mean: 2ms, max: 20ms", "lognormal, median: 2ms, sigma: 0.5",
	} {
		s := startWith(t, "rules:\n  - latency: {distribution: "+distribution+"}\n")
		var all []*spec.Message
		for n := range 50 {
			all = append(all, s.line(fmt.Sprintf("0100 stan=%d amount=1", n+1)))
		}
		s.send(all...)
		seen := map[string]bool{}
		for range all {
			m := s.receive()
			if m.String(39) != "00" || seen[m.String(11)] {
				t.Errorf("%s: %s", distribution, show(m))
			}
			seen[m.String(11)] = true
		}
		s.stop()
	}
}

// A pace is kept by the host as a whole, whatever the connections and the rules, and every message is answered.
func TestPace(t *testing.T) {
	const pace, each = 500, 20
	s := startWith(t, "pace: 500\nrules:\n  - {when: {amount: {ends_with: \"5\"}}, fault: {kind: duplicate}}\n")
	other, answers := s.dial()
	begin := time.Now()
	var mine []*spec.Message
	for n := range each {
		mine = append(mine, s.line(fmt.Sprintf("0100 stan=%d amount=1", n+1)))
		frame, err := codec.PackFrame(nil, s.line(fmt.Sprintf("0100 stan=%d amount=1", each+n+1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	s.send(mine...)
	for n := range each {
		if m := s.receive(); m.String(39) != "00" || m.String(11) != fmt.Sprintf("%06d", n+1) {
			t.Errorf("answer %d: %s", n+1, show(m))
		}
		m, err := readMessage(answers)
		if err != nil || m.String(39) != "00" {
			t.Errorf("answer %d on the other connection: %v, %v", n+1, m, err)
		}
	}
	if took, least := time.Since(begin), (2*each-1)*time.Second/pace; took < least {
		t.Errorf("%d answers took %s, want at least %s", 2*each, took, least)
	}
}

// What the answer says of the card and of what was asked, and which card was charged.
func TestFaultsAboutTheCard(t *testing.T) {
	const asked, other = "4000001234567899", "4000001234567808"
	for _, c := range []struct{ fault, card, code, charged string }{
		{"wrong_card", other, "000000", asked},
		{"wrong_processing", "", "310000", asked},
		{"misread", other, "000000", other},
		{"misread_silent", "", "000000", other},
	} {
		t.Run(c.fault, func(t *testing.T) {
			s := startWith(t, faulty("kind: "+c.fault))
			got := s.exchange(s.line("0100 stan=1 amount=666 pan=" + asked))
			if got.String(39) != "00" || got.String(2) != c.card || got.String(3) != c.code {
				t.Errorf("DE39 %s, DE2 %s, DE3 %s; want 00, %q, %s", got.String(39), got.String(2), got.String(3), c.card, c.code)
			}
			if all := s.authorizations(); len(all) != 1 || all[0]["pan"] != c.charged[:6]+"******"+c.charged[12:] {
				t.Errorf("charged: %+v, want %s", all, c.charged)
			}
		})
	}
}
