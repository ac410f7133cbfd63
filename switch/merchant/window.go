package merchant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/api"
)

// DefaultCaptureWindowDays is how long after an authorization its capture is taken, where nothing says otherwise.
const DefaultCaptureWindowDays = 30

// MaxCaptureWindowDays is the longest capture window: keys are kept 35 days, never less than the window.
const MaxCaptureWindowDays = 35

// maxRefundWindowDays is ten years, after which RRNs come round.
const maxRefundWindowDays = 3650

const day = 24 * time.Hour

// WindowRow is a row of a table of capture windows, as configurations write it. What it leaves out fits everything.
type WindowRow struct {
	Schemes   []string `yaml:"schemes"`   // of the card, as pan.Brand names them
	Entries   []string `yaml:"entries"`   // as requests name them
	Initiator string   `yaml:"initiator"` // cardholder or merchant
	MCCs      []string `yaml:"mccs"`      // merchant categories, and ranges of them such as 3500-3999
	Days      int      `yaml:"days"`      // how long after the authorization its capture is taken
}

// Windows is a table of capture windows. The zero value has no row.
type Windows struct{ rows []window }

// window is a row that can be asked.
type window struct {
	schemes    []string
	entries    uint64 // a bit an api.Entry; 0: all
	initiator  api.Initiator
	anybody    bool // whoever the initiator is
	categories [][2]int
	length     time.Duration
}

// Asked is what of an authorization decides its capture window.
type Asked struct {
	Card      string // its number
	Entry     api.Entry
	Initiator api.Initiator
}

// NewWindows makes a table. Its error names the row, from 1, and the key.
func NewWindows(rows []WindowRow) (Windows, error) {
	var table Windows
	for i := range rows {
		w, err := newWindow(&rows[i])
		if err != nil {
			return Windows{}, fmt.Errorf("capture_windows: row %d: %w", i+1, err)
		}
		table.rows = append(table.rows, w)
	}
	return table, nil
}

func newWindow(row *WindowRow) (w window, err error) {
	for _, scheme := range row.Schemes {
		if !slices.Contains(pan.Brands(), scheme) {
			return w, fmt.Errorf("schemes: %q: expected some of %s", scheme, strings.Join(pan.Brands(), ", "))
		}
	}
	w.schemes = row.Schemes
	for _, name := range row.Entries {
		entry, ok := api.ParseEntry(name)
		if !ok {
			return w, fmt.Errorf("entries: %q: expected entry modes of the gateway protocol, such as ecommerce", name)
		}
		w.entries |= 1 << entry
	}
	if w.anybody = row.Initiator == ""; !w.anybody {
		var ok bool
		if w.initiator, ok = api.ParseInitiator(row.Initiator); !ok {
			return w, fmt.Errorf("initiator: %q: expected cardholder or merchant, or nothing", row.Initiator)
		}
	}
	for _, text := range row.MCCs {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		if !isCategory(first) || !isCategory(last) || first > last {
			return w, fmt.Errorf("mccs: %q: expected four digits, or a range such as 3500-3999", text)
		}
		w.categories = append(w.categories, [2]int{category(first), category(last)})
	}
	if row.Days < 1 || row.Days > MaxCaptureWindowDays {
		return w, fmt.Errorf("days: %d: expected 1 to %d", row.Days, MaxCaptureWindowDays)
	}
	w.length = time.Duration(row.Days) * day
	return w, nil
}

func isCategory(text string) bool { return len(text) == 4 && strings.Trim(text, "0123456789") == "" }

// category is an MCC as a number.
func category(text string) int {
	n, _ := strconv.Atoi(text) // of four digits
	return n
}

// find returns the window of the first row that fits; ok is false where none does.
func (t *Windows) find(a *Asked, mcc string) (length time.Duration, ok bool) {
	for i := range t.rows {
		if t.rows[i].fits(a, mcc) {
			return t.rows[i].length, true
		}
	}
	return 0, false
}

func (w *window) fits(a *Asked, mcc string) bool {
	return (w.entries == 0 || w.entries&(1<<a.Entry) != 0) &&
		(w.anybody || w.initiator == a.Initiator) &&
		(w.categories == nil || w.takes(category(mcc))) &&
		(w.schemes == nil || slices.Contains(w.schemes, pan.Brand(a.Card)))
}

func (w *window) takes(mcc int) bool {
	for _, c := range w.categories {
		if c[0] <= mcc && mcc <= c[1] {
			return true
		}
	}
	return false
}

// CaptureWindow is how long after an authorization its capture is taken: by the first row of the merchant's own table
// that fits it, else the merchant's days, else the first row of the table of all, else the default.
func (p *Profile) CaptureWindow(all *Windows, a *Asked) time.Duration {
	if length, ok := p.windows.find(a, p.MCC); ok {
		return length
	}
	if p.CaptureWindowDays != 0 {
		return time.Duration(p.CaptureWindowDays) * day
	}
	if length, ok := all.find(a, p.MCC); ok {
		return length
	}
	return DefaultCaptureWindowDays * day
}

// RefundWindow is how long after a capture or sale it is refunded; 0: without an end.
func (p *Profile) RefundWindow() time.Duration { return time.Duration(p.RefundWindowDays) * day }

// checkWindows makes the table of the profile's own rows and checks its windows.
func (p *Profile) checkWindows() (err error) {
	if p.CaptureWindowDays < 0 || p.CaptureWindowDays > MaxCaptureWindowDays {
		return fmt.Errorf("capture_window_days %d: expected 1 to %d, or nothing", p.CaptureWindowDays, MaxCaptureWindowDays)
	}
	if p.RefundWindowDays < 0 || p.RefundWindowDays > maxRefundWindowDays {
		return fmt.Errorf("refund_window_days %d: expected 1 to %d, or nothing", p.RefundWindowDays, maxRefundWindowDays)
	}
	p.windows, err = NewWindows(p.CaptureWindows)
	return err
}
