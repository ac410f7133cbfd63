package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
)

// patience is how long is waited for what has to come.
const patience = 2 * time.Minute

// system is a switch and an issuer-sim, as processes, on free ports.
type system struct {
	t                          *testing.T
	bin, dir                   string
	gateway, operator, control string
	iso                        string // where the issuer listens
}

// start builds both and starts them. There is a gateway that has to say who it is, and a host that is reconciled, so
// that the metrics of these are there.
func start(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, bin: t.TempDir(), dir: t.TempDir()}
	build := exec.Command("go", "build", "-C", root, "-o", s.bin+string(filepath.Separator),
		"./cmd/switchd", "./cmd/issuer-sim", "./cmd/switchctl")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	var issuer struct{ Iso, Control string }
	rules := filepath.Join(s.dir, "rules.yaml")
	if err := os.WriteFile(rules, []byte(`rules: [{when: {merchant: [FAULTY]}, fault: {kind: duplicate, delay: 1ms}}]`),
		0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(&issuer, "issuer-sim", "serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
		"--data", filepath.Join(s.dir, "issuer"), "--rules", rules)
	s.iso, s.control = issuer.Iso, issuer.Control
	secret := exec.Command(filepath.Join(s.bin, "switchctl"), "secret", "--out", filepath.Join(s.dir, "secret"))
	hash, err := secret.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, hash, _ = bytes.Cut(hash, []byte("secret_hash"))
	config := filepath.Join(s.dir, "switchd.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
data: %s
gateway: {listen: "127.0.0.1:0", gateways: [{name: shop, secret_hash: "%s"}]}
operator: {listen: "127.0.0.1:0"}
issuers: [{name: issuer, address: "%s", deadline: 3s, reconcile: true}]
`, filepath.Join(s.dir, "switchd"), strings.TrimSpace(string(hash)), issuer.Iso), 0o600); err != nil {
		t.Fatal(err)
	}
	var switchd struct{ Gateway, Operator string }
	s.serve(&switchd, "switchd", "serve", "--config", config)
	s.gateway, s.operator = switchd.Gateway, switchd.Operator
	return s
}

// serve starts a daemon until the test ends and reads where it listens.
func (s *system) serve(at any, name string, args ...string) {
	s.t.Helper()
	ready := filepath.Join(s.dir, name+".ready")
	cmd := exec.Command(filepath.Join(s.bin, name), append(args, "--ready-file", ready)...)
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("%s:\n%s", name, text)
		}
	})
	s.await(name+" listens", func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, at) == nil
	})
}

func (s *system) await(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// say sends lines to the gateway port on a connection of its own and returns their answers.
func (s *system) say(lines ...string) (answers []map[string]any) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.gateway)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewScanner(conn)
	for _, line := range lines {
		if _, err := fmt.Fprintln(conn, line); err != nil {
			s.t.Fatal(err)
		}
		if !in.Scan() {
			s.t.Fatalf("%s: no answer: %v", line, in.Err())
		}
		var answer map[string]any
		if err := json.Unmarshal(in.Bytes(), &answer); err != nil {
			s.t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	return answers
}

// trade makes payments of all kinds: sold, authorized and captured, also by the switch, refunded, declined, one that
// the issuer answers twice and one that it never answers; and has a line, a hello and a frame refused.
func (s *system) trade(round int) {
	s.t.Helper()
	secret := strings.TrimSpace(string(read(s.t, s.dir, "secret")))
	hello := fmt.Sprintf(`{"id":"0","op":"hello","gateway":"shop","secret":%q}`, secret)
	n := 0
	pays := func(op, merchant, card, more string) string {
		n++
		return fmt.Sprintf(`{"id":"%d","op":%q,"key":"%d-%d","merchant":%q,"terminal":"T1","amount":1000,`+
			`"currency":"EUR","card":{"number":%q,"expiry":"2912"}%s}`, n, op, round, n, merchant, card, more)
	}
	const good, poor, silent = "4000000000000002", "4000000000000515", "4000000000000994"
	answers := s.say(hello, pays("sale", "SHOP", good, ""), pays("authorize", "SHOP", good, ""),
		pays("authorize", "SHOP", good, `,"capture":{"after":"PT1S"}`), pays("authorize", "FAULTY", good, ""),
		pays("authorize", "SHOP", poor, ""), pays("authorize", "SHOP", silent, ""), `{"id":"x","op":"nope"}`)
	for i, answer := range answers[:7] {
		if answer["error"] != nil {
			s.t.Fatalf("answer %d: %v", i, answer)
		}
	}
	on := func(op string, payment any) string {
		n++
		return fmt.Sprintf(`{"id":"%d","op":%q,"key":"%d-%d","payment":%q,"amount":100}`, n, op, round, n, payment)
	}
	s.say(hello, on("refund", answers[1]["payment"]), on("capture", answers[2]["payment"]))
	s.say(`{"id":"0","op":"hello","gateway":"shop","secret":"wrong"}`)
	conn, err := net.Dial("tcp", s.iso)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("\x00\x04junk")); err != nil {
		s.t.Fatal(err)
	}
}

// ask makes a request of the operator API.
func (s *system) ask(method, path, body string) {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+s.operator+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func (s *system) scrape(at string) []byte {
	s.t.Helper()
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", at, resp.Status, err)
	}
	return text
}

func (s *system) shows(what string) bool {
	return strings.Contains(string(s.scrape(s.operator)), what)
}

// store keeps what both show as Prometheus would that asks them at a time.
func (s *system) store(db *teststorage.TestStorage, at time.Time) {
	s.t.Helper()
	into := db.Appender(s.t.Context())
	add := func(series labels.Labels, value float64) {
		if _, err := into.Append(0, series, at.UnixMilli(), value); err != nil {
			s.t.Fatal(err)
		}
	}
	for job, target := range map[string]string{"switchd": s.operator, "issuer-sim": s.control} {
		add(labels.FromStrings("__name__", "up", "job", job, "instance", target), 1)
		p := textparse.NewPromParser(s.scrape(target), labels.NewSymbolTable(), false)
		for {
			entry, err := p.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				s.t.Fatal(err)
			}
			if entry != textparse.EntrySeries {
				continue
			}
			_, _, value := p.Series()
			var series labels.Labels
			p.Labels(&series)
			add(labels.NewBuilder(series).Set("job", job).Set("instance", target).Labels(), value)
		}
	}
	if err := into.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

// unseen are metrics that this system does not show, with why. What names them is parsed and held against the docs.
var unseen = map[string]string{
	"switchyard_crl_taken":                         "it has no list of revoked certificates",
	"switchyard_crl_next_update_timestamp_seconds": "it has no list of revoked certificates",
}

// Each query of the dashboards has an answer on a running system, and each selector of the rules finds series: names,
// labels and values of labels are those that there are.
func TestQueriesOnARunningSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts the daemons")
	}
	s := start(t)
	s.await("the switch is ready", func() bool { return s.shows("switchyard_ready 1") })
	db := teststorage.New(t)
	s.trade(0)
	s.await("what is due is done", func() bool { return s.shows("switchyard_due_total{") })
	s.await("the bad frame is refused", func() bool {
		return strings.Contains(string(s.scrape(s.control)), "issuersim_bad_frames_total{")
	})
	begin := time.Now().Truncate(time.Second)
	s.store(db, begin)
	s.trade(1)
	s.ask("POST", "/v1/clearing/receive?name=junk.ipm", "junk")
	s.ask("POST", "/v1/cutover", "")
	s.await("the host has answered for the date", func() bool { return s.shows("switchyard_reconciliations_total{") })
	s.ask("POST", "/v1/backup?dir="+filepath.Join(s.dir, "backup"), "")
	const step = 15 * time.Second
	s.store(db, begin.Add(step))
	s.store(db, begin.Add(2*step))

	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e7, Timeout: patience, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() { _ = engine.Close() })
	found := func(text string) int {
		q, err := engine.NewInstantQuery(context.Background(), db, nil, text, begin.Add(2*step))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer q.Close()
		r := q.Exec(context.Background())
		if r.Err != nil {
			t.Fatalf("%s: %v", text, r.Err)
		}
		v, err := r.Vector()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return len(v)
	}
	_, inRules := inRules(t)
	boards := onDashboards(t)
	for i, q := range append(boards, inRules...) {
		whole := true
		for _, s := range selectors(parse(t, q)) {
			switch n := found(s.String()); {
			case unseen[s.Name] != "":
				whole = false
				if n > 0 {
					t.Errorf("%s is shown: it is not unseen", s.Name)
				}
			case n == 0:
				t.Errorf("%s: %s finds nothing", q.where, s)
			}
		}
		if i < len(boards) && whole && found(q.text) == 0 { // a rule has an answer where it alarms only
			t.Errorf("%s: %s has no answer", q.where, q.text)
		}
	}
}
