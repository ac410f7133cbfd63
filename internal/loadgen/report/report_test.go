package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

const ms = time.Millisecond

// sample is a run as a test wants to see it: a minute of two operations at 200 requests a second, in which the issuer
// is slow for ten seconds and silent for two.
func sample(t testing.TB) *record.Run {
	const warmup, window, perSecond = 5 * time.Second, 60 * time.Second, 200
	r, err := record.New(record.Config{
		Model: record.Open, Operations: []string{"authorize", "capture"}, Warmup: warmup, Window: window,
	})
	if err != nil {
		t.Fatal(err)
	}
	rng, s := rand.New(rand.NewPCG(1, 2)), r.Shard(0)
	const timeout = 2 * time.Second
	for n := range int((warmup + window) / time.Second * perSecond) {
		due := time.Duration(n) * time.Second / perSecond
		at, op := due-warmup, record.Op(n%4/3)
		sent, took := due+time.Duration(rng.IntN(200))*time.Microsecond, ms+time.Duration(rng.ExpFloat64()*float64(ms))
		s.Due(op, due)
		if at >= 41*time.Second && at < 41*time.Second+50*ms {
			s.Done(op, due, record.NeverSent, due+timeout, record.Unsent, "")
			continue
		}
		s.Sent(op, due, sent)
		class, code := record.Approved, ""
		switch {
		case at >= 20*time.Second && at < 30*time.Second:
			took *= 40
		case at >= 40*time.Second && at < 42*time.Second:
			if took = 42*time.Second - at + time.Duration(rng.IntN(20))*ms; took > timeout {
				took, class = timeout, record.NoAnswer
			}
		}
		switch {
		case class == record.NoAnswer:
		case n%25 == 0:
			class, code = record.Declined, "51"
		case n%90 == 0:
			class, code = record.Declined, "05"
		case at > 41*time.Second && at < 43*time.Second && n%3 == 0:
			class, code = record.Refused, "busy"
		}
		s.Done(op, due, sent, max(due+took, sent+100*time.Microsecond), class, code)
	}
	r.Stray(warmup+42*time.Second, record.Unmatched, "")
	r.Example(record.Unmatched, "", "0110 DE2=411111******1111 DE4=000000001000 DE11=004711 DE39=00",
		"request 8842, which was answered 1.2 s before: a second answer")
	r.Example(record.Refused, "busy", `{"error":{"code":"busy","message":"<later> & again"}}`, "")
	run := r.Finish(warmup + window)
	run.Tool = record.Tool{Version: "commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z, go1.26.8", Go: "go1.26.8"}
	run.Command = []string{"switchctl", "load", "--rate", "200", "--duration", "60s", "--out", "my reports"}
	run.Started = time.Date(2026, 11, 26, 12, 0, 5, 0, time.UTC)
	run.Machine = record.Machine{
		CPU: "Ample 2000 at 2.4 GHz", Cores: 2, Kernel: "6.12.8", OS: "linux", Arch: "amd64", MemoryMiB: 8192,
	}
	run.Setup.Arrivals, run.Setup.Rate, run.Setup.RateOf, run.Setup.Seed = "constant", perSecond, "requests", 1
	run.Setup.Timeout = timeout
	run.Setup.Scenario = &record.Scenario{Name: "brown-out", Text: "flows:\n  - authorize: 3 # </script>\n"}
	run.Setup.Stages = []record.Stage{
		{At: 20 * time.Second, Name: "issuer slow"}, {At: 30 * time.Second, Name: "issuer well"},
		{At: 40 * time.Second, Name: "issuer silent"}, {At: 42 * time.Second, Name: "issuer well"},
	}
	run.Setup.Targets = []record.Target{{Kind: "gateway", Address: "127.0.0.1:7583", Connections: 4}}
	run.Versions = map[string]string{"switchd": "commit 5dd99b8e12f3 of 2026-11-26T09:00:00Z, go1.26.8"}
	run.Notes = []string{"flow status: no message of ISO 8583 asks for status: it is left out"}
	run.Usage = []record.Usage{
		{Process: record.ProcessLoad, CPU: 130 * ms, PerRequest: 5200},
		{Process: record.ProcessSwitchd, PerRequest: 31_400, PeakMiB: 81},
	}
	late, p99, share := 0.198, 1950.0, 1.4
	run.Verdict = record.Verdict{
		Valid: true,
		Validity: []record.Check{
			{Name: "sent late, p99", Unit: "ms", Measured: &late, Bound: record.Most, Limit: 5, OK: true},
			{Name: "own CPU", Unit: "%", Bound: record.Most, Limit: 80, OK: true, Measured: &share},
		},
		Thresholds: []record.Check{
			{Name: "p99", Operation: "authorize", Unit: "ms", Measured: &p99, Bound: record.Most, Limit: 50},
			{Name: "failed", Unit: "%", Measured: &share, Bound: record.Most, Limit: 1},
		},
	}
	return run
}

