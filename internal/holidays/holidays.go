// Package holidays knows on which days TARGET, which settles euros, and countries rest, by the rules of a library that
// others keep (github.com/rickar/cal).
//
// A calendar has the days of the years FirstYear to LastYear: the holiday itself, and where it falls on a day of rest
// the day that is had instead. It answers the same as long as the library's version does. It knows no weekends, no
// holidays of a part of a country alone, and nothing of what a scheme or a bank publishes.
package holidays

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/bg"
	"github.com/rickar/cal/v2/br"
	"github.com/rickar/cal/v2/ca"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/gr"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/jp"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/nz"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/us"
	"github.com/rickar/cal/v2/za"
)

// The years that calendars have.
const (
	FirstYear = 2000
	LastYear  = 2150
)

// rules are those of the calendars by their names: countries by ISO 3166.
var rules = map[string][]*cal.Holiday{
	"TARGET": ecb.Holidays,
	"AT":     at.Holidays, "BE": be.Holidays, "BG": bg.Holidays, "BR": br.Holidays, "CA": ca.Holidays, "CH": ch.Holidays,
	"CZ": cz.Holidays, "DE": de.Holidays, "DK": dk.Holidays, "ES": es.Holidays, "FR": fr.Holidays, "GB": gb.Holidays,
	"GR": gr.Holidays, "HR": hr.Holidays, "IE": ie.Holidays, "IT": it.Holidays, "JP": jp.Holidays, "LT": lt.Holidays,
	"LV": lv.Holidays, "NL": nl.Holidays, "NO": no.Holidays, "NZ": nz.Holidays, "PL": pl.Holidays, "RO": ro.Holidays,
	"SE": se.Holidays, "SI": si.Holidays, "SK": sk.Holidays, "US": us.Holidays, "ZA": za.Holidays,
}

// Names lists the calendars that there are.
func Names() []string { return slices.Sorted(maps.Keys(rules)) }

// A Calendar is the days on which one rests.
type Calendar struct{ days map[day]string }

// day is a date, YYYYMMDD.
type day int

func dayOf(t time.Time) day {
	year, month, d := t.Date()
	return day(year*10000 + int(month)*100 + d)
}

// Open makes the calendar of a name.
func Open(name string) (*Calendar, error) {
	of, known := rules[name]
	if !known {
		return nil, fmt.Errorf("%q: expected %s", name, strings.Join(Names(), ", "))
	}
	c := &Calendar{days: map[day]string{}}
	for _, h := range of {
		for year := FirstYear - 1; year <= LastYear+1; year++ { // a day that is had instead may be of the year beside it
			actual, instead := h.Calc(year)
			for _, t := range [...]time.Time{actual, instead} {
				if !t.IsZero() && t.Year() >= FirstYear && t.Year() <= LastYear {
					c.days[dayOf(t)] = h.Name
				}
			}
		}
	}
	return c, nil
}

// Has tells whether one rests on the day of a moment.
func (c *Calendar) Has(t time.Time) bool { return c.days[dayOf(t)] != "" }

// A Holiday is a day of a calendar.
type Holiday struct {
	Date string `json:"date"` // YYYY-MM-DD
	Name string `json:"name"` // in English or the country's language
}

// Year lists the holidays of a year, in their order.
func (c *Calendar) Year(year int) (all []Holiday) {
	for t := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() == year; t = t.AddDate(0, 0, 1) {
		if name := c.days[dayOf(t)]; name != "" {
			all = append(all, Holiday{t.Format(time.DateOnly), name})
		}
	}
	return all
}
