package txswitch_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// operatorRequests are all that the operator API answers, with the role that each needs and its parameters.
var operatorRequests = []struct {
	method, path string
	role         operator.Role
	parameters   []string
}{
	{"GET", "/metrics", "read", []string{"name[]"}},
	{"GET", "/healthz", "read", nil},
	{"GET", "/readyz", "read", nil},
	{"GET", "/debug/pprof/", "read", []string{"debug", "gc", "seconds"}},
	{"GET", "/debug/pprof/profile", "read", []string{"debug", "gc", "seconds"}},
	{"GET", "/debug/pprof/trace", "read", []string{"debug", "gc", "seconds"}},
	{"GET", "/debug/pprof/symbol", "read", []string{"*"}},
	{"GET", "/v1/stats", "read", nil},
	{"GET", "/v1/payments", "read", []string{"payment", "from", "to", "first", "last"}},
	{"POST", "/v1/payments/search", "read", []string{
		"of", "merchant", "key", "reference", "status", "from", "to", "amount", "currency", "after", "limit",
	}},
	{"GET", "/v1/explain", "read", []string{"of"}},
	{"GET", "/v1/strays", "read", nil},
	{"GET", "/v1/saf", "read", []string{"parked"}},
	{"POST", "/v1/saf/retry", "operate", []string{"host", "seq"}},
	{"POST", "/v1/saf/close", "approve", []string{"host", "seq"}},
	{"GET", "/v1/days", "read", nil},
	{"POST", "/v1/cutover", "operate", []string{"wait", "ahead", "to", "window"}},
	{"GET", "/v1/clearing/check", "read", []string{"date"}},
	{"POST", "/v1/clearing/rebuild", "operate", []string{"date", "dir"}},
	{"POST", "/v1/clearing/release", "approve", []string{"date", "destination", "window"}},
	{"POST", "/v1/clearing/refuse", "approve", []string{"date", "reason"}},
	{"GET", "/v1/reconciliations", "read", []string{"date"}},
	{"GET", "/v1/reconciliations/counted", "read", []string{"date", "host"}},
	{"POST", "/v1/reconciliations/again", "operate", []string{"date"}},
	{"GET", "/v1/reconciliations/casebook", "read", nil},
	{"POST", "/v1/reconciliations/note", "operate", []string{"exception", "text", "by"}},
	{"POST", "/v1/reconciliations/match", "approve", []string{
		"relation", "currency", "ours[]", "theirs[]", "difference", "reason", "by",
	}},
	{"POST", "/v1/reconciliations/unmatch", "approve", []string{"number", "reason", "by"}},
	{"GET", "/v1/clearing/incoming", "read", nil},
	{"GET", "/v1/clearing/exceptions", "read", nil},
	{"GET", "/v1/clearing/rejects", "read", []string{"id", "all"}},
	{"POST", "/v1/clearing/rejects/fix", "operate", []string{
		"id", "name", "street", "city", "postal_code", "state", "country", "mcc",
	}},
	{"POST", "/v1/clearing/rejects/resubmit", "operate", []string{"id"}},
	{"POST", "/v1/clearing/rejects/writeoff", "approve", []string{"id", "reason"}},
	{"GET", "/v1/disputes", "read", []string{"id", "state", "due_before"}},
	{"POST", "/v1/disputes/represent", "operate", []string{"id", "reason", "amount", "by"}},
	{"POST", "/v1/disputes/accept", "approve", []string{"id", "by"}},
	{"GET", "/v1/approvals", "read", []string{"all"}},
	{"POST", "/v1/approvals/withdraw", "operate", []string{"number"}},
	{"POST", "/v1/clearing/receive", "operate", []string{"name", "<file>"}},
	{"GET", "/v1/clock", "read", nil},
	{"POST", "/v1/clock/confirm", "approve", nil},
	{"GET", "/v1/restore", "read", []string{"limit"}},
	{"POST", "/v1/restore/confirm", "approve", []string{"token", "recover"}},
	{"GET", "/v1/acts", "read", []string{"after"}},
	{"POST", "/v1/backup", "operate", []string{"dir"}},
}