// nothing is a run that was called off in its warm-up.
func nothing(t testing.TB) *record.Run {
	r, err := record.New(record.Config{
		Model: record.Closed, Operations: []string{"sale"}, Warmup: 5 * time.Second, Window: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Shard(0).Sent(0, 0, 0)
	r.Shard(0).Done(0, 0, 0, ms, record.Approved, "")
	run := r.Finish(time.Second)
	run.Ended = "interrupted"
	run.Setup.InFlight = 8
	run.Started = time.Date(2026, 11, 26, 12, 0, 5, 0, time.UTC)
	return run
}

var runs = map[string]func(testing.TB) *record.Run{"sample": sample, "nothing": nothing}

// golden holds a text against a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: other than it was (-update writes it anew):\n%s", name, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + strings.Join(w[min(i, len(w)):min(i+1, len(w))], "")
		}
	}
	return "it is shorter"
}

func written(t *testing.T, format report.Format, run *record.Run) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := format(&out, run); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestText(t *testing.T) {
	for name, run := range runs {
		golden(t, name+".txt", written(t, report.Text, run(t)))
	}
}

// What never was sent is told apart from what was never due.
func TestTextOfWhatHasNoLatency(t *testing.T) {
	r, err := record.New(record.Config{Model: record.Closed, Operations: []string{"authorize"}, Window: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Shard(0).Done(0, 0, record.NeverSent, 0, record.ConnectionLost, "connection refused")
	}
	var text strings.Builder
	if err := report.Text(&text, r.Finish(time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"no latency  3 that no connection took", "no request that was due in the window was sent",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
}

func TestCSV(t *testing.T) {
	for name, run := range runs {
		golden(t, name+".csv", written(t, report.CSV, run(t)))
	}
}

func TestSummary(t *testing.T) {
	for name, run := range runs {
		var out bytes.Buffer
		if err := json.Indent(&out, written(t, report.Summary, run(t)), "", " "); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", out.Bytes())
	}
}

// compressed is what of a line of a log depends on the compressor.
var compressed = regexp.MustCompile(`HISTF[A-Za-z0-9+/=]*`)

func TestHLog(t *testing.T) {
	run := sample(t)
	log := written(t, report.HLog, run)
	golden(t, "sample.hlog", compressed.ReplaceAll(log, []byte("HISTF")))

	// All latencies of the window are in it, as another reader reads them.
	reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	var sum record.Hist
	tags := map[string]int64{}
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		tags[h.Tag()] += h.TotalCount()
		if h.Tag() == "" {
			text, err := json.Marshal(string(must(h.EncodeV2())))
			if err != nil {
				t.Fatal(err)
			}
			var one record.Hist
			if err := one.UnmarshalJSON(text); err != nil {
				t.Fatal(err)
			}
			sum.Merge(one)
		}
	}
	all := run.Total()
	if tags[""] != int64(all.Ended()) || tags["warm-up"] != int64(run.Warmup.Requests) ||
		tags["service"] != int64(all.Service.Count()) {
		t.Errorf("times by tag: %v; want %d, %d of the warm-up, %d of service", tags, all.Ended(), run.Warmup.Requests,
			all.Service.Count())
	}
	for _, p := range []float64{50, 99, 100} {
		a, _ := sum.Quantile(p)
		if b, _ := all.Latency.Quantile(p); a != b {
			t.Errorf("p%g of the log is %s, of the run %s", p, a, b)
		}
	}
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// block is the data of the page's charts.
var block = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

func TestHTML(t *testing.T) {
	for name, run := range runs {
		page := written(t, report.HTML, run(t))
		found := block.FindSubmatch(page)
		if found == nil {
			t.Fatalf("%s: no data block", name)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, found[1], "", " "); err != nil {
			t.Fatalf("%s: the data block: %v", name, err)
		}
		golden(t, name+".charts.json", out.Bytes())
		// What is not ours is written as text.
		for _, bad := range []string{"# </script>", "<later>", "src=\"", "@import", "ZgotmplZ"} {
			if bytes.Contains(page, []byte(bad)) {
				t.Errorf("%s: there is %s in the page", name, bad)
			}
		}
	}
}

// The page asks nobody for anything: the only addresses in it are names, in uPlot's licence and comments.
func TestHTMLNamesNoResource(t *testing.T) {
	page := string(written(t, report.HTML, sample(t)))
	addresses := regexp.MustCompile(`(?:src|href|url\()=?["'(]?([^"'\s)>]+)`)
	for _, attribute := range addresses.FindAllStringSubmatch(page, -1) {
		if to := attribute[1]; strings.HasPrefix(to, "http") || strings.HasPrefix(to, "//") {
			t.Errorf("the page refers to %s", to)
		}
	}
	if !strings.Contains(page, `content="default-src 'none';`) {
		t.Error("the page does not forbid itself the network")
	}
}

func TestAllFilesAreMadeOfAKeptRun(t *testing.T) {
	run, dir := sample(t), filepath.Join(t.TempDir(), "out")
	if err := report.WriteAll(dir, run); err != nil {
		t.Fatal(err)
	}
	kept, err := record.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if again := written(t, f.Format, kept); !bytes.Equal(text, again) {
			t.Errorf("%s made of the kept run differs: %s", f.Name, firstDifference(again, text))
		}
	}
}

// A report that a full disk takes only a part of is no report.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	for _, f := range report.Files {
		err := report.WriteFile("/dev/full", f.Format, sample(t))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the report /dev/full is not complete") {
			t.Errorf("%s: error %v, want that the disk is full", f.Name, err)
		}
	}
}

