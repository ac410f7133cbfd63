package workday_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"switchyard/internal/workday"
)

func date(t *testing.T, text string) workday.Date {
	t.Helper()
	d, err := workday.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func calendar(t *testing.T) *workday.Calendar {
	t.Helper()
	c, err := workday.New([]time.Weekday{time.Saturday, time.Sunday}, []workday.Date{
		date(t, "2026-12-25"), date(t, "2027-01-01"),
	}, date(t, "2027-01-31"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAfter(t *testing.T) {
	c := calendar(t)
	for _, x := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-11-23", 1, "2026-11-24"}, // a Monday
		{"2026-11-27", 1, "2026-11-30"}, // over a weekend
		{"2026-11-28", 1, "2026-11-30"}, // from a Saturday
		{"2026-11-29", 2, "2026-12-01"},
		{"2026-12-24", 1, "2026-12-28"}, // a holiday and a weekend behind it
		{"2026-12-25", 1, "2026-12-28"}, // from a holiday
		{"2026-12-30", 3, "2027-01-05"}, // into another year, over a holiday and a weekend
		{"2027-01-28", 1, "2027-01-29"}, // the last that the calendar has
	} {
		if got, err := c.After(date(t, x.from), x.n); err != nil || got != date(t, x.want) {
			t.Errorf("%d business days after %s: %s, %v; want %s", x.n, x.from, got, err, x.want)
		}
	}
	_, err := c.After(date(t, "2027-01-29"), 1)
	if err == nil || err.Error() != "2027-02-01 lies behind 2027-01-31, until which the calendar lists holidays" {
		t.Errorf("behind what is listed: %v", err)
	}
}

func TestNew(t *testing.T) {
	week := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	holiday := date(t, "2026-12-25")
	for want, err := range map[string]error{
		"the whole week":             made(week, nil, holiday),
		"2026-12-25 stands twice":    made(nil, []workday.Date{holiday, holiday}, holiday),
		"2026-12-25 lies behind 202": made(nil, []workday.Date{holiday}, holiday-1),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if err := made([]time.Weekday{0, 0, 1, 2, 3, 4, 5}, nil, holiday); err != nil { // Sunday twice
		t.Error(err)
	}
}

func made(weekend []time.Weekday, holidays []workday.Date, until workday.Date) error {
	_, err := workday.New(weekend, holidays, until)
	return err
}

// Days go on over months, leap years and the epoch, and come back as they were.
func TestDate(t *testing.T) {
	for at := time.Date(1968, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2105; at = at.AddDate(0, 0, 1) {
		d := workday.Of(at)
		if d.Time() != at || d.String() != at.Format(time.DateOnly) || date(t, d.String()) != d ||
			workday.Of(at.AddDate(0, 0, 1)) != d+1 {
			t.Fatalf("%s is %s", at, d)
		}
	}
	late := time.Date(2026, 11, 26, 23, 59, 0, 0, time.FixedZone("", -5*3600))
	if d := workday.Of(late); d.String() != "2026-11-26" {
		t.Errorf("the day of %s: %s", late, d)
	}
	var back struct{ D workday.Date }
	text, err := json.Marshal(struct{ D workday.Date }{date(t, "2026-11-26")})
	if err != nil || string(text) != `{"D":"2026-11-26"}` {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal(text, &back); err != nil || back.D != date(t, "2026-11-26") {
		t.Errorf("%s, %v", back.D, err)
	}
	for _, text := range []string{"", "2026-02-29", "26-11-26", "2026-11-26 "} {
		if _, err := workday.Parse(text); err == nil {
			t.Errorf("%q is taken for a date", text)
		}
	}
}
