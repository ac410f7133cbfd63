package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// counter is a counter with one value for each value of its label.
func counter(label string, values map[string]float64) *dto.MetricFamily {
	f := new(dto.MetricFamily)
	for value, count := range values {
		f.Metric = append(f.Metric, &dto.Metric{
			Label: []*dto.LabelPair{{Name: &label, Value: &value}}, Counter: &dto.Counter{Value: &count},
		})
	}
	return f
}

// histogram has counted so many up to 1 ms, 10 ms, and in all.
func histogram(upTo1ms, upTo10ms, all uint64) *dto.MetricFamily {
	bounds := []float64{.001, .01, math.Inf(1)}
	h := &dto.Histogram{Bucket: []*dto.Bucket{
		{UpperBound: &bounds[0], CumulativeCount: &upTo1ms}, {UpperBound: &bounds[1], CumulativeCount: &upTo10ms},
		{UpperBound: &bounds[2], CumulativeCount: &all},
	}}
	return &dto.MetricFamily{Metric: []*dto.Metric{{Histogram: h}}}
}

// What happened between two looks: counters by the time between them, one that began anew by itself, and quantiles of
// what was counted since.
func TestTopOfASpan(t *testing.T) {
	begin := time.Date(2026, 11, 21, 22, 2, 11, 0, time.UTC)
	bytes, free := float64(3<<20), uint64(1536<<20)
	before := &look{at: begin, stats: new(operator.Stats), metrics: map[string]*dto.MetricFamily{
		"switchyard_requests_total":  counter("outcome", map[string]float64{"approved": 100, "declined": 9, "busy": 4}),
		"switchyard_request_seconds": histogram(10, 10, 10),
	}}
	after := &look{
		at: begin.Add(2 * time.Second),
		stats: &operator.Stats{
			InFlight: 7, SAF: operator.SAFStats{Queued: 3, Parked: 1}, OpenDay: "2026-11-21", Now: begin, Clock: "is behind",
			DiskFreeBytes: &free,
			Links:         map[string][]operator.LinkStats{"visa": {{Link: "1", State: "up", InUse: 5, Window: 2048}}},
		},
		metrics: map[string]*dto.MetricFamily{
			"switchyard_requests_total":     counter("outcome", map[string]float64{"approved": 180, "declined": 2, "busy": 4}),
			"switchyard_request_seconds":    histogram(60, 110, 110),
			"switchyard_journal_disk_bytes": {Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &bytes}}}},
		},
	}
	want := `switch    2026-11-21 22:02:11 UTC, business date 2026-11-21, ready
clock     is behind
requests  41.0 a second: approved 40.0, declined 1.0
answers   p50 1ms, p99 9.82ms
issuers   –
queue     3 queued, 1 parked; 7 requests in flight
disk      1536.0 MiB free; journal 3.0 MiB; syncs –

LINK    STATE  IN USE  WINDOW  SENT/S  RECEIVED/S
visa/1  up     5       2048    0.0     0.0
`
	var text strings.Builder
	writeSpan(&text, &span{before, after})
	if text.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", text.String(), want)
	}
}

// What top reads of a switch is there, under the names by which it reads it.
func TestTopOfASwitch(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	see := func() *look {
		seen, err := lookAt(t.Context(), s.API())
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	before := see()
	if a := s.Do(switchtest.Authorize("a", 1000)); !a.Approved {
		t.Fatalf("authorize: %+v", a)
	}
	var missing []string
	defer func() {
		if t.Failed() {
			t.Errorf("top has not seen: %s", strings.Join(missing, ", "))
		}
	}()
	s.Await("top sees an authorization", func() bool {
		between := &span{before, see()}
		sent := between.rates("switchyard_link_sent_total", "host", "link")
		received := between.rates("switchyard_link_received_total", "host", "link")
		linked := false
		for host, links := range between.after.stats.Links {
			linked = linked || slices.ContainsFunc(links, func(l operator.LinkStats) bool {
				return sent[host+"/"+l.Link] > 0 && received[host+"/"+l.Link] > 0
			})
		}
		missing = nil
		for what, seen := range map[string]bool{
			"requests": strings.Contains(between.requests(), "approved"),
			"answers":  between.quantiles("switchyard_request_seconds") != "–",
			"issuers":  between.quantiles("switchyard_link_round_trip_seconds") != "–",
			"syncs":    between.quantiles("switchyard_journal_sync_seconds") != "–",
			"journal":  between.after.by("switchyard_journal_disk_bytes")[""] > 0,
			"links":    linked,
		} {
			if !seen {
				missing = append(missing, what)
			}
		}
		return len(missing) == 0
	})
}

// A switch that does not answer for a while is waited for, and then shown by what it did since it answers again.
func TestTopWaitsForASwitchThatIsStartedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			fmt.Fprint(w, "# TYPE switchyard_requests_total counter\nswitchyard_requests_total{outcome=\"approved\"} 1\n")
			return
		case looks.Add(1) == 2:
			http.Error(w, "it stops", http.StatusServiceUnavailable)
			return
		case looks.Load() == 5:
			cancel()
			<-r.Context().Done() // the client has gone
			return
		}
		fmt.Fprintln(w, `{"clearing_dir":"clearing","open_day":"2026-11-21","now":"2026-11-21T22:02:11Z"}`)
	}))
	defer port.Close()
	var out strings.Builder
	err := watch(ctx, &out, nil, client.New(strings.TrimPrefix(port.URL, "http://")), time.Millisecond, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	lost, told, _ := strings.Cut(out.String(), "\n\n")
	if lost != "no answer: GET /v1/stats: 503 Service Unavailable: it stops" ||
		!strings.HasPrefix(told, "switch    2026-11-21 22:02:11 UTC, business date 2026-11-21, ready\nrequests  none\n") ||
		strings.Count(told, "switch ") != 1 {
		t.Errorf("printed\n%s", out.String())
	}
}
