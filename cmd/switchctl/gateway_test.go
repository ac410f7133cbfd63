package main

import (
	"strings"
	"testing"

	"switchyard/switch/api"
)

// The heading "response code" stands before a response code only.
func TestOutcomeIsNamedForWhatItIs(t *testing.T) {
	for _, tc := range []struct{ code, reason, want string }{
		{"51", "insufficient funds", "  response code  51 insufficient funds\n"},
		{"65", "response code 65", "  response code  65\n"},
		{"", "accepted; the issuer is being told", "  reason         accepted; the issuer is being told\n"},
		{"", "", ""},
	} {
		var out strings.Builder
		if err := printPayment(&out, &api.Answer{ResponseCode: tc.code, Reason: tc.reason}); err != nil ||
			out.String() != tc.want {
			t.Errorf("code %q, reason %q: printed %q, %v; want %q", tc.code, tc.reason, out.String(), err, tc.want)
		}
	}
}