// What cannot be written into a folder is named, and the rest is there. A link that somebody has put there is not
// followed: what it leads to stays as it was.
func TestFilesThatCannotBeWritten(t *testing.T) {
	dir, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(notes, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(notes, filepath.Join(dir, "run.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "report.html"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := report.WriteAll(dir, sample(t))
	for _, want := range []string{"run.json: is a symbolic link", "report.html: is a directory"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "seconds.csv")); err != nil || len(text) == 0 {
		t.Errorf("seconds.csv: %d bytes, %v", len(text), err)
	}
	if text, err := os.ReadFile(notes); err != nil || string(text) != "notes" {
		t.Errorf("what the link leads to is %q, %v", text, err)
	}
}

// brokenAfter takes so many bytes.
type brokenAfter int

func (b *brokenAfter) Write(p []byte) (int, error) {
	if int(*b) < len(p) {
		return int(*b), io.ErrShortWrite
	}
	*b -= brokenAfter(len(p))
	return len(p), nil
}

func TestErrorsOfWritingAreTold(t *testing.T) {
	run := sample(t)
	for _, f := range report.Files {
		whole := len(written(t, f.Format, run))
		for _, n := range []int{0, whole / 2, whole - 1} {
			b := brokenAfter(n)
			if err := f.Format(&b, run); err == nil {
				t.Errorf("%s: no error after %d of %d bytes", f.Name, n, whole)
			}
		}
	}
}

// The rate of a scenario is what was asked over the window, and not that of its first stage.
func TestRateOfAScenario(t *testing.T) {
	run := sample(t)
	run.Setup.Rate, run.Setup.Arrivals, run.Setup.Course = 6, "stages, poisson", "10s at 6; 50s at 239 requests a second"
	text := string(written(t, report.Text, run))
	for _, want := range []string{
		"load      open loop, stages, poisson: 200 requests due a second\n",
		"course    10s at 6; 50s at 239 requests a second\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	page := string(written(t, report.HTML, run))
	for _, want := range []string{"open loop, stages, poisson: 200 requests due a second", "50s at 239 requests"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if s := run.Summarize(); s.Rate != 200 || s.RateOf != "requests" {
		t.Errorf("rate %g of %q, want 200 of requests", s.Rate, s.RateOf)
	}
	flows := uint64(3000)
	run.Setup.RateOf, run.Flows = "flows", &record.Flows{Asked: &flows}
	if s := run.Summarize(); s.Rate != 50 || s.RateOf != "flows" {
		t.Errorf("rate %g of %q, want 50 of flows", s.Rate, s.RateOf)
	}
	run.Setup.Scenario, run.Setup.RateOf = nil, "requests" // a rate that was asked for is that
	if s := run.Summarize(); s.Rate != 6 {
		t.Errorf("rate %g, want 6", s.Rate)
	}
}

// The rates of the last interval are over as much of it as was driven.
func TestRatesOfAShortInterval(t *testing.T) {
	const warmup, window = 300 * ms, 1250 * ms
	r, err := record.New(record.Config{
		Model: record.Open, Operations: []string{"sale"}, Warmup: warmup, Window: window,
	})
	if err != nil {
		t.Fatal(err)
	}
	for due := time.Duration(0); due < warmup+window; due += 10 * ms {
		r.Shard(0).Due(0, due)
		r.Shard(0).Sent(0, due, due)
		r.Shard(0).Done(0, due, due, due+ms, record.Approved, "")
	}
	page := written(t, report.HTML, r.Finish(warmup+window))
	var data struct {
		T, Asked, Sent, Answered []float64
		Outcomes                 []struct {
			PerS []float64 `json:"per_s"`
		}
	}
	if err := json.Unmarshal(block.FindSubmatch(page)[1], &data); err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]float64{
		"asked": data.Asked, "sent": data.Sent, "answered": data.Answered, "approved": data.Outcomes[0].PerS,
	} {
		if len(list) != 3 || list[0] != 100 || list[1] != 100 || list[2] != 100 {
			t.Errorf("%s at %v: %v a second, want 100 each", name, data.T, list)
		}
	}
}

// Text and page have how much of the longest requests' wait was the tool's, and the flows that were left under way.
func TestSharesAndFlowsThatAreCut(t *testing.T) {
	run := sample(t)
	run.Flows = &record.Flows{Ended: 2990, Complete: 2980, Cut: 7}
	run.Tails = []record.Tail{
		{Percent: 99.9, Requests: 12, Waited: time.Second, Late: 33 * ms},
		{Percent: 100, Requests: 1, Waited: 50 * ms, Late: ms},
	}
	text, page := string(written(t, report.Text, run)), string(written(t, report.HTML, run))
	for _, c := range []struct{ text, want string }{
		{text, "3.3%      2.0%\n"}, {text, "; 7 were under way when the window was over, and left there\n"},
		{page, "<td>3.3%</td><td>2.0%</td></tr>"}, {page, "<td>2980 of 2990, 7 left under way</td>"},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("no %q in what begins with %.40q", c.want, c.text)
		}
	}
	run.Flows.Cut, run.Tails = 0, nil
	if page := string(written(t, report.HTML, run)); strings.Contains(page, "left under way") ||
		strings.Contains(page, "its share") {
		t.Error("the page tells of flows or shares that there are none of")
	}
}

// Text and page have the machine, the versions and the command.
func TestWhereAndByWhat(t *testing.T) {
	run := sample(t)
	text := string(written(t, report.Text, run))
	page := string(written(t, report.HTML, run))
	for _, want := range []string{
		"machine  Ample 2000 at 2.4 GHz, 2 cores, 8192 MiB, linux 6.12.8, amd64\n",
		"version  switchctl commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z, go1.26.8\n",
		"switchd commit 5dd99b8e12f3 of 2026-11-26T09:00:00Z, go1.26.8\n",
		"command  switchctl load --rate 200 --duration 60s --out 'my reports'\n",
		"flow status: no message of ISO 8583 asks for status: it is left out\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, want := range []string{
		"<td>Ample 2000 at 2.4 GHz</td>", "<td>commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z, go1.26.8</td>",
		"<tr><th>switchd</th><td>commit 5dd99b8e12f3", "<tr><th>Go</th><td>go1.26.8</td></tr>", "load --rate 200",
		`<p class="note">flow status: no message`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}
