package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/matching"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// Exceptions get notes and are matched by hand, durably; the switch that is stopped shows them.
func TestReconcileByHand(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	p := s.Do(switchtest.Authorize("a", 1000))
	s.Do(switchtest.On(api.OpCapture, "c", p.Payment, 1000))
	s.AwaitDrained()
	var closed struct {
		BusinessDate string `json:"business_date"`
	}
	s.Operator("POST", "/v1/cutover", &closed)
	date, at := closed.BusinessDate, []string{"--operator", s.OperatorAddr}
	// No file is there, and the day on which it would still be late is over.
	empty := t.TempDir()
	of := append(at, "--date", date, "--clearing", empty, "--late-days", "0", "--as-of", "2099-01-01")
	run := func(args ...string) (out, said string, err error) {
		return execute(t, newReconcileCmd(), args...)
	}
	exception := "presented/" + p.Payment + "-1"
	if out, _, err := run(of...); !errors.Is(err, errNo) || !strings.Contains(out, exception) {
		t.Fatalf("%s, %v", out, err)
	}
	if out, _, err := run(append(at, "note", exception, "asked the bank", "--by", "anna")...); err != nil ||
		out != "noted (1): "+exception+"\n" {
		t.Errorf("note: %s, %v", out, err)
	}
	match := append([]string{"match"}, of...)
	for want, args := range map[string][]string{
		"refused: ours come to 10.00 EUR, theirs to 0.00 EUR: --difference 10.00 says so\n": {"--reason", "lost", exception},
		"refused: nothing: no exception of the date has it\n":                               {"--reason", "lost", "nothing"},
		"refused: the journal has no business date 2001-01-01: switchctl days lists them\n": {
			"--reason", "lost", "--date", "2001-01-01", exception,
		},
	} {
		if _, said, err := run(append(match, args...)...); !errors.Is(err, errNo) || said != want {
			t.Errorf("%v: %q, %v, want %q", args, said, err, want)
		}
	}
	if _, _, err := run(append(match, "--reason", "lost", "--difference", "10,00", exception)...); err == nil ||
		errors.Is(err, errNo) {
		t.Error("a difference that is no amount is taken")
	}
	lost := append(match, "--reason", "the file is lost", "--difference", "10.00")
	if out, said, err := run(append(lost, p.Payment+"-1", exception)...); err != nil ||
		out != "matched by hand (2): ours 1, 10.00 EUR, theirs 0, 0.00 EUR\n" {
		t.Errorf("match: %s, %s, %v", out, said, err)
	}
	out, _, err := run(of...)
	if err != nil || !strings.Contains(out, "presented  manually matched") ||
		!strings.Contains(out, "difference 10.00 EUR: the file is lost") || !strings.HasSuffix(out, "0 wrong, 0 late\n") {
		t.Errorf("with a match by hand: %s, %v", out, err)
	}
	if out, said, err := run(append(at, "unmatch", "2", "--reason", "found")...); err != nil ||
		out != "match 2 by hand is taken back\n" {
		t.Errorf("unmatch: %s, %s, %v", out, said, err)
	}
	for _, args := range [][]string{{"unmatch", "2", "--reason", "found"}, {"unmatch", "1", "--reason", "a note"}} {
		if _, said, err := run(append(at, args...)...); !errors.Is(err, errNo) ||
			!strings.HasPrefix(said, "refused: there is no match") {
			t.Errorf("%v: %s, %v", args, said, err)
		}
	}
	if got, _, err := execute(t, newActsCmd(), at...); err != nil || !strings.Contains(got, "reconciliations/match") {
		t.Errorf("acts: %s, %v", got, err)
	}
	unnamed := matching.Manual{
		Relation: matching.Presented, Currency: "EUR", Reason: "lost", Ours: []matching.Item{{NetMinor: 5}},
		DifferenceMinor: 5,
	}
	if _, err := s.API().MatchManually(t.Context(), &unnamed); err == nil || !strings.Contains(err.Error(), "a name") {
		t.Errorf("an item without a name: %v", err)
	}

	s.StopSwitch()
	data := filepath.Join(t.TempDir(), "data")
	if _, err := vfs.Clone(s.FS, vfs.Default, s.Config.Data, data); err != nil {
		t.Fatal(err)
	}
	out, _, err = run("--data", data, "--date", date, "--clearing", empty, "--late-days", "0", "--as-of", "2099-01-01")
	if !errors.Is(err, errNo) || !strings.Contains(out, exception) || !strings.Contains(out, "(anna): asked the bank") {
		t.Errorf("of a stopped switch: %s, %v", out, err)
	}
}

// Where two people are wanted for it, the first one's command proposes a match, and the second one's makes it.
func TestReconcileByTwo(t *testing.T) {
	ann, bob := strings.Repeat("n", 32), strings.Repeat("b", 32)
	s := switchtest.Start(t, switchtest.Options{
		Operators: []switchtest.Operator{
			{Name: "ann", Token: ann, Roles: operator.Roles()}, {Name: "bob", Token: bob, Roles: operator.Roles()},
		},
		Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = []operator.Topic{operator.TopicMatch} },
	})
	first, second := s.Do(switchtest.Authorize("a", 1000)), s.Do(switchtest.Authorize("b", 500))
	s.Do(switchtest.On(api.OpCapture, "c", first.Payment, 1000))
	s.Do(switchtest.On(api.OpCapture, "d", second.Payment, 500))
	s.AwaitDrained()
	closed, err := s.API().Cutover(t.Context(), client.Cutover{})
	if err != nil {
		t.Fatal(err)
	}
	as := func(token string, args ...string) (out string, err error) {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, err = execute(t, newReconcileCmd(), append(args, "--operator", s.OperatorAddr, "--token-file", file)...)
		return out, err
	}
	want := func(out string, err error, begins string) {
		t.Helper()
		if err != nil || !strings.HasPrefix(out, begins) {
			t.Fatalf("%s, %v, want %q", out, err, begins)
		}
	}
	match := []string{
		"match", "--date", closed.BusinessDate, "--clearing", t.TempDir(), "--late-days", "0", "--as-of", "2099-01-01",
		"--reason", "lost", "--difference", "15.00", first.Payment + "-1", second.Payment + "-1",
	}
	out, err := as(ann, match...)
	want(out, err, "proposed as number 1: another identity")
	if _, err := as(ann, match...); !errors.Is(err, errNo) {
		t.Errorf("by the same one twice: %v", err)
	}
	out, err = as(bob, match...)
	want(out, err, "matched by hand (1): ours 2, 15.00 EUR")
	unmatch := []string{"unmatch", "1", "--reason", "found"}
	out, err = as(bob, unmatch...)
	want(out, err, "proposed as number 2: another identity")
	out, err = as(ann, unmatch...)
	want(out, err, "match 1 by hand is taken back")
}
