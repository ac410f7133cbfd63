package steady_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/live"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
	"switchyard/switch/switchtest"
)

// A rate of flows and one of requests are two: at the same figure there are four times as many requests of the first,
// of flows of four. Both stand in the view and in the report.
func TestFlowsAndRequestsASecond(t *testing.T) {
	for _, iso := range []bool{false, true} {
		for _, perFlow := range []bool{false, true} {
			t.Run(fmt.Sprintf("iso %v, flows %v", iso, perFlow), func(t *testing.T) {
				s := switchtest.Start(t, switchtest.Options{})
				o := options(t, s)
				o.Rate, o.Fixed, o.Flow, o.PerFlow, o.Warmup = 200, true, "captures", perFlow, 0
				o.Duration = 500 * time.Millisecond
				if iso {
					o.ISO, o.Address = true, s.IssuerPort()
				}
				var recorder *record.Recorder
				o.Began = func(r *record.Recorder, _ time.Time) { recorder = r }
				r := run(t, o)
				flows, rate, of := uint64(24), 200.0, "requests"
				if perFlow {
					flows, of = 99, "flows"
				}
				// Those that are due behind the window are left: how many depends on how soon the machine answers.
				if r.Flows == nil || r.Flows.Asked == nil || *r.Flows.Asked != flows || r.Setup.Rate != rate ||
					r.Setup.RateOf != of {
					t.Fatalf("flows %+v at %g %s a second, want %d", r.Flows, r.Setup.Rate, r.Setup.RateOf, flows)
				}
				if all := r.Total(); all.Ended() < flows || all.Ended() > 4*flows || all.Count(record.Approved) != all.Ended() {
					t.Errorf("%d requests, %v; want one to four for each of %d flows", all.Ended(), all.Outcomes, flows)
				}
				var text bytes.Buffer
				if err := report.Text(&text, r); err != nil {
					t.Fatal(err)
				}
				snapshot := recorder.Snapshot(time.Second)
				for where, shown := range map[string]string{
					"report": strings.Join(strings.Fields(text.String()), " "),
					"view":   strings.Join(strings.Fields(strings.Join(live.Frame(&snapshot, o.Duration), " ")), " "),
				} {
					want := fmt.Sprintf("flows asked %d,", flows)
					if where == "view" {
						want = fmt.Sprintf("flows %d/s %d", flows, r.Flows.Ended)
					}
					if !strings.Contains(shown, want) || !strings.Contains(shown, "asked") {
						t.Errorf("the %s has no %q:\n%s", where, want, shown)
					}
				}
			})
		}
	}
}
