package live_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen/live"
	"switchyard/internal/loadgen/record"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

const ms = time.Millisecond

// tenSeconds is a recorder of ten seconds after two of warm-up at 100 requests a second, of which those of the first
// few are told.
func tenSeconds(t *testing.T, model record.Model, told time.Duration) *record.Recorder {
	t.Helper()
	r, err := record.New(record.Config{
		Model: model, Operations: []string{"authorize"}, Warmup: 2 * time.Second, Window: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Shard(0)
	for n := range int(told / (10 * ms)) {
		due := time.Duration(n) * 10 * ms
		if model == record.Open {
			s.Due(0, due)
		}
		s.Sent(0, due, due)
		switch {
		case n%50 == 49: // no answer yet
		case n%100 == 13: // and none at all
			s.Done(0, due, due, due+time.Millisecond, record.NoAnswer, "")
		case n%20 == 7:
			s.Done(0, due, due, due+3*ms, record.Declined, "51")
		case n%100 == 11:
			s.Done(0, due, due, due+150*ms, record.Refused, "busy")
		default:
			s.Done(0, due, due, due+time.Duration(n%10+1)*ms, record.Approved, "")
		}
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestFrameAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		model    record.Model
		told, at time.Duration
	}{
		"beginning": {record.Open, 0, 300 * ms},
		"warm-up":   {record.Open, 1500 * ms, 1500 * ms},
		"window":    {record.Open, 8 * time.Second, 8 * time.Second},
		"closed":    {record.Closed, 8 * time.Second, 8 * time.Second},
		"drain":     {record.Open, 12 * time.Second, 12500 * ms},
	} {
		s := tenSeconds(t, c.model, c.told).Snapshot(c.at)
		frame := strings.Join(live.Frame(&s, 10*time.Second), "\n")
		golden(t, name+".txt", frame+"\n\n"+live.Line(&s, 10*time.Second)+"\n")
	}
}

func TestLinesWhereThereIsNoTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := live.Start(live.Options{
			Recorder: tenSeconds(t, record.Open, 0), Began: time.Now(), Window: 10 * time.Second, Out: &out,
		})
		time.Sleep(11 * time.Second)
		v.Stop()
		if lines := strings.Count(out.String(), "\n"); lines != 2 || strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("want two plain lines, got %q", out.String())
		}
	})
}

func TestATerminalIsRedrawnInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := live.Start(live.Options{
			Recorder: tenSeconds(t, record.Open, 8*time.Second), Began: time.Now(), Window: 10 * time.Second, Out: &out,
			Terminal: true, Width: func() int { return 40 },
		})
		time.Sleep(1200 * ms)
		v.Stop()
		screen := draw(t, out.String())
		if screen != "" {
			t.Errorf("at the end the screen shows %q", screen)
		}
		drawn := strings.Split(out.String(), "\x1b[J")
		if len(drawn) != 4 {
			t.Fatalf("%d drawings, want two and a clearing", len(drawn)-1)
		}
		once, twice := draw(t, drawn[0]), draw(t, drawn[0]+"\x1b[J"+drawn[1])
		if strings.Count(once, "\n") != strings.Count(twice, "\n") || !strings.HasPrefix(twice, "warming up") {
			t.Errorf("drawn once:\n%s\ntwice:\n%s", once, twice)
		}
		for line := range strings.Lines(twice) {
			if n := len(strings.TrimSuffix(line, "\n")); n > 39 {
				t.Errorf("a line of %d columns would be wrapped: %q", n, line)
			}
		}
	})
}

// draw is what a terminal shows that is written to: as much of one as the view uses.
func draw(t *testing.T, written string) string {
	t.Helper()
	var lines []string
	row := 0
	put := func(text string) {
		for len(lines) <= row {
			lines = append(lines, "")
		}
		lines[row] += text
	}
	for written != "" {
		switch {
		case strings.HasPrefix(written, "\x1b[2K"):
			put("")
			lines[row], written = "", written[4:]
		case strings.HasPrefix(written, "\x1b[J"):
			lines, written = lines[:min(row, len(lines))], written[3:]
		case strings.HasPrefix(written, "\x1b["):
			end := strings.IndexByte(written, 'A')
			n := 0
			for _, digit := range written[2:end] {
				n = 10*n + int(digit-'0')
			}
			if row -= n; row < 0 {
				t.Fatal("it goes up past the top")
			}
			written = written[end+1:]
		case written[0] == '\n':
			put("")
			row, written = row+1, written[1:]
		case written[0] == '\r':
			written = written[1:]
		default:
			end := strings.IndexAny(written, "\x1b\n\r")
			if end < 0 {
				end = len(written)
			}
			put(written[:end])
			written = written[end:]
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n")
}

// withFlows has two flows, and two connections that were lost.
func withFlows(r *record.Recorder) {
	s := r.Shard(0)
	for n, due := range []time.Duration{6 * time.Second, 7 * time.Second} {
		s.FlowDue(due)
		s.FlowDone(due, n == 0)
		r.Connection(false)
	}
	r.Connection(true)
}

// Where there are flows their rate is shown beside that of requests, and connections once one was lost.
func TestFlowsAndConnections(t *testing.T) {
	r := tenSeconds(t, record.Open, 8*time.Second)
	withFlows(r)
	s := r.Snapshot(8 * time.Second)
	frame := strings.Join(strings.Fields(strings.Join(live.Frame(&s, 10*time.Second), " ")), " ")
	for _, want := range []string{"flows 0/s 2", "connections 2 lost, 1 redialled", "asked 100/s"} {
		if !strings.Contains(frame, want) {
			t.Errorf("no %q in %s", want, frame)
		}
	}
	if line := live.Line(&s, 10*time.Second); !strings.Contains(line, "flows 0/s, ") {
		t.Errorf("no rate of flows in %s", line)
	}
}

func TestPrometheus(t *testing.T) {
	r := tenSeconds(t, record.Open, 12*time.Second)
	withFlows(r)
	m, err := live.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scrape := func() string {
		answer, err := http.Get("http://" + m.Address() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text := scrape(); text != "" {
		t.Errorf("before the run there is\n%s", text)
	}
	m.Show(r, time.Now())
	text := scrape()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`switchyard_load_asked_total{operation="authorize"} 1000`,
		`switchyard_load_requests_total{class="declined",code="51",operation="authorize"} 50`,
		`switchyard_load_requests_total{class="approved",code="",operation="authorize"} 910`,
		`switchyard_load_in_flight 24`,
		`switchyard_load_latency_seconds{quantile="0.5"} 0.005`,
		`switchyard_load_latency_seconds_count 980`,
		`switchyard_load_flows_total{what="ended"} 2`,
		`switchyard_load_flows_total{what="complete"} 1`,
		`switchyard_load_connections_total{what="lost"} 2`,
		`switchyard_load_connections_total{what="redialled"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if _, err := live.Serve(t.Context(), "127.0.0.1:99999"); err == nil {
		t.Error("a port of 99999 is listened on")
	}
}
