package issuersim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"switchyard/issuer-sim"
)

// TestAuthorizationsAskedFor: the books by RRNs and by the beginnings of RRNs.
func TestAuthorizationsAskedFor(t *testing.T) {
	s := start(t, issuersim.Options{})
	for stan, rrn := range []string{"632010000001", "632010000002", "632110000003", "632110000004", "R00000000001"} {
		s.exchange(s.line(fmt.Sprintf("0100 stan=%d rrn=%s amount=100", stan+1, rrn)))
	}
	for query, want := range map[string]string{
		"":                           "632010000001 632010000002 632110000003 632110000004 R00000000001",
		"?rrn=632110000003":          "632110000003",
		"?rrn=6321":                  "",
		"?rrn_prefix=63201":          "632010000001 632010000002",
		"?rrn_prefix=63211":          "632110000003 632110000004",
		"?rrn_prefix=632110000003":   "632110000003",
		"?rrn_prefix=9&rrn_prefix=R": "R00000000001",
		"?rrn_prefix=63211&rrn_prefix=6&rrn_prefix=632":   "632010000001 632010000002 632110000003 632110000004",
		"?rrn_prefix=63211&rrn_prefix=5&rrn_prefix=63201": "632010000001 632010000002 632110000003 632110000004",
		"?rrn_prefix=7":                     "",
		"?rrn_prefix=6321&rrn=632110000004": "632110000004",
	} {
		status, body := s.http("GET", "/v1/authorizations"+query, "")
		rrns := map[string]bool{}
		for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
			if _, rest, ok := strings.Cut(line, `"rrn":"`); ok {
				rrn, _, _ := strings.Cut(rest, `"`)
				rrns[rrn] = true
			}
		}
		for _, rrn := range strings.Fields(want) {
			if !rrns[rrn] {
				t.Errorf("%s does not give %s", query, rrn)
			}
			delete(rrns, rrn)
		}
		if status != http.StatusOK || len(rrns) > 0 {
			t.Errorf("%s: %d, gives %v, too", query, status, rrns)
		}
	}
	for _, query := range []string{"?rrn_prefix=", "?rrn_prefix=6321100000031", "?rrn_prefix=63211&rrn_prefix=%2063"} {
		if status, body := s.http("GET", "/v1/authorizations"+query, ""); status != http.StatusBadRequest ||
			!strings.Contains(body, "rrn_prefix: ") || !strings.Contains(body, "want 1 to 12 letters and digits") {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}
