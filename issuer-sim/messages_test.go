package issuersim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	issuersim "switchyard/issuer-sim"

	"switchyard/internal/vfs"
)

// TestMessages runs the files of testdata/messages: messages in, answers and books out. Each file has its own server,
// with a data folder in memory so that "restart" can show that all of it comes back.
//
//	msg        a message a line, answers in their order
//	restart    close the server and start one on the same folder
//	ledger     the books
//	auths      the authorizations
//	http       METHOD path, then the body
func TestMessages(t *testing.T) {
	datadriven.Walk(t, "testdata/messages", func(t *testing.T, path string) {
		options := issuersim.Options{Seed: 7, FS: vfs.NewMem(), DataDir: "data"}
		whole := t
		s := start(whole, options)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			defer func() { s.audit() }()
			switch d.Cmd {
			case "msg":
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					m, err := message(line)
					if err != nil {
						d.Fatalf(t, "%s: %v", line, err)
					}
					fmt.Fprintln(&out, show(s.exchange(m)))
				}
				return out.String()
			case "silent":
				// Nothing comes back: an echo sent behind it is answered first.
				m, err := message(d.Input)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				echo, _ := message("0800 stan=999999 net=301")
				s.send(m, echo)
				return show(s.receive())
			case "restart":
				s.stop()
				s = start(whole, options)
				return ""
			case "ledger":
				return showLedger(s.server.Ledger())
			case "auths":
				return s.showAuthorizations()
			case "http":
				status, body := s.http(d.CmdArgs[0].Key, d.CmdArgs[1].Key, d.Input)
				return fmt.Sprintf("%d %s", status, body)
			}
			d.Fatalf(t, "command %q is not known", d.Cmd)
			return ""
		})
	})
}

func showLedger(l issuersim.Ledger) string {
	var names []string
	for name := range l.Currencies {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		b := l.Currencies[name]
		fmt.Fprintf(&out, "%s cardholders=%d available=%d holds=%d unsettled=%d settled=%d capital=%d balanced=%v\n",
			name, b.Cardholders, b.Available, b.Holds, b.Unsettled, b.Settled, b.Capital, b.Balanced)
	}
	return out.String()
}

// showAuthorizations is what GET /v1/authorizations says, in short, by RRN.
func (s *sim) showAuthorizations() string {
	var lines []string
	for _, a := range s.authorizations() {
		line := fmt.Sprintf(
			"%s %s %s authorized=%v captured=%v hold=%v", a["rrn"], a["kind"], a["response_code"], a["authorized"],
			a["captured"], a["hold"],
		)
		for _, flag := range []string{"reversed", "over_hold"} {
			if a[flag] == true {
				line += " " + flag
			}
		}
		for _, list := range []string{"increments", "postings"} {
			for _, one := range a[list].([]any) {
				b, _ := json.Marshal(one)
				line += "\n  " + list[:len(list)-1] + " " + string(b)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// A reversal that says nothing of its original but the RRN finds what was declined as long as it is remembered, both
// of what came before the first such reversal and of what comes after it.
func TestOriginalsByRRNAlone(t *testing.T) {
	const (
		remembered = 256 // of a card: the least that there is
		many       = 300
	)
	s := start(t, issuersim.Options{Limits: issuersim.Limits{Messages: 1}})
	decline := func(from, to int) {
		for n := from; n < to; n++ {
			if got := s.exchange(s.line(fmt.Sprintf("0100 pan=4000000000000515 stan=%d", n))); got.String(39) != "51" {
				t.Fatalf("%d: %s", n, show(got))
			}
		}
	}
	reversals := 0
	reverse := func(rrn int, want string) {
		t.Helper()
		reversals++
		got := s.exchange(s.line(fmt.Sprintf("0420 pan=4000000000000515 stan=%d rrn=R%d", 10_000+reversals, rrn)))
		if got.String(39) != want {
			t.Errorf("the reversal of R%d: %s, want %s", rrn, show(got), want)
		}
	}
	decline(1, many)
	reverse(many-1, "00")
	reverse(many-remembered-1, "25") // forgotten
	reverse(many-remembered+10, "00")
	decline(many, 2*many)
	reverse(2*many-1, "00")
	reverse(2*many-remembered-1, "25")
	reverse(2*many-remembered+10, "00")
	reverse(2*many-1, "00")
	reverse(9999, "25")
	s.audit()
}
