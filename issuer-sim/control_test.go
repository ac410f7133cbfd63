package issuersim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
