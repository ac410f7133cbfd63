package txswitch_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"switchyard/internal/httpcall"
	"switchyard/switch/journal"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// acted is an act in short: what a test says of it.
func acted(t *testing.T, a *operator.Act) string {
	d, err := a.Read()
	if err != nil {
		t.Error(err)
	}
	text := fmt.Sprintf("%s as %s: %s", a.Who, a.Role, a.What)
	for _, name := range []string{"wait", "ahead", "to", "host", "seq", "dir", "token", "recover"} {
		if value, there := d.Parameters[name]; there {
			text += " " + name + "=" + value
		}
	}
	text += " " + d.Outcome
	if d.Error != "" {
		text += ", " + d.Error
	}
	return text
}

// acts are all acts of a switch, in short; each ends the one before it if it ends any.
func acts(t *testing.T, c *client.Client) (all []string) {
	t.Helper()
	n := uint64(0)
	err := c.EachAct(t.Context(), 0, func(a *operator.Act) error {
		d, err := a.Read()
		if n++; err != nil || a.N != n || a.At.IsZero() || d.Begun != 0 && d.Begun != n-1 {
			t.Errorf("act %d: %+v, %v", n, a, err)
		}
		all = append(all, acted(t, a))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// chained holds each act against the one before, and returns the newest hash.
func chained(t *testing.T, c *client.Client) (newest string) {
	t.Helper()
	newest = strings.Repeat("0", 64)
	err := c.EachAct(t.Context(), 0, func(a *operator.Act) error {
		before, err := hex.DecodeString(a.Before)
		kept := journal.Act{
			Number: a.N, At: a.At, Who: a.Who, Role: string(a.Role), What: a.What, Details: a.Details,
			Before: [32]byte(before),
		}
		hash := kept.Hash()
		if err != nil || a.Before != newest || a.Hash != hex.EncodeToString(hash[:]) {
			t.Errorf("act %+v follows %s: %v", a, newest, err)
		}
		newest = a.Hash
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}

func wantActs(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("nobody did: %s", got[i])
		case i >= len(got):
			t.Errorf("not recorded: %s", want[i])
		case !strings.HasPrefix(got[i], want[i]):
			t.Errorf("recorded: %s\nwant: %s", got[i], want[i])
		}
	}
}

// Who did what is recorded with what came of it, refused or not, in the journal: it outlives the switch, and what was
// answered outlives a crash.
func TestActs(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Operators: operators})
	reader, operate, approve := s.APIAs(readerToken), s.APIAs(operatorToken), s.APIAs(approverToken)
	day := s.Switch.Stats().OpenDay
	_, done := operate.Cutover(t.Context(), client.Cutover{})
	_, refused := operate.Cutover(t.Context(), client.Cutover{To: "2001-01-01"})
	_, forbidden := reader.Cutover(t.Context(), client.Cutover{Ahead: true})
	nothing := approve.CloseAdvice(t.Context(), "issuer", 7)
	if _, err := approve.ConfirmClock(t.Context()); err != nil {
		t.Error(err)
	}
	backup := operate.Backup(t.Context(), "copy")
	if done != nil || httpcall.Status(refused) != http.StatusConflict ||
		httpcall.Status(forbidden) != http.StatusForbidden || !client.NotFound(nothing) || backup != nil {
		t.Fatalf("%v; %v; %v; %v; %v", done, refused, forbidden, nothing, backup)
	}
	want := []string{
		"otto as operate: cutover begun",
		"otto as operate: cutover done",
		"otto as operate: cutover to=2001-01-01 begun",
		"otto as operate: cutover to=2001-01-01 refused, business date ",
		"rita as operate: cutover ahead=true refused, rita has not the role operate",
		"ada as approve: saf/close host=issuer seq=7 begun",
		"ada as approve: saf/close host=issuer seq=7 refused, ",
		"ada as approve: clock/confirm begun",
		"ada as approve: clock/confirm done",
		"otto as operate: backup dir=copy begun",
		"otto as operate: backup dir=copy done",
	}
	wantActs(t, acts(t, reader), want...)
	if now := s.Switch.Stats().OpenDay; now == day {
		t.Errorf("%s is still open", day)
	}
	before := chained(t, reader)
	s.CrashSwitch()
	s.StartSwitch()
	reader, operate = s.APIAs(readerToken), s.APIAs(operatorToken)
	wantActs(t, acts(t, reader), want...)
	if after := chained(t, reader); after != before {
		t.Errorf("the newest hash was %s and is %s", before, after)
	}
	if err := operate.RetryAdvice(t.Context(), "issuer", 7); !client.NotFound(err) {
		t.Error(err)
	}
	wantActs(t, acts(t, reader), append(want, "otto as operate: saf/retry host=issuer seq=7 begun",
		"otto as operate: saf/retry host=issuer seq=7 refused, ")...)
	chained(t, reader)
	s.Audit()
}

// Where nobody is asked who they are, the record has the way by which they came.
func TestActsOfAnybody(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{OperatorSocket: true})
	socket, err := client.With(httpcall.Socket+s.OperatorSocket, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{s.API(), socket} {
		if _, err := c.ConfirmClock(t.Context()); err != nil {
			t.Error(err)
		}
	}
	bySocket := "socket as approve: clock/confirm "
	if runtime.GOOS == "linux" { // which tells the user
		bySocket = fmt.Sprintf("socket uid %d as approve: clock/confirm ", os.Getuid())
	}
	wantActs(t, acts(t, socket), "loopback as approve: clock/confirm begun", "loopback as approve: clock/confirm done",
		bySocket+"begun", bySocket+"done")
}

// I12: what could be a card number is masked in the record, wherever somebody has put one, and a long value is cut.
func TestActsHoldNoCard(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	long := strings.Repeat("ä", 4000)
	for _, host := range []string{switchtest.GoodCard, long} {
		if err := s.API().RetryAdvice(t.Context(), host, 1); !client.NotFound(err) {
			t.Error(err)
		}
	}
	all := strings.Join(acts(t, s.API()), "\n")
	if strings.Contains(all, switchtest.GoodCard) || !strings.Contains(all, "host=411111******1111") {
		t.Errorf("the record says %s", all)
	}
	if strings.Contains(all, long) || !strings.Contains(all, "ää… ") || strings.ContainsRune(all, '\uFFFD') {
		t.Errorf("the record says %s", all)
	}
}
