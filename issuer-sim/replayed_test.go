package issuersim_test

import (
	"testing"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/clearing"
)

// What is told of again from a clearing file, by acquirer reference and RRN and without DE90, debits and credits
// nothing more, and what it takes back is the posting of that reference.
func TestReplayedFromFile(t *testing.T) {
	s := start(t, issuersim.Options{FS: vfs.NewMem(), DataDir: "data"})
	send := func(code, line string) {
		t.Helper()
		if got := s.exchange(s.line(line)).String(39); got != code {
			t.Errorf("%s: %s, want %s", line, got, code)
		}
		s.audit()
	}
	ledger := func(what, want string) {
		t.Helper()
		if got := showLedger(s.server.Ledger()); got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	arns := make([]string, 9)
	for n := range arns {
		arns[n] = testARN(t, uint64(n))
	}
	send("00", "0100 stan=1 amount=10000")
	send("00", "0220 stan=2 rrn=R1 amount=4000 num=1 orig=0100:1 date=1121 arn="+arns[1])
	send("00", "0220 stan=3 rrn=R1 amount=2000 num=2 orig=0100:1 date=1121")
	send("00", "0200 stan=4 amount=700 date=1121")
	send("00", "0200 stan=5 amount=500 de3=200000 date=1121 arn="+arns[5])
	if _, got := s.clear(present(t, 1,
		&clearing.Presentment{ARN: arns[6], RRN: pad("R6", 12), AmountMinor: 60, Credit: true}, // told of by nobody before
	)); got != "messages=1 posted=1" {
		t.Fatal(got)
	}
	const once = "EUR cardholders=99993860 available=99989860 holds=4000 unsettled=6200 settled=-60 capital=-100000000 " +
		"balanced=true\n"
	ledger("before", once)

	send("94", "0220 stan=101 rrn=R1 amount=4000 arn="+arns[1])            // a capture by its reference
	send("94", "0220 stan=102 rrn=R9 amount=4000 arn="+arns[1])            // under another RRN, too
	send("94", "0220 stan=103 rrn=R1 amount=2000 arn="+arns[2])            // one that was posted without
	send("94", "0220 stan=104 rrn=R4 amount=700 arn="+arns[4])             // a sale
	send("94", "0220 stan=105 rrn=R5 amount=500 de3=200000 arn="+arns[5])  // a refund
	send("94", "0220 stan=106 rrn=R10 amount=500 de3=200000 arn="+arns[5]) // under another RRN
	send("94", "0220 stan=107 rrn=R11 amount=60 de3=200000 arn="+arns[6])  // one that a file posted
	ledger("replayed", once)

	// A capture is taken back by its reference, once: the authorization that has its RRN stays.
	send("00", "0420 stan=108 rrn=R1 amount=4000 arn="+arns[1])
	const back = "EUR cardholders=99997860 available=99989860 holds=8000 unsettled=2200 settled=-60 capital=-100000000 " +
		"balanced=true\n"
	ledger("taken back", back)
	send("00", "0421 stan=108 rrn=R1 amount=4000 arn="+arns[1])
	send("00", "0420 stan=109 rrn=R1 amount=4000 arn="+arns[1])
	ledger("taken back again", back)
}