// asked is what the operator API answers: its status, and what it says where that is no success, which must have the
// one shape.
func asked(t *testing.T, req *http.Request, err error) (status int, said string) {
	t.Helper()
	return askedBy(t, http.DefaultClient, req, err)
}

func askedBy(t *testing.T, h *http.Client, req *http.Request, err error) (status int, said string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, ""
	}
	var answer map[string]string
	if err := json.Unmarshal(body, &answer); err != nil || len(answer) != 1 || answer["error"] == "" ||
		resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %s, %s: %q is no error of the API's shape", req.Method, req.URL, resp.Status,
			resp.Header.Get("Content-Type"), body)
	}
	return resp.StatusCode, answer["error"]
}

// A parameter that a request does not have is refused by name, with those that it has: passed over, a misspelt one
// would do something else than what was asked for.
func TestOperatorParameters(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	for _, r := range operatorRequests {
		if slices.Contains(r.parameters, "*") {
			continue // anything is one
		}
		req, err := http.NewRequest(r.method, "http://"+s.OperatorAddr+r.path+"?of_=1", nil)
		status, said := asked(t, req, err)
		missing := slices.ContainsFunc(r.parameters, func(name string) bool { return !strings.Contains(said, name) })
		if status != http.StatusBadRequest || !strings.HasPrefix(said, "of_: no such parameter") || missing {
			t.Errorf("%s %s: %d %q", r.method, r.path, status, said)
		}
	}
}

// What is malformed, given twice, or asked for where there is nothing is an error of the one shape.
func TestOperatorErrors(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	day := s.Switch.Stats().OpenDay
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		want                     string
	}{
		{"POST", "/v1/cutover?wait=1s&wait=2s", "", "", 400, "wait: given 2 times"},
		{"POST", "/v1/cutover?ahead=yes", "", "", 400, `ahead: "yes": expected true or false`},
		{"GET", "/v1/reconciliations?date=today", "", "", 400, "date: \"today\" is no date"},
		{"GET", "/v1/reconciliations/counted?host=issuer", "", "", 400, "date: \"\" is no date"},
		{"POST", "/v1/reconciliations/again?date=2026-01-02", "", "", 409, "business date 2026-01-02: no host is asked"},
		{"POST", "/v1/cutover?ahead=true;to=x", "", "", 400, "the query is malformed"},
		{"POST", "/v1/cutover", form, "ahaed=true", 400, "ahaed: no such parameter: expected wait, ahead, to"},
		{"POST", "/v1/cutover?ahead=true", form, "ahead=false", 400, "ahead: given 2 times"},
		{"POST", "/v1/cutover", "multipart/form-data; boundary=x", "", 400, "expected parameters in the query"},
		{"GET", "/v1/saf?parked=1", "", "", 400, `parked: "1": expected true or false`},
		{"GET", "/v1/explain", "", "", 400, "of: missing"},
		{"GET", "/v1/explain?of=P1", "", "", 404, "no payment has this id or RRN"},
		{"POST", "/v1/payments/search", form, "of=order-1", 400, "of: expected the id of a payment, capture or refund"},
		{"POST", "/v1/payments/search", form, "of=+", 400, "of: expected the id of a payment, capture or refund"},
		{"POST", "/v1/payments/search", form, "key=k1", 400, "merchant: missing"},
		{"POST", "/v1/payments/search", form, "status=capturd", 400, `status: "capturd": expected pending, reversing, `},
		{"POST", "/v1/payments/search", form, "from=yesterday", 400, `from: "yesterday": expected a day of UTC`},
		{"POST", "/v1/payments/search", form, "from=2026-11-02&to=2026-11-01", 400, "to: 2026-11-01: expected a moment"},
		{"POST", "/v1/payments/search", form, "amount=10.50", 400, `amount: "10.50": expected a number of minor units`},
		{"POST", "/v1/payments/search", form, "amount=0", 400, "amount: 0: expected at least 1 minor unit"},
		{"POST", "/v1/payments/search", form, "currency=eur", 400, `currency: "eur": expected an ISO 4217 code`},
		{"POST", "/v1/payments/search", form, "limit=501", 400, "limit: 501: expected at most 500"},
		{"POST", "/v1/payments/search", form, "after=P1", 400, "after: no payment id"},
		{"POST", "/v1/payments/search", form, "reference=a%00b", 400, "reference: expected no control characters"},
		{"POST", "/v1/payments/search", "application/json", "{}", 400, "a body of type \"application/json\""},
		{"GET", "/v1/payment", "", "", 404, "/v1/payment: no such path"},
		{"GET", "/v1/cutover", "", "", 405, "GET of /v1/cutover: expected POST"},
		{"DELETE", "/v1/stats", "", "", 405, "DELETE of /v1/stats: expected GET"},
	} {
		req, err := http.NewRequest(c.method, "http://"+s.OperatorAddr+c.path, strings.NewReader(c.body))
		if err == nil && c.kind != "" {
			req.Header.Set("Content-Type", c.kind)
		}
		if status, said := asked(t, req, err); status != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s %s %s: %d %q, want %d %q", c.method, c.path, c.body, status, said, c.status, c.want)
		}
	}
	if now := s.Switch.Stats().OpenDay; now != day {
		t.Errorf("%s was closed", day)
	}
	s.StopIssuer()
	s.Await("the links are down", func() bool { return s.Switch.Unready() != "" })
	req, err := http.NewRequest("GET", "http://"+s.OperatorAddr+"/readyz", nil)
	if status, said := asked(t, req, err); status != http.StatusServiceUnavailable || !strings.Contains(said, "route") {
		t.Errorf("/readyz: %d %q", status, said)
	}
}

