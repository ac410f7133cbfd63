package txswitch_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/merchant"
	"switchyard/switch/switchtest"
)

// dayRows cuts over and tells the rows of the detail file of the only destination.
func dayRows(t *testing.T, s *switchtest.System, ahead bool) (told []string) {
	t.Helper()
	var result struct {
		Files []struct {
			DetailCSV string `json:"detail_csv"`
		}
	}
	s.Operator("POST", fmt.Sprintf("/v1/cutover?ahead=%v", ahead), &result)
	f, err := s.FS.Open(result.Files[0].DetailCSV)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for row, err := range clearing.ReadDetail(f) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s reversal %v: %d of %d, reason %q, %s", row.CaptureID, row.Reversal, row.Sequence,
			row.Count, row.MessageReason, row.MerchantName))
	}
	slices.Sort(told)
	return told
}

func void(key, payment, capture string) api.Request {
	r := switchtest.On(api.OpVoid, key, payment, 0)
	r.Capture, r.Present = capture, r.Present.With(api.FieldCapture)
	return r
}

// A reversal's record repeats what its original says, whatever the merchants file says by then: DE25, sequence and
// count, the merchant.
func TestReversalRepeatsItsOriginal(t *testing.T) {
	name := "Old Name"
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		c.Merchants.Profiles = []merchant.Profile{{
			ID: "M1", Name: name, City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
		}}
	}})
	p := s.Do(switchtest.Authorize("a", 1000)).Payment
	for i, amount := range []int64{300, 200, 500} {
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", i), p, amount)), "")
	}
	want := []string{
		p + `-1 reversal false: 1 of 3, reason "1403", Old Name`, p + `-2 reversal false: 2 of 3, reason "1403", Old Name`,
		p + `-3 reversal false: 3 of 3, reason "1404", Old Name`,
	}
	if got := dayRows(t, s, false); !slices.Equal(got, want) {
		t.Errorf("the captures' rows are %q, want %q", got, want)
	}
	s.AwaitDrained()
	s.StopSwitch()
	name = "New Name"
	s.StartSwitch()
	for _, capture := range []string{"-1", "-2", "-3"} {
		wantApproved(t, s.Do(void("v"+capture, p, p+capture)), "")
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "reversal false", "reversal true", 1)
	}
	if got := dayRows(t, s, true); !slices.Equal(got, want) {
		t.Errorf("the reversals' rows are %q, want %q", got, want)
	}
}

// Sequence, count and DE25 are those of what stands in files: a capture that was voided before its date was sealed is
// none.
func TestPlacesOfWhatStandsInFiles(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	again := s.Do(switchtest.Authorize("again", 1000)).Payment
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "again-1", again, 1000)), "")
	wantApproved(t, s.Do(void("again-2", again, again+"-1")), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "again-3", again, 1000)), "")

	lone := s.Do(switchtest.Authorize("lone", 1000)).Payment
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "lone-1", lone, 300)), "")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "lone-2", lone, 700)), "")
	wantApproved(t, s.Do(void("lone-3", lone, lone+"-2")), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "lone-4", lone, 0)), "00")

	want := []string{again + `-3 reversal false: 1 of 1, reason "", M1`, lone + `-1 reversal false: 1 of 1, reason "", M1`}
	if got := dayRows(t, s, false); !slices.Equal(got, want) {
		t.Errorf("the rows are %q, want %q", got, want)
	}
}

// While a date waits for a sale's outcome nothing enters it: a void of one of its captures becomes a record of its
// own, at once.
func TestVoidWhileItsDateIsBeingSealed(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Minute, Rules: `
rules:
  - when: {mti: ["0200"]}
    fault: {kind: no_answer}
`})
	var captured []string
	for n := range 50 {
		p := s.Do(switchtest.Authorize(fmt.Sprint("a", n), 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", n), p, 1000)), "")
		captured = append(captured, p)
	}
	s.AwaitDrained()
	sale := switchtest.Authorize("s", 500)
	sale.Op = api.OpSale
	sold := make(chan error, 1)
	before := begun(t, s)
	go func() {
		_, err := s.Client.Do(context.Background(), &sale)
		sold <- err
	}()
	s.Await("the sale is under way", func() bool { return begun(t, s) == before+1 })
	closed := make(chan error, 1)
	go func() {
		resp, err := http.Post("http://"+s.OperatorAddr+"/v1/cutover?wait=1m", "", nil)
		if err == nil {
			err = resp.Body.Close()
		}
		closed <- err
	}()
	closing := func() bool {
		var text string
		s.Operator("GET", "/v1/days", &text)
		return strings.Contains(text, "closing")
	}
	s.Await("the date is being closed", closing)
	// A void that comes before the sealing has begun is the issuer's, and is waited for as the sale is.
	next := 0
	voided := func() string {
		if next == len(captured) {
			t.Fatal("every void entered the date")
		}
		p := captured[next]
		next++
		a := s.Do(void(fmt.Sprint("v", next), p, p+"-1"))
		if !a.Approved {
			t.Fatalf("the void of capture %d of %d: %+v", next, len(captured), a)
		}
		return a.ResponseCode
	}
	s.Await("nothing enters the date any more", func() bool { return voided() == "" })
	p := captured[next]
	if code := voided(); code != "" {
		t.Errorf("a void entered the date while it was being sealed: the issuer answered it %s", code)
	}
	if !closing() {
		t.Fatal("the date was sealed before the void")
	}
	var story string
	s.Operator("GET", "/v1/payments?payment="+p, &story)
	if !strings.Contains(story, `"void_presentment"`) {
		t.Errorf("the void is no record of its own: %s", story)
	}
	s.StopIssuer() // with the link the sale's outcome is lost, and the date need not wait for it any more
	for _, done := range []chan error{sold, closed} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
