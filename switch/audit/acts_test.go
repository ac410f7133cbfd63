package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"switchyard/switch/audit"
)

// record makes the record of what operators did: a line an act, chained.
func record(acts ...string) string {
	var b strings.Builder
	hash := make([]byte, sha256.Size)
	for _, a := range acts {
		sum := sha256.Sum256(append(hash, a...))
		hash = sum[:]
		b.WriteString(`{"record":` + a + `,"hash":"` + hex.EncodeToString(hash) + "\"}\n")
	}
	return b.String()
}

// The acts of a day: a cutover, a decision that was refused, one that a crash cut off.
var dayActs = []string{
	`{"n":1,"who":"otto","what":"cutover","outcome":"begun"}`,
	`{"n":2,"who":"ada","what":"saf/close","parameters":{"seq":"7"},"outcome":"begun"}`,
	`{"n":3,"who":"otto","what":"cutover","begun":1,"outcome":"done"}`,
	`{"n":4,"who":"ada","what":"saf/close","begun":2,"outcome":"refused","error":"nothing is parked there"}`,
	`{"n":5,"who":"rita","what":"cutover","outcome":"refused","error":"rita has not the role operate"}`,
	`{"n":6,"who":"otto","what":"backup","outcome":"begun"}`,
}

// The record of what operators did agrees with itself, or the audit says where it was changed.
func TestActs(t *testing.T) {
	whole := record(dayActs...)
	lines := strings.SplitAfter(whole, "\n")
	changed := func(old, new string) string { return strings.Replace(whole, old, new, 1) }
	for name, c := range map[string]struct {
		text string
		want []string // a difference each
	}{
		"nothing":   {"", nil},
		"as it was": {whole, nil},
		"a changed one": {changed(`"ada","what":"saf/close","begun"`, `"bob","what":"saf/close","begun"`),
			[]string{"act 4, saf/close by bob: its hash", "act 4, saf/close by bob, is the end of act 2"}},
		"a changed hash": {changed(`"hash":"`, `"hash":"0`), []string{"act 1, cutover by otto: its hash"}},
		"one taken out": {lines[0] + strings.Join(lines[2:], ""),
			[]string{"act 3, cutover", "act 3 follows act 1", "act 4, saf/close by ada, is"}},
		"the first ones": {strings.Join(lines[4:], ""),
			[]string{"act 5, cutover by rita: its hash", "act 5 follows act 0: expected 1"}},
		"in other order": {lines[1] + lines[0],
			[]string{"act 2, saf/close", "act 2 follows", "act 1, cutover", "act 1 follows"}},
		"one put between": {lines[0] + record(dayActs[1]) + strings.Join(lines[2:], ""),
			[]string{"act 2, saf/close by ada: its hash", "act 3, cutover by otto: its hash"}},
		"ended twice": {record(append(dayActs[:3:3], strings.Replace(dayActs[2], `"n":3`, `"n":4`, 1))...),
			[]string{"act 4, cutover by otto, is the end of act 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			src := newWorld().sources()
			src.Acts = text(c.text)
			report, err := audit.Run(t.Context(), src, audit.Options{Acquirer: acquirer})
			if err != nil {
				t.Fatal(err)
			}
			if report.DifferenceCount != len(c.want) || report.Acts != strings.Count(c.text, "\n") {
				t.Errorf("%d acts, differences %+v", report.Acts, report.Differences)
			}
			for i := range min(len(c.want), len(report.Differences)) {
				if d := report.Differences[i]; d.Kind != audit.ActsChanged || !strings.HasPrefix(d.Detail, c.want[i]) {
					t.Errorf("%s: %s, want %s", d.Kind, d.Detail, c.want[i])
				}
			}
		})
	}
	src := newWorld().sources()
	src.Acts = text(strings.TrimSuffix(whole, "\n"))
	_, err := audit.Run(t.Context(), src, audit.Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "acts: line 6:") {
		t.Errorf("a record that breaks off: %v", err)
	}
}