// No page of a site drives the switch or reads from it, in a browser on the switch's own machine: neither by a name
// that leads here since a moment ago, which is then the Host, nor from its own, which is then the Origin.
func TestOperatorKeepsWebPagesAway(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	day := s.Switch.Stats().OpenDay
	own := s.OperatorAddr
	for _, c := range []struct {
		host, origin, site string
		ok                 bool
	}{
		{host: own, ok: true},
		{host: "localhost:9583", ok: true},
		{host: "LOCALHOST.:80", ok: true},
		{host: "127.0.0.2", ok: true},
		{host: "[::1]:9583", ok: true},
		{host: own, origin: "http://" + own, ok: true},
		{host: own, site: "same-origin", ok: true},
		{host: "site.example:9583"},
		{host: "localhost.site.example"},
		{host: "127.0.0.1.site.example:9583"},
		{host: "192.0.2.1:9583"}, // no address that it was reached at
		{host: own, origin: "http://site.example"},
		{host: own, origin: "http://127.0.0.1:8080"}, // another program's page
		{host: own, origin: "null"},
		{host: "site.example:9583", origin: "http://site.example:9583"},
	} {
		for _, method := range []string{"GET", "POST"} {
			path := "/v1/stats"
			if method == "POST" {
				path = "/v1/cutover?to=2001-01-01" // of the past, so that it closes nothing where it is let in
			}
			req, err := http.NewRequest(method, "http://"+own+path, nil)
			if err == nil {
				req.Host = c.host
				for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
					if value != "" {
						req.Header.Set(name, value)
					}
				}
			}
			status, said := asked(t, req, err)
			if refused := status == http.StatusForbidden; refused == c.ok || refused && said == "" {
				t.Errorf("%s with %+v: %d %q", method, c, status, said)
			}
		}
	}
	req, err := http.NewRequest("POST", "http://"+own+"/v1/cutover", nil)
	req.Header.Set("Sec-Fetch-Site", "cross-site") // as a browser sends it with a form's
	if status, _ := asked(t, req, err); status != http.StatusForbidden {
		t.Errorf("another site's form: %d", status)
	}
	if now := s.Switch.Stats().OpenDay; now != day {
		t.Errorf("%s was closed", day)
	}
}
