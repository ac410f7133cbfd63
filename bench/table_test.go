package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	loadrecord "switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
)

func TestMedians(t *testing.T) {
	runs := []steady.Summary{
		{TPS: 30, P50MS: 1, Errors: 5, InFlight: 128, Valid: true}, {TPS: 10, P50MS: 9, Errors: 1, InFlight: 128},
		{TPS: 20, P50MS: 4, Errors: 3, InFlight: 128, Valid: true},
	}
	if medians(runs).Valid || !medians(runs[:1]).Valid {
		t.Error("runs count as valid although one is not, or do not although all are")
	}
	m := medians(runs)
	if m.TPS != 20 || m.P50MS != 4 || m.Errors != 3 || m.InFlight != 128 {
		t.Errorf("%+v, want the middle of each figure", m)
	}
	if got := medianOf([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("%v, want the mean of the two in the middle", got)
	}
}

// threeRuns is a result of three runs, in each of which the switch comes to another share of the ceiling.
func threeRuns() *result {
	r := &result{TwoSyncsMS: []float64{1, 2, 4}}
	for _, n := range sizes {
		at := inFlight(n)
		r.Loads = append(r.Loads,
			&series[steady.Summary]{Of: theCeiling, At: at, Runs: []steady.Summary{
				{TPS: 100_000, P50MS: 1, SwitchdCPUUS: 8}, {TPS: 50_000, P50MS: 2, SwitchdCPUUS: 8},
				{TPS: 80_000, P50MS: 4, SwitchdCPUUS: 9},
			}},
			&series[steady.Summary]{Of: theSwitch, At: at, Runs: []steady.Summary{
				{TPS: 20_000, P50MS: 2, SwitchdCPUUS: 30, IssuerCPUUS: 9, LoadCPUUS: 6},
				{TPS: 25_000, P50MS: 3, SwitchdCPUUS: 16, IssuerCPUUS: 9, LoadCPUUS: 6},
				{TPS: 40_000, P50MS: 4, SwitchdCPUUS: 15, IssuerCPUUS: 9, LoadCPUUS: 6},
			}},
		)
	}
	for _, load := range r.Loads {
		for i := range load.Runs {
			load.Runs[i].Valid = true
		}
	}
	return r
}

// A run that is not valid stands in the record and in the table as what it is. Where most of the switch's are not, or
// of the ceiling's, nothing is reached.
func TestRunsThatAreNotValid(t *testing.T) {
	const share = "share of the ceiling, 1024 in flight"
	r := threeRuns()
	spoil := func(of string, runs ...int) {
		for _, i := range runs {
			one := &r.find(of, inFlight(1024)).Runs[i]
			one.Valid, one.Validity = false, []loadrecord.Check{{Name: "unheard", OK: true}, {Name: "late p99"}}
		}
	}
	spoil(theSwitch, 1)
	rows := r.table()
	if got := find(t, rows, share); got.met() != "reached" || got.doubt() != "1 of 6 runs not valid: late p99" {
		t.Errorf("%+v is %s, with %q", got, got.met(), got.doubt())
	}
	if got := find(t, rows, "synced authorizations, 128 in flight"); got.doubt() != "" || got.Runs != 6 {
		t.Errorf("%+v has %q, and its runs are valid", got, got.doubt())
	}
	spoil(theSwitch, 0, 2)
	r.Table = r.table()
	if got := find(t, r.Table, share); got.met() != "not valid" {
		t.Errorf("%+v is %s although no run of the switch is valid", got, got.met())
	}
	ceiling := threeRuns()
	for i := range 2 {
		ceiling.find(theCeiling, inFlight(1024)).Runs[i].Valid = false
	}
	if got := find(t, ceiling.table(), share); got.met() != "not valid" {
		t.Errorf("%+v is %s although most runs of the ceiling are not valid", got, got.met())
	}
	var out strings.Builder
	if err := r.print(&out); err != nil || !strings.Contains(out.String(), "3 of 6 runs not valid: late p99") {
		t.Errorf("%v: the table says nothing of it:\n%s", err, &out)
	}
	if text, err := json.Marshal(r); err != nil || !strings.Contains(string(text), `"not_valid":3`) ||
		!strings.Contains(string(text), `"valid":false`) {
		t.Errorf("%v: the record says nothing of it: %s", err, text)
	}
	own := r.find(theSwitch, inFlight(1024))
	if line := loadLine(&own.Runs[0]) + restLine(own); strings.Count(line, "not valid: late p99") != 2 {
		t.Errorf("its lines say nothing of it: %s", line)
	}
}

func find(t *testing.T, rows []row, figure string) row {
	t.Helper()
	for _, r := range rows {
		if r.Figure == figure {
			return r
		}
	}
	t.Fatalf("no row of %q", figure)
	return row{}
}

// A share is of the run in the same turn, and its median is taken then: not the share of two medians.
func TestShareIsOfTheSameTurn(t *testing.T) {
	rows := threeRuns().table()
	if r := find(t, rows, "share of the ceiling, 1024 in flight"); r.Reached != 50 || r.met() != "reached" {
		t.Errorf("%+v is %s, want 50%% and reached", r, r.met())
	}
	if r := find(t, rows, "p50 with one in flight, of two append + fsync"); r.Reached != 1.5 || r.Ceiling != 1 {
		t.Errorf("%+v, want 1.5 times, the ceiling once", r)
	}
	if r := find(t, rows, "CPU of switchd a payment, 1024 in flight"); r.Reached != 16 || r.Ceiling != 8 ||
		r.met() != "reached" || r.share() != "50%" {
		t.Errorf("%+v is %s, share %s; want 16 µs, reached, of which the ceiling's part is half", r, r.met(), r.share())
	}
	if r := find(t, rows, "synced authorizations, 1024 in flight"); r.Reached != 25_000 || r.met() != "" {
		t.Errorf("%+v is %q, want the median and no aim", r, r.met())
	}
}

// Each row of the table is printed, what was not measured with the command that would. The record has the others.
func TestPrint(t *testing.T) {
	show := func(r *result) string {
		var out strings.Builder
		if err := r.print(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	line := func(text, figure string) string {
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, figure+"  ") {
				return strings.Join(strings.Fields(strings.TrimPrefix(l, figure)), " ")
			}
		}
		t.Errorf("no row of %q in\n%s", figure, text)
		return ""
	}
	missing := map[string]string{
		"share of the ceiling, 1024 in flight": "40% 60% make bench ONLY=switch",
		"share of the ceiling, 128 in flight":  "65% 85% make bench ONLY=switch",
		"against jPOS's bare relay without a sync, 1024 in flight": "1.30 times 1.60 times " +
			"make bench ONLY=jpos JPOS=COMMAND",
		"the same, best of these":                     "50000 a second 65000 a second make bench ONLY=switch",
		"CPU of switchd a payment, 2000 due a second": "60 µs 30 µs make bench ONLY=open",
		"p99, 10000 due a second":                     "8 ms 5 ms make bench ONLY=open",
		"codec: allocations of both":                  "0 make bench ONLY=codec",
		"throughput with 10000000 payments stored, of that with none": "90% 97% make bench ONLY=stored STORED=10000000 " +
			"DURATION=30s",
		"memory of switchd at full rate, 10000000 payments stored": "250 MiB 213 MiB make bench ONLY=stored " +
			"STORED=10000000 DURATION=30s",
		"disk a payment, compacted, 10000000 payments stored": "230 bytes 200 bytes make bench ONLY=stored " +
			"STORED=10000000 DURATION=30s",
		"authorized, captured and cleared payments":    "25000 a second 30000 a second make bench ONLY=full",
		"drain of 1000000 advices beside 500 a second": "25000 a second make bench ONLY=drain",
		"p99 of the 500 a second beside it":            "8 ms make bench ONLY=drain",
	}
	nothing := show(&result{})
	for figure, want := range missing {
		if got := line(nothing, figure); got != "not measured "+want {
			t.Errorf("%s: %q, want %q", figure, got, "not measured "+want)
		}
	}
	if none := measured(new(result).table()); len(none) > 0 {
		t.Errorf("the record of nothing has %v", none)
	}
	some := threeRuns()
	text := show(some)
	if got := line(text, "share of the ceiling, 1024 in flight"); got != "50% 40% 60% reached" {
		t.Errorf("%q, want 50%% and reached", got)
	}
	for _, figure := range []string{"p99, 10000 due a second", "authorized, captured and cleared payments"} {
		if got := line(text, figure); got != "not measured "+missing[figure] {
			t.Errorf("%s: %q, want %q", figure, got, "not measured "+missing[figure])
		}
	}
}

// Nothing to be allocated is an aim.
func TestNoAllocations(t *testing.T) {
	r := &result{Codec: &codec{PackNS: 300, UnpackNS: 300, Dialects: []dialect{{Name: "x", PackNS: 300, UnpackNS: 300}}}}
	for _, figure := range []string{"codec: allocations of both", "codec, slowest dialect: allocations"} {
		if got := find(t, r.table(), figure); got.met() != "reached" || got.toReach() != "0" {
			t.Errorf("%s: %+v is %q", figure, got, got.met())
		}
	}
	r.Codec.PackAllocs, r.Codec.Dialects[0].UnpackAllocs = 1, 2
	for _, figure := range []string{"codec: allocations of both", "codec, slowest dialect: allocations"} {
		if got := find(t, r.table(), figure); got.met() != "not yet" {
			t.Errorf("%s: %+v is %q", figure, got, got.met())
		}
	}
}

// The aims of a full journal are none of one that is not.
func TestStoredRows(t *testing.T) {
	const full = "disk a payment, compacted, 10000000 payments stored"
	load := threeRuns().Loads[0]
	r := &result{Stored: &stored{Payments: 300_000, With: load, Empty: load, BytesAPayment: 226}}
	if got := find(t, r.table(), "disk a payment, compacted, 300000 payments stored"); got.met() != "" || got.by != "" {
		t.Errorf("%+v is %q, want no aim", got, got.met())
	}
	if got := find(t, r.table(), full); got.by == "" {
		t.Errorf("%+v, want it not measured", got)
	}
	r.Stored.Payments = storedOfAim
	rows := r.table()
	if got := find(t, rows, full); got.met() != "reached" || got.by != "" {
		t.Errorf("%+v is %q, want reached", got, got.met())
	}
	if n := len(rows); n != len(new(result).table()) {
		t.Errorf("%d rows, want each once", n)
	}
}

// A whole flow says of its runs, too, whether they are valid.
func TestFullThatIsNotValid(t *testing.T) {
	r := &result{Full: &series[fullSummary]{Runs: []fullSummary{
		{PaymentsTPS: 26_000, Valid: true}, {PaymentsTPS: 27_000, Validity: []loadrecord.Check{{Name: "own processor time"}}},
	}}}
	got := find(t, r.table(), "authorized, captured and cleared payments")
	if got.met() != "reached" || got.doubt() != "1 of 2 runs not valid: own processor time" {
		t.Errorf("%+v is %q with %q", got, got.met(), got.doubt())
	}
	r.Full.Runs[0].Valid = false
	if got := find(t, r.table(), got.Figure); got.met() != "not valid" {
		t.Errorf("%+v is %q although no run is valid", got, got.met())
	}
}

// What was recorded before is not written over.
func TestRecord(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 11, 26, 5, 0, 0, 0, time.UTC)
	for _, want := range []string{"2026-11-26-abc.json", "2026-11-26-abc-2.json", "2026-11-26-abc-3.json"} {
		path, err := record(dir, at, "abc", threeRuns())
		if err != nil || filepath.Base(path) != want {
			t.Fatalf("%s, %v; want %s", path, err, want)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"two_syncs_ms"`) {
			t.Errorf("%s, %v", text, err)
		}
	}
}
