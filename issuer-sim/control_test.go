package issuersim_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	issuersim "switchyard/issuer-sim"
)

// Rules of a megabyte of keys are refused for their number, and those before them stay.
func TestPutRulesOfManyKeys(t *testing.T) {
	s := start(t, issuersim.Options{})
	const before = "rules:\n  - {response_code: \"05\"}\n"
	if status, said := s.http("PUT", "/v1/rules", before); status != http.StatusOK {
		t.Fatalf("one rule: %d %s", status, said)
	}
	var distinct strings.Builder
	for i := range 90_000 {
		fmt.Fprintf(&distinct, "k%d: 1\n", i)
	}
	for name, text := range map[string]string{
		"distinct keys": distinct.String(), "equal keys": strings.Repeat("a: 1\n", 200_000),
	} {
		status, said := s.http("PUT", "/v1/rules", text)
		if status != http.StatusBadRequest || !strings.Contains(said, "keys: expected at most 256") {
			t.Errorf("%s: %d %.200s", name, status, said)
		}
	}
	if _, rules := s.http("GET", "/v1/rules", ""); rules != before {
		t.Errorf("the rules are %q now", rules)
	}
}

// No page of a site drives the issuer or reads from it, in a browser on its own machine: neither by a name that leads
// here since a moment ago, which is then the Host, nor from its own, which is then the Origin.
func TestControlKeepsWebPagesAway(t *testing.T) {
	s := start(t, issuersim.Options{ControlHosts: []string{"Issuer"}})
	own := strings.TrimPrefix(s.control, "http://")
	for _, c := range []struct {
		host, origin, site string
		ok                 bool
	}{
		{host: own, ok: true},
		{host: "localhost:9584", ok: true},
		{host: "issuer:9584", ok: true},
		{host: own, origin: "http://" + own, ok: true},
		{host: own, site: "same-origin", ok: true},
		{host: "site.example:9584"},
		{host: "issuer.site.example:9584"},
		{host: "192.0.2.1:9584"}, // no address that it was reached at
		{host: own, origin: "http://site.example"},
		{host: own, origin: "null"},
		{host: "site.example:9584", origin: "http://site.example:9584"},
	} {
		for _, asked := range []string{"GET /v1/stats", "POST /v1/forget"} {
			method, path, _ := strings.Cut(asked, " ")
			status, said := s.httpAs(method, path, c.host, map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site})
			if status != http.StatusOK && c.ok || status != http.StatusForbidden && !c.ok {
				t.Errorf("%s with %+v: %d %s", asked, c, status, said)
			}
		}
	}
	// As a browser sends a form's.
	if status, said := s.httpAs("POST", "/v1/forget", own, map[string]string{
		"Sec-Fetch-Site": "cross-site",
	}); status != http.StatusForbidden {
		t.Errorf("a form: %d %s", status, said)
	}
}

// elsewhere is a listener whose address strangers reach.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9584} }

// A control HTTP that strangers reach is warned of, one on loopback is not.
func TestControlElsewhereIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		control net.Listener
		warned  int
	}{{listen(t), 0}, {elsewhere{listen(t)}, 1}} {
		core, logs := observer.New(zap.WarnLevel)
		iso := listen(t)
		server, err := issuersim.New(issuersim.Options{Listener: iso, ControlListener: c.control, Logger: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		if n := logs.FilterMessageSnippet("asks nobody who he is").Len(); n != c.warned {
			t.Errorf("on %s: %d warnings, want %d", c.control.Addr(), n, c.warned)
		}
		if err := errors.Join(server.Close(t.Context()), c.control.Close()); err != nil {
			t.Error(err)
		}
	}
}

// httpAs makes a control request with a Host and headers, of which empty ones are left out.
func (s *sim) httpAs(method, path, host string, headers map[string]string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.control+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = host
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
