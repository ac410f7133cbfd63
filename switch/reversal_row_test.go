package txswitch_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/switchtest"
)

// The CSV row that takes a capture back has the capture's place among its authorization's, as docs/clearing.md says.
func TestReversalRowHasItsCapturesSequence(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	rows := func(ahead bool) (told []string) {
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
			told = append(told, fmt.Sprintf("%s reversal %v: %d of %d, reason %q", row.CaptureID, row.Reversal, row.Sequence, row.Count, row.MessageReason))
		}
		slices.Sort(told)
		return told
	}
	p := s.Do(switchtest.Authorize("a", 1000)).Payment
	for i, amount := range []int64{300, 200, 500} {
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", i), p, amount)), "")
	}
	want := []string{
		p + `-1 reversal false: 1 of 2, reason "1403"`, p + `-2 reversal false: 2 of 3, reason "1403"`, p + `-3 reversal false: 3 of 3, reason "1404"`,
	}
	if got := rows(false); !slices.Equal(got, want) {
		t.Errorf("the captures' rows are %q, want %q", got, want)
	}
	for _, capture := range []string{"-1", "-2", "-3"} {
		void := switchtest.On(api.OpVoid, "v"+capture, p, 0)
		void.Capture, void.Present = p+capture, void.Present.With(api.FieldCapture)
		wantApproved(t, s.Do(void), "")
	}
	want = []string{p + `-1 reversal true: 1 of 1, reason ""`, p + `-2 reversal true: 2 of 2, reason ""`, p + `-3 reversal true: 3 of 3, reason ""`}
	if got := rows(true); !slices.Equal(got, want) {
		t.Errorf("the reversals' rows are %q, want %q", got, want)
	}
}
