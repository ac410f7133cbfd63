package steady_test

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/internal/loadgen/steady"
	"switchyard/switch/switchtest"
)

// All flows go straight at an issuer, in both editions of ISO 8583; what no message asks for is left out, and told.
func TestISOFlows(t *testing.T) {
	for _, dialect := range []string{"iso87ascii", "iso87bcd", "iso93ascii", "iso93bcd"} {
		t.Run(dialect, func(t *testing.T) {
			p, err := scenario.Read("s.yaml", []byte(`
closed: {in_flight: 10, for: 1h}
warmup: 0s
bad_requests: 0.1
flows:
  - {flow: day}
  - {flow: status}
  - {flow: repeat}
  - {flow: x, steps: [authorize, increment, capture, refund, sale, void, authorize, capture, void]}
`), nil)
			if err != nil {
				t.Fatal(err)
			}
			s := switchtest.Start(t, switchtest.Options{Dialect: dialect})
			o := options(t, s)
			var said []string
			o.Say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			o.Plan, o.ISO, o.Address, o.Dialect = p, true, s.IssuerPort(), dialect
			r, seen := untilAll(t, o)
			for _, op := range seen {
				want := record.Approved
				if op.Name == "bad" {
					want = record.Declined
				}
				if op.Ended() == 0 || op.Count(want) != op.Ended() || op.Name == "status" {
					t.Errorf("%s: %v, want all approved, bad ones declined, and none for status", op.Name, op.Outcomes)
				}
			}
			for _, f := range r.Failures {
				switch f.Class {
				case record.Declined: // bad ones
				case record.NoAnswer, record.Late: // in flight when the run was called off
				default:
					t.Errorf("%+v", f)
				}
			}
			left := "s: line 7: flow status: no message of ISO 8583 asks for status: it is left out"
			if !strings.Contains(strings.Join(said, "\n"), left) {
				t.Errorf("it said %q, want %q", said, left)
			}
			if r.Setup.Targets[0].Dialect != dialect {
				t.Errorf("the record has %+v", r.Setup.Targets)
			}
		})
	}
}

// A threshold of what an ISO 8583 host is not asked for could never be met.
func TestISOThresholdOfStatus(t *testing.T) {
	p, err := scenario.Read("s.yaml", []byte(
		"closed: {in_flight: 1, for: 1s}\nflows: [{flow: status}]\nthresholds: [status.p99 < 1s]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := steady.Defaults()
	o.Plan, o.ISO, o.Address, o.Say = p, true, "127.0.0.1:1", t.Logf
	const want = "threshold status.p99 < 1s: no request of this run asks for status: expected authorize"
	if _, err := steady.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
