package txswitch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/internal/holidays"
	"switchyard/switch/cutover"
	"switchyard/switch/payment"
)

// NoSettlementConfig are business dates on which destinations have no settlement: no files are written for them, and
// what stands in the date goes into those of the next one that has.
type NoSettlementConfig struct {
	Destinations []string `yaml:"destinations"` // none: all that no other entry names
	Weekdays     []string `yaml:"weekdays"`     // Monday to Sunday
	Dates        []string `yaml:"dates"`        // YYYY-MM-DD, or MM-DD of each year
	Calendars    []string `yaml:"calendars"`    // TARGET, or countries by ISO 3166: their holidays
}

// calendar puts the entries together. Its error names the key.
func (c *ClearingConfig) calendar() (cutover.Calendar, error) {
	all, others := cutover.Calendar{Destinations: map[string]cutover.ClosedDays{}}, false
	for i := range c.NoSettlement {
		x := &c.NoSettlement[i]
		key := fmt.Sprintf("clearing.no_settlement[%d]", i)
		days, err := x.days()
		if err != nil {
			return all, fmt.Errorf("%s.%w", key, err)
		}
		if len(x.Destinations) == 0 {
			if others {
				return all, fmt.Errorf("%s.destinations: missing; an entry before it is of all others already", key)
			}
			all.Others, others = days, true
		}
		for _, name := range x.Destinations {
			if _, twice := all.Destinations[name]; twice || !storable(name) {
				return all, fmt.Errorf("%s.destinations: %q: expected names of destinations, each once in all entries", key, name)
			}
			all.Destinations[name] = days
		}
	}
	return all, nil
}

const daysOfWeek = 7

func (x *NoSettlementConfig) days() (days cutover.ClosedDays, err error) {
	for i, name := range x.Weekdays {
		day := time.Weekday(slices.IndexFunc([]time.Weekday{0, 1, 2, 3, 4, 5, 6}, func(d time.Weekday) bool {
			return strings.EqualFold(d.String(), name)
		}))
		if day < 0 || slices.Contains(days.Weekdays, day) {
			return days, fmt.Errorf("weekdays[%d]: %q: expected Monday to Sunday, each once", i, name)
		}
		days.Weekdays = append(days.Weekdays, day)
	}
	if len(days.Weekdays) == daysOfWeek {
		return days, fmt.Errorf("weekdays: all seven; expected a day with settlement")
	}
	for i, text := range x.Dates {
		const leapYear = "2024-"
		if date, err := payment.ParseDate(text); err == nil {
			days.Dates = append(days.Dates, date)
		} else if date, err := payment.ParseDate(leapYear + text); err == nil {
			days.Yearly = append(days.Yearly, int(date)%10000)
		} else {
			return days, fmt.Errorf("dates[%d]: %q: expected YYYY-MM-DD, or MM-DD of each year", i, text)
		}
	}
	for i, name := range x.Calendars {
		calendar, err := holidays.Open(name)
		if err != nil {
			return days, fmt.Errorf("calendars[%d]: %w", i, err)
		}
		if slices.Contains(x.Calendars[:i], name) {
			return days, fmt.Errorf("calendars[%d]: %q: expected each once", i, name)
		}
		days.Holidays = append(days.Holidays, calendar)
	}
	if len(days.Weekdays)+len(x.Dates)+len(x.Calendars) == 0 {
		return days, fmt.Errorf("weekdays, dates, calendars: all are missing; expected days without settlement")
	}
	if len(days.Yearly) >= 365 {
		return days, fmt.Errorf("dates: %d days of each year; expected a day with settlement", len(days.Yearly))
	}
	return days, nil
}
