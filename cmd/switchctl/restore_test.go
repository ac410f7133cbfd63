package main

import "testing"

// What the issuer has approved is told as approved, by whichever DE39.
func TestReviewKnowsApprovals(t *testing.T) {
	for code, want := range map[string]bool{"00": true, "08": true, "10": true, "11": true, "05": false, "": false} {
		if a := (&issuerApproval{ResponseCode: code}); a.approved() != want {
			t.Errorf("%q: approved %t, want %t", code, a.approved(), want)
		}
	}
}
