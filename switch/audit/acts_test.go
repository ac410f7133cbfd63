package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/switch/audit"
)

// deed is an act without its place in the record.
type deed struct {
	n                        uint64
	who, role, what, details string
}

// record makes the record of what operators did: a line an act, chained.
func record(deeds ...deed) string {
	var b strings.Builder
	before := make([]byte, sha256.Size)
	at := time.Date(2026, 11, 17, 12, 0, 0, 1, time.UTC)
	for _, d := range deeds {
		text := binary.BigEndian.AppendUint64(bytes.Clone(before), d.n)
		text = binary.BigEndian.AppendUint64(text, uint64(at.UnixNano()))
		for _, part := range []string{d.who, d.role, d.what, d.details} {
			text = append(binary.BigEndian.AppendUint32(text, uint32(len(part))), part...)
		}
		hash := sha256.Sum256(text)
		fmt.Fprintf(&b, `{"n":%d,"at":%q,"who":%q,"role":%q,"what":%q,"details":%s,"before":"%x","hash":"%x"}`+"\n", d.n,
			at.Format(time.RFC3339Nano), d.who, d.role, d.what, d.details, before, hash)
		before = hash[:]
	}
	return b.String()
}

// The acts of a day: a cutover, a decision that was refused, one that a crash cut off.
var dayActs = []deed{
	{1, "otto", "operate", "cutover", `{"outcome":"begun"}`},
	{2, "ada", "approve", "saf/close", `{"parameters":{"seq":"7"},"outcome":"begun"}`},
	{3, "otto", "operate", "cutover", `{"begun":1,"outcome":"done"}`},
	{4, "ada", "approve", "saf/close", `{"begun":2,"outcome":"refused","error":"nothing is parked there"}`},
	{5, "rita", "operate", "cutover", `{"outcome":"refused","error":"rita has not the role operate"}`},
	{6, "otto", "operate", "backup", `{"outcome":"begun"}`},
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
		"a changed one": {strings.Join(lines[:3], "") + strings.Replace(lines[3], "ada", "bob", 1) + lines[4] + lines[5],
			[]string{"act 4, saf/close by bob: its hash", "act 4, saf/close by bob, is the end of act 2"}},
		"a changed detail": {changed(`"seq":"7"`, `"seq":"8"`), []string{"act 2, saf/close by ada: its hash"}},
		"a changed time":   {changed(".000000001Z", ".000000002Z"), []string{"act 1, cutover by otto: its hash"}},
		"another before":   {changed(`"before":"00`, `"before":"01`), []string{"act 1, cutover by otto: its hash"}},
		"a changed hash":   {changed(`"hash":"`, `"hash":"0`), []string{"act 1, cutover by otto: its hash"}},
		"one taken out": {lines[0] + strings.Join(lines[2:], ""),
			[]string{"act 3 follows act 1", "act 3, cutover", "act 4, saf/close by ada, is"}},
		"the first ones": {strings.Join(lines[4:], ""),
			[]string{"act 5 follows act 0: expected 1", "act 5, cutover by rita: its hash"}},
		"in other order": {lines[1] + lines[0],
			[]string{"act 2 follows", "act 2, saf/close", "act 1 follows", "act 1, cutover"}},
		"one put between": {lines[0] + record(dayActs[1]) + strings.Join(lines[2:], ""),
			[]string{"act 2, saf/close by ada: its hash", "act 3, cutover by otto: its hash"}},
		"ended twice": {record(append(dayActs[:3:3], deed{4, "otto", "operate", "cutover", dayActs[2].details})...),
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
