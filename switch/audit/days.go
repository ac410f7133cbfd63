package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// calendar is what the switch says of its business dates.
type calendar struct {
	days map[string]*businessDay // by YYYY-MM-DD; nil: the switch was not asked
	// windows are what the files of windows are made with, by file id.
	windows map[string]*daySettings
}

// businessDay is one date as GET /v1/days tells it. What it was sealed with is absent before; what its windows were is
// the calendar's.
type businessDay struct {
	Date  string       `json:"date"`
	State string       `json:"state"`
	Data  *daySettings `json:"data"`

	windows []*daySettings // also of a date that is not sealed
}

// daySettings are what the files of a date, or of one of its windows, are made with, fixed when that was sealed.
type daySettings struct {
	Format      int                 `json:"format"`
	SealedAt    time.Time           `json:"sealed_at"`
	AcquirerID  string              `json:"acquirer_id"`
	ProcessorID string              `json:"processor_id"`
	CodePage    string              `json:"code_page"`
	Blocked     bool                `json:"blocked"`
	RDW         bool                `json:"rdw"`
	Forms       map[string]fileForm `json:"forms"` // of destinations whose files have another one
	Production  bool                `json:"production"`
	Location    string              `json:"location"`
	// Held are destinations without settlement, which have no files of the date; all of a date that was refused. Of that
	// Aside names the first that were put aside before.
	Held  []string `json:"held"`
	Aside *struct {
		Records []asideRecord `json:"records"`
	} `json:"aside"`
	Result *struct {
		Files []writtenFile `json:"files"`
	} `json:"result"`
	Windows []*daySettings `json:"windows"`
	// Destination and Window name one of the date's windows.
	Destination string `json:"destination"`
	Window      int    `json:"window"`
	// Release is there where the files wait for people, or did so.
	Release *struct {
		By string `json:"by"`
	} `json:"release"`

	location *time.Location
}

// asideRecord is a presentment whose record could not be built when its date was sealed.
type asideRecord struct {
	Payment   string `json:"payment"`
	Operation int    `json:"operation"`
}

// putAside tells whether the date names a presentment among those that were put aside.
func (s *daySettings) putAside(payment string, operation int) bool {
	return s.Aside != nil && slices.Contains(s.Aside.Records, asideRecord{payment, operation})
}

// fileForm is how a file is written.
type fileForm struct {
	CodePage string `json:"code_page"`
	Blocked  bool   `json:"blocked"`
	RDW      bool   `json:"rdw"`
}

// form is that of the files of a destination.
func (s *daySettings) form(destination string) fileForm {
	if f, own := s.Forms[destination]; own {
		return f
	}
	return fileForm{s.CodePage, s.Blocked, s.RDW}
}

// writtenFile is a clearing file that the switch says it wrote. A destination may have several on a date.
type writtenFile struct {
	Destination string `json:"destination"`
	FileID      string `json:"file_id"`
}

const (
	dayOpen    = "open"
	dayClosing = "closing"
	dayWritten = "written"
)

// maxDays bounds the list of business dates: a hundred years of a few KB each.
const maxDays = 256 << 20

func readDays(ctx context.Context, open Open) (*calendar, error) {
	if open == nil {
		return &calendar{}, nil
	}
	in, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("business dates: %w", err)
	}
	defer in.Close()
	var list []*businessDay
	if err := json.NewDecoder(io.LimitReader(in, maxDays)).Decode(&list); err != nil {
		return nil, fmt.Errorf("business dates: no list as expected: %w", err)
	}
	c := &calendar{days: map[string]*businessDay{}, windows: map[string]*daySettings{}}
	for _, d := range list {
		c.days[d.Date] = d
		if d.Data == nil {
			continue
		}
		for _, s := range append(d.Data.Windows, d.Data) {
			if s.location, err = time.LoadLocation(s.Location); err != nil {
				return nil, fmt.Errorf("business dates: %s: location: %w", d.Date, err)
			}
		}
		d.windows = d.Data.Windows
		for _, w := range d.windows {
			if w.Result == nil {
				continue
			}
			for _, f := range w.Result.Files {
				c.windows[f.FileID] = w
			}
		}
		if d.State == dayOpen || d.State == dayClosing { // it has nothing but its windows
			d.Data = nil
		}
	}
	return c, nil
}

// settings returns what a file of a date was made with, nil where that is not known.
func (c *calendar) settings(date, file string) *daySettings {
	if w := c.windows[file]; w != nil {
		return w
	}
	if d := c.days[date]; d != nil {
		return d.Data
	}
	return nil
}

// inZones counts the time zones that the files of a date were made in.
func (c *calendar) inZones(date string) int {
	zones := map[string]bool{}
	if d := c.days[date]; d != nil {
		if d.Data != nil {
			zones[d.Data.Location] = true
		}
		for _, w := range d.windows {
			zones[w.Location] = true
		}
	}
	return len(zones)
}

// files lists what the switch says it wrote for a date, nil where it does not say.
func (c *calendar) files(date string) []writtenFile {
	if d := c.days[date]; d != nil && d.Data != nil && d.Data.Result != nil {
		return d.Data.Result.Files
	}
	return nil
}

// inWindows lists what the switch says it wrote for the windows of a date.
func (d *businessDay) inWindows() (files []writtenFile) {
	for _, w := range d.windows {
		if w.Result != nil {
			files = append(files, w.Result.Files...)
		}
	}
	return files
}

// forRelease says what settings that nothing is written with wait for, if it is people.
func (s *daySettings) forRelease() string {
	if s == nil || s.Release == nil || s.Release.By != "" {
		return ""
	}
	return "; it waits for its release"
}

// overdueDates reports the dates that should have been written: so long after their own end, which is midnight UTC, or
// after they were sealed; and of one that is not reported its windows, so long after they were sealed.
func (a *auditor) overdueDates() {
	if a.now.IsZero() || a.options.DateAge <= 0 {
		return
	}
	dates := make([]string, 0, len(a.calendar.days))
	for date := range a.calendar.days {
		dates = append(dates, date)
	}
	slices.Sort(dates)
	for _, date := range dates {
		d := a.calendar.days[date]
		day, err := time.Parse(time.DateOnly, date)
		if d.State == dayWritten || err != nil || !a.options.covers(date) {
			continue
		}
		since := day.AddDate(0, 0, 1)
		if d.Data != nil && !d.Data.SealedAt.IsZero() && d.Data.SealedAt.Before(since) {
			since = d.Data.SealedAt
		}
		if age := a.now.Sub(since); age > a.options.DateAge {
			a.report.differ(Difference{Kind: DateOverdue,
				Detail: fmt.Sprintf("business date %s is %s %s after it should have been written%s", date,
					d.State, age.Round(time.Second), d.Data.forRelease())})
			continue
		}
		for _, w := range d.windows {
			if age := a.now.Sub(w.SealedAt); w.Result == nil && age > a.options.DateAge {
				a.report.differ(Difference{Kind: DateOverdue,
					Detail: fmt.Sprintf("window %d of %s of business date %s is not written %s after it was sealed%s", w.Window,
						w.Destination, date, age.Round(time.Second), w.forRelease())})
			}
		}
	}
}
