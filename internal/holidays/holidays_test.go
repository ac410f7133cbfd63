package holidays_test

import (
	"strings"
	"testing"
	"time"

	"switchyard/internal/holidays"
)

// The holidays of some years as they are published; of the US also the Friday before one on a Saturday, which the law
// has and the Federal Reserve has not. A version of the library that says otherwise is to be looked at.
func TestCalendars(t *testing.T) {
	for name, years := range map[string]map[int]string{
		"TARGET": {
			2026: "01-01 04-03 04-06 05-01 12-25 12-26",
			2027: "01-01 03-26 03-29 05-01 12-25 12-26",
		},
		"DE": {2026: "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26"},
		"GB": {2027: "01-01 03-26 03-29 05-03 05-31 08-30 12-25 12-26 12-27 12-28"}, // Christmas is a Saturday
		"US": {2027: "01-01 01-18 02-15 05-31 06-18 06-19 07-04 07-05 09-06 10-11 11-11 11-25 12-24 12-25 12-31"},
	} {
		c, err := holidays.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for year, want := range years {
			var got []string
			for _, h := range c.Year(year) {
				got = append(got, strings.TrimPrefix(h.Date, h.Date[:5]))
				if h.Name == "" {
					t.Errorf("%s: %s has no name", name, h.Date)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s has %s, want %s", name, strings.Join(got, " "), want)
			}
		}
	}
}

// Every calendar has holidays in each of its years, and none beyond.
func TestEveryCalendar(t *testing.T) {
	for _, name := range holidays.Names() {
		c, err := holidays.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for year := holidays.FirstYear - 1; year <= holidays.LastYear+1; year++ {
			within := year >= holidays.FirstYear && year <= holidays.LastYear
			if got := len(c.Year(year)); within != (got >= 4) || !within && got > 0 {
				t.Errorf("%s has %d holidays in %d", name, got, year)
			}
		}
		newYear := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
		if !c.Has(newYear) || c.Has(newYear.AddDate(0, 0, 13)) {
			t.Errorf("%s: on New Year's Day %v, on January 14 %v", name, c.Has(newYear), c.Has(newYear.AddDate(0, 0, 13)))
		}
	}
	if _, err := holidays.Open("EU"); err == nil || !strings.HasPrefix(err.Error(), `"EU": expected AT, BE`) {
		t.Errorf("a calendar that there is not: %v", err)
	}
}
