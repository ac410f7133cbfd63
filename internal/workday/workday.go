// Package workday counts business days: the days on which a bank moves money. A [Calendar] is what an agreement says
// of them, its weekend and the holidays that it lists, and until when it lists them.
//
// It guarantees that no day is called a business day that lies behind what the calendar lists: a holiday that nobody
// has entered yet would be one, and money would be promised for it. It is not a clock and knows no zones: a [Date] is
// a day as a calendar on the wall has it.
package workday

import (
	"errors"
	"fmt"
	"time"
)

// A Date is a day: how many there are from 1970-01-01 to it. The next day is one more.
type Date int32

const day = 24 * time.Hour

// Of is the day of a time, in the time's own location.
func Of(t time.Time) Date {
	year, month, dayOfMonth := t.Date()
	return Date(time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC).Unix() / int64(day/time.Second))
}

// Parse reads YYYY-MM-DD.
func Parse(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no date: expected YYYY-MM-DD", text)
	}
	return Of(t), nil
}

// Time is midnight UTC of the day.
func (d Date) Time() time.Time { return time.Unix(0, 0).UTC().AddDate(0, 0, int(d)) }

// String is YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = Parse(string(text))
	return err
}

// A Calendar says which days are business days.
type Calendar struct {
	weekend  [7]bool
	holidays map[Date]bool
	until    Date
}

// New makes a calendar of the days of the week that are none, of holidays, and of the last day for which holidays are
// listed. A week needs a business day.
func New(weekend []time.Weekday, holidays []Date, until Date) (*Calendar, error) {
	c := &Calendar{holidays: map[Date]bool{}, until: until}
	free := 0
	for _, weekday := range weekend {
		if !c.weekend[weekday] {
			free++
		}
		c.weekend[weekday] = true
	}
	if free == len(c.weekend) {
		return nil, errors.New("the weekend takes the whole week: expected a business day")
	}
	for _, holiday := range holidays {
		switch {
		case c.holidays[holiday]:
			return nil, fmt.Errorf("holiday %s stands twice", holiday)
		case holiday > until:
			return nil, fmt.Errorf("holiday %s lies behind %s, until which they are listed", holiday, until)
		}
		c.holidays[holiday] = true
	}
	return c, nil
}

// Open tells whether a day is a business day. It is an error behind what the calendar lists.
func (c *Calendar) Open(d Date) (bool, error) {
	if d > c.until {
		return false, fmt.Errorf("%s lies behind %s, until which the calendar lists holidays", d, c.until)
	}
	return !c.weekend[d.Time().Weekday()] && !c.holidays[d], nil
}

// After is the n-th business day behind a day, which need not be one; n is at least 1.
func (c *Calendar) After(d Date, n int) (Date, error) {
	for n > 0 {
		d++
		open, err := c.Open(d)
		if err != nil {
			return 0, err
		}
		if open {
			n--
		}
	}
	return d, nil
}
