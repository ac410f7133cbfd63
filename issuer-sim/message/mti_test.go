package message_test

import (
	"testing"

	"switchyard/issuer-sim/message"
)

// What is answered is answered in its own class, by whoever began it: requests with 1x, advices with 3x, repeats as
// what they repeat.
func TestResponseMTI(t *testing.T) {
	for asked, want := range map[string]string{
		"0100": "0110", "0101": "0110", "0120": "0130", "0121": "0130", "0200": "0210", "0220": "0230", "0302": "0312",
		"0303": "0312", "0322": "0332", "0304": "0314", "0400": "0410", "0421": "0430", "0800": "0810", "0820": "0830",
	} {
		if got := message.ResponseMTI([]byte(asked)); got != want {
			t.Errorf("%s is answered %s, want %s", asked, got, want)
		}
	}
}
